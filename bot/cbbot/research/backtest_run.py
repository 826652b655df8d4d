"""``cbbot backtest``: settings and candles in; a table, a JSON and a page out."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast, get_args

from cbbot.candles.candle_blocks import checked_form
from cbbot.contract.advice import warnings
from cbbot.contract.settings import Settings
from cbbot.domain.instrument import Instrument
from cbbot.errors import BadInput, CbbotError
from cbbot.kernel.advance import Portfolio, Tally
from cbbot.research.backtest import STRETCH, FillModel, Result, Span, run
from cbbot.research.backtest_report import as_document, marked_equity
from cbbot.research.candles import CandleFile, read_candles
from cbbot.research.core import PLAIN, Core
from cbbot.research.increments import decimal_option, instrument_of
from cbbot.research.outputs import Outputs
from cbbot.research.result_files import checked_table_form, equity_table, table_bytes, trades_table
from cbbot.research.result_tables import report_text
from cbbot.research.run_analysis import equity_columns
from cbbot.research.run_progress import Watch
from cbbot.trader.rules import Rules, build_rules

if TYPE_CHECKING:
    from cbbot.research.serving import MetricsServer, RunMetrics

__all__ = ["BacktestOptions", "LooksAhead", "backtest"]

_SERVED_STRETCH = 200
_LARGEST_PORT = 65_535
_WORTH_SAYING_SECONDS = 5


class LooksAhead(CbbotError):
    """A decision is another one when later candles are known: the backtest's figures cannot be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestOptions:
    """What the command line asks for besides the settings, and where those came from, so that nothing overwrites it.

    Increments are decimal text, None for those of the known product or else of the candles. ``form`` names the columns
    of a file without a header, None to find out. ``warnings`` have been told already; the result repeats them.
    """

    csv: Path
    form: str | None = None
    settings_file: Path | None = None
    json: Path | None = None
    html: Path | None = None
    trades: Path | None = None
    equity: Path | None = None
    warnings: tuple[str, ...] = ()
    fill_model: str = "close"
    compiled: bool = False
    check_lookahead: bool = False
    check_warmup: bool = False
    serve: int | None = None
    serve_host: str = "127.0.0.1"
    train_fraction: str = "0.7"
    warmup: int = 50
    skip_bad_rows: bool = False
    price_increment: str | None = None
    base_increment: str | None = None
    quote_increment: str | None = None
    min_notional: str | None = None


def backtest(settings: Settings, options: BacktestOptions, stream: TextIO | None = None) -> dict[str, Any]:
    """Run a backtest, print its report, write its files. Returns the JSON's document.

    ``stream`` takes what is said besides the report: warnings and progress. The report itself goes to
    standard output, or to standard error when a result goes to standard output.

    Raises:
        BadInput: a file, an option or a setting that cannot be used; then nothing is written.
        LooksAhead: ``check_lookahead`` found a difference; everything asked for is written.
    """
    stream = stream or sys.stderr
    settings = replace(settings, dry_run=True)
    fraction, fill_model, outputs = _checked(options)
    instrument = _instrument(settings.product_id, options)
    core = _core(options, stream)
    with _served(options, stream) as server:
        advised = warnings(settings)
        for warning in advised:
            print(f"warning: {warning}", file=stream)
        file = read_candles(
            options.csv, instrument, settings.candle_seconds, skip_bad_rows=options.skip_bad_rows, form=options.form
        )
        _remark(stream, options.csv, file)
        rules = build_rules(settings, instrument)
        span = Span.of(len(file.columns.start), fraction, options.warmup)
        say_pace(stream, settings, span, served=server is not None)
        result = _watched(stream, rules, file, span, fill_model, core, server)
    document = as_document(result, fill_model, file, (*options.warnings, *advised, *file.doubts))
    outputs.show(report_text(document))
    difference = _checks(stream, options, rules, file, span, fill_model, document, outputs)
    outputs.write(_results(options, document, result, file))
    if difference is not None:
        raise LooksAhead(f"the backtest looks ahead: {difference}")
    return document


def _instrument(product_id: str, options: BacktestOptions) -> Instrument:
    names = ("price_increment", "base_increment", "quote_increment", "min_notional")
    given = {name: getattr(options, name) for name in names}
    return instrument_of(product_id, given, options.csv, checked_form(options.form))


def _checked(options: BacktestOptions) -> tuple[Decimal, FillModel, Outputs]:
    """Training fraction, fill model and outputs; refuses whatever cannot be used before anything is done."""
    fraction = decimal_option("--train-fraction", options.train_fraction)
    if not 0 < fraction < 1:
        raise BadInput(f"--train-fraction={options.train_fraction} is not accepted: a number between 0 and 1")
    if options.warmup < 0:
        raise BadInput(f"--warmup={options.warmup} is not accepted: a whole number of 0 or more")
    if options.fill_model not in get_args(FillModel):
        accepted = " or ".join(get_args(FillModel))
        raise BadInput(f"--fill-model={options.fill_model} is not accepted: {accepted}")
    if options.serve is not None and not 0 <= options.serve <= _LARGEST_PORT:
        raise BadInput(f"--serve={options.serve} is not accepted: a port, 1 to {_LARGEST_PORT}, or 0 for a free one")
    read = [path for path in (options.csv, options.settings_file) if path is not None]
    asked = {"--json": options.json, "--html": options.html, "--trades": options.trades, "--equity": options.equity}
    for option in ("--trades", "--equity"):
        if (path := asked[option]) is not None:
            checked_table_form(option, path)
    outputs = Outputs(asked, read)
    if options.html is not None and importlib.util.find_spec("plotly") is None:
        raise BadInput("--html needs plotly, which is not installed: pip install 'cbbot[research]'")
    return fraction, cast("FillModel", options.fill_model), outputs


def _served(options: BacktestOptions, stream: TextIO) -> contextlib.AbstractContextManager[MetricsServer | None]:
    if options.serve is None:
        return contextlib.nullcontext()
    from cbbot.research.serving import MetricsServer  # noqa: PLC0415 - 0.1 s that only --serve needs

    server = MetricsServer(options.serve_host, options.serve)
    print(f"metrics at http://{server.host}:{server.port}/metrics while the backtest runs", file=stream, flush=True)
    return server


def _remark(stream: TextIO, path: Path, candles: CandleFile) -> None:
    counts = (("bad row", candles.bad_rows), ("duplicate", candles.duplicates), ("gap", candles.gaps))
    said = [f"{count:,} {name}{'s' if count != 1 else ''}" for name, count in counts if count]
    if candles.outside_range:
        said.append(f"{candles.outside_range:,} that open or close outside of their high and low")
    if said:
        print(f"{path}: {', '.join(said)}", file=stream)
    for note in candles.notes:
        print(f"{path}: {note}", file=stream)
    for doubt in candles.doubts:
        print(f"warning: {path}: {doubt}", file=stream)


def say_pace(stream: TextIO, settings: Settings, span: Span, *, served: bool) -> None:
    """A bot.env made to be watched makes a backtest slow, if it is watched; nobody should have to guess why."""
    if settings.backtest_sleep_ms and not served:
        print(f"BACKTEST_SLEEP_MS={settings.backtest_sleep_ms} is ignored: it counts with --serve alone", file=stream)
        return
    seconds = settings.backtest_sleep_ms * (span.total - span.first) // 1000
    if seconds >= _WORTH_SAYING_SECONDS:
        pace = f"BACKTEST_SLEEP_MS={settings.backtest_sleep_ms} makes this take {seconds} s at least"
        print(f"{pace}; --set BACKTEST_SLEEP_MS=0 runs at full speed", file=stream)


def _core(options: BacktestOptions, stream: TextIO) -> Core:
    if not options.compiled:
        return PLAIN
    if options.serve is not None:
        raise BadInput("--compiled runs too fast to be watched: leave --serve out")
    from cbbot.research.compiled import compiled, kept, ready  # noqa: PLC0415 - only when asked for

    if not ready():
        again = (
            "; the next run finds it done" if kept() else ", as every run must: the cache folder cannot be written to"
        )
        print(f"compiling{again}", file=stream, flush=True)
    return compiled()


def _watched(
    stream: TextIO,
    rules: Rules,
    file: CandleFile,
    span: Span,
    fill_model: FillModel,
    core: Core,
    server: MetricsServer | None,
) -> Result:
    """Run with progress shown and metrics served; a run that is served at the pace that BACKTEST_SLEEP_MS sets."""
    pause = rules.settings.backtest_sleep_ms / 1000.0 if server else 0.0
    stretch = 1 if pause else _SERVED_STRETCH if server else STRETCH
    metrics = _metrics(rules, file, span, server)
    with Watch(stream, "backtest", span.total - span.first) as watch:

        def each(done: int, portfolio: Portfolio, tally: Tally) -> None:
            watch(done)
            if metrics is not None:
                metrics.update(done, portfolio, tally)
            if pause:
                time.sleep(pause)

        return run(rules, file.columns, span, each, stretch, fill_model, core)


def _metrics(rules: Rules, file: CandleFile, span: Span, server: MetricsServer | None) -> RunMetrics | None:
    if server is None:
        return None
    from cbbot.research.serving import RunMetrics  # noqa: PLC0415 - as in _served

    server.run = RunMetrics(rules, file.columns, span)
    return server.run


def _checks(
    stream: TextIO,
    options: BacktestOptions,
    rules: Rules,
    file: CandleFile,
    span: Span,
    fill_model: FillModel,
    document: dict[str, Any],
    outputs: Outputs,
) -> str | None:
    """Make the checks that are asked for, print them, put them into the document; what looks ahead, if anything."""
    difference = None
    if options.check_lookahead:
        from cbbot.research.lookahead import check_lookahead, lookahead_steps  # noqa: PLC0415 - only when asked for

        with Watch(stream, "look-ahead", lookahead_steps(span), "steps and runs") as watch:
            looked = check_lookahead(rules, file.columns, span, fill_model, watch)
        outputs.show(f"\n{looked.text()}")
        document.setdefault("checks", {})["lookahead"] = looked.as_json()
        difference = looked.difference
    if options.check_warmup:
        from cbbot.research.warmup import check_warmup, warmup_lengths  # noqa: PLC0415 - only when asked for

        with Watch(stream, "warm-up", len(warmup_lengths(rules, span)), "start-ups") as watch:
            warmed = check_warmup(rules, file.columns, span, watch)
        outputs.show(f"\n{warmed.text()}")
        document.setdefault("checks", {})["warmup"] = warmed.as_json()
    return difference


def _results(
    options: BacktestOptions, document: dict[str, Any], result: Result, file: CandleFile
) -> dict[str, str | bytes]:
    """What was asked for, by the option that names where it goes."""
    results: dict[str, str | bytes] = {}
    if options.html is not None:
        from cbbot.research.page import page  # noqa: PLC0415 - only when asked for

        results["--html"] = page(document, result, file.columns, _name(options.csv))
    if options.trades is not None:
        form = checked_table_form("--trades", options.trades)
        results["--trades"] = table_bytes(trades_table(document["trades"]), form, result.instrument)
    if options.json is None and options.equity is None:
        return results
    curve = equity_columns(result, marked_equity(result))
    if options.json is not None:
        document["equity_curve"] = curve
        results["--json"] = _json_text(document)
    if options.equity is not None:
        form = checked_table_form("--equity", options.equity)
        results["--equity"] = table_bytes(equity_table(curve), form, result.instrument)
    return results


def _json_text(document: Mapping[str, Any]) -> str:
    """Indented for people, but for the curve, whose columns of a value for each step are a line each."""
    curve = ",\n".join(
        f'  "{name}": {json.dumps(values, allow_nan=False)}' for name, values in document["equity_curve"].items()
    )
    rest = {key: value for key, value in document.items() if key != "equity_curve"}
    return f'{json.dumps(rest, indent=1, allow_nan=False)[:-2]},\n "equity_curve": {{\n{curve}\n }}\n}}\n'


def _name(path: Path) -> str:
    """The file's name as text that can be written, which the bytes of a file name need not be."""
    return os.fsencode(path.name).decode("utf-8", "replace")
