"""``cbbot backtest``: settings and candles in, a table for people and a JSON for scripts out."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cbbot.contract.advice import warnings
from cbbot.contract.settings import Settings
from cbbot.domain.decimals import parse_decimal
from cbbot.domain.instrument import BTC_USD, Instrument
from cbbot.errors import BadInput
from cbbot.kernel.advance import Account, Tally
from cbbot.research.backtest import STRETCH, Result, Span, run
from cbbot.research.candles import CandleFile, read_candles
from cbbot.research.report import as_document
from cbbot.research.table import print_report
from cbbot.trader.rules import rules

__all__ = ["BacktestOptions", "backtest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestOptions:
    """What the command line asks for besides the settings. Increments are decimal text, None for BTC-USD's."""

    csv: Path
    json: Path | None = None
    train_fraction: str = "0.7"
    warmup: int = 50
    skip_bad_rows: bool = False
    price_increment: str | None = None
    base_increment: str | None = None
    quote_increment: str | None = None
    min_notional: str | None = None


def backtest(settings: Settings, options: BacktestOptions, console: Console | None = None) -> dict[str, Any]:
    """Run a backtest, print its report, write its JSON. Returns the JSON's document.

    Raises:
        BadInput: a file, an option or a setting that cannot be used; then nothing is written.
    """
    console = console or Console(stderr=True)
    settings = replace(settings, dry_run=True)
    instrument = _instrument(settings.product_id, options)
    fraction = _fraction(options.train_fraction)
    if options.warmup < 0:
        raise BadInput(f"--warmup={options.warmup} is not accepted: a whole number of 0 or more")
    if options.json is not None:
        _writable(options.json)
    for warning in warnings(settings):
        console.print(f"[yellow]warning:[/] {warning}", soft_wrap=True)
    candles = read_candles(options.csv, instrument, settings.candle_seconds, skip_bad_rows=options.skip_bad_rows)
    _remark(console, options.csv, candles)
    span = Span.of(len(candles.columns.start), fraction, options.warmup)
    result = _watched(console, settings, instrument, candles, span)
    document = as_document(result)
    print_report(Console(file=sys.stdout), document)
    if options.json is not None:
        _write(options.json, document)
    return document


def _instrument(product_id: str, options: BacktestOptions) -> Instrument:
    names = ("price_increment", "base_increment", "quote_increment", "min_notional")
    given: Mapping[str, Decimal] = {
        name: _decimal(f"--{name.replace('_', '-')}", text)
        for name in names
        if (text := getattr(options, name)) is not None
    }
    return replace(BTC_USD, product_id=product_id, **given)


def _fraction(text: str) -> Decimal:
    fraction = _decimal("--train-fraction", text)
    if not 0 < fraction < 1:
        raise BadInput(f"--train-fraction={text} is not accepted: a number between 0 and 1")
    return fraction


def _decimal(option: str, text: str) -> Decimal:
    try:
        return parse_decimal(text)
    except BadInput as error:
        raise BadInput(f"{option}: {error}") from error


def _remark(console: Console, path: Path, candles: CandleFile) -> None:
    counts = (("bad row", candles.bad_rows), ("duplicate", candles.duplicates), ("gap", candles.gaps))
    said = [f"{count} {name}{'s' if count != 1 else ''}" for name, count in counts if count]
    if said:
        console.print(f"{path}: {', '.join(said)}", soft_wrap=True)


def _watched(console: Console, settings: Settings, instrument: Instrument, candles: CandleFile, span: Span) -> Result:
    """Run with a progress bar on a terminal, a line a second in a log; at the pace that BACKTEST_SLEEP_MS sets."""
    ruled = rules(settings, instrument)
    pause = settings.backtest_sleep_ms / 1000.0
    stretch = 1 if pause else STRETCH
    steps = span.total - span.first

    def paced(show: Callable[[int], None]) -> Callable[[int, Account, Tally], None]:
        def each(done: int, _account: Account, _tally: Tally) -> None:
            show(done)
            if pause:
                time.sleep(pause)

        return each

    if not console.is_terminal:
        return run(ruled, candles.columns, span, paced(_line_a_second(console, steps)), stretch)
    columns = (TextColumn("backtest"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("backtest", total=steps)
        return run(ruled, candles.columns, span, paced(lambda done: progress.update(task, completed=done)), stretch)


def _line_a_second(console: Console, steps: int) -> Callable[[int], None]:
    last = time.monotonic()

    def show(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= 1.0:
            last = time.monotonic()
            console.print(f"backtest: {done} of {steps} candles")

    return show


def _writable(path: Path) -> None:
    folder = path.parent
    if not folder.is_dir() or path.is_dir() or not os.access(folder, os.W_OK):
        raise BadInput(f"--json {path}: cannot be written there; is {folder} a folder that you may write to?")


def _write(path: Path, document: dict[str, Any]) -> None:
    """Whole or not at all: a reader never sees half a result."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(json.dumps(document, indent=1) + "\n")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise BadInput(f"--json {path}: cannot be written: {error}") from error
