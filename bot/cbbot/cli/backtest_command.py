"""``cbbot backtest``: the trader over a file of candles."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cbbot.cli.candle_options import FILE_HELP, FORMAT_HELP, INCREMENT_HELP, candle_file
from cbbot.cli.sources import gathered
from cbbot.contract.settings import Settings, load
from cbbot.contract.settings_reading import Problems
from cbbot.errors import BadInput
from cbbot.process.path_options import named_path
from cbbot.research.backtest_run import BacktestOptions
from cbbot.research.backtest_run import backtest as run_backtest

__all__ = ["backtest"]


Candles = Annotated[Path, typer.Option(parser=candle_file, metavar="FILE", help=FILE_HELP)]
Form = Annotated[str | None, typer.Option("--format", metavar="NAME", help=FORMAT_HELP)]
Env = Annotated[Path | None, typer.Option("--env", parser=named_path, metavar="FILE", help="Settings from a bot.env.")]
Manifest = Annotated[
    Path | None,
    typer.Option("-f", "--manifest", parser=named_path, metavar="FILE", help="Settings from a TradingBot instead."),
]
Assigned = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting; wins over everything.")
]
Json = Annotated[
    Path | None, typer.Option(parser=named_path, metavar="FILE", help="Write the result here; - is standard output.")
]
Html = Annotated[
    Path | None,
    typer.Option(parser=named_path, metavar="FILE", help="Write a page with charts here; - is standard output."),
]
Trades = Annotated[
    Path | None,
    typer.Option(parser=named_path, metavar="FILE", help="Write the trades here: .csv, .csv.gz or .parquet."),
]
Equity = Annotated[
    Path | None,
    typer.Option(parser=named_path, metavar="FILE", help="Write equity after each step here, in the same forms."),
]
Fills = Annotated[
    str, typer.Option(metavar="MODEL", help="What an exit sees of a candle: close, or ohlc (the worse way round).")
]
Compiled = Annotated[
    bool,
    typer.Option("--compiled", help="Run as machine code: for a million candles and more. Compiles once, for seconds."),
]
LookAhead = Annotated[
    bool, typer.Option("--check-lookahead", help="Decide again without the future; exit code 1 on a difference.")
]
WarmUp = Annotated[bool, typer.Option("--check-warmup", help="How decisions depend on where the history begins.")]
Serve = Annotated[
    int | None, typer.Option(metavar="PORT", help="Serve /metrics while it runs; BACKTEST_SLEEP_MS paces it.")
]
Host = Annotated[str, typer.Option(metavar="ADDRESS", help="Where --serve listens.")]
Share = Annotated[str, typer.Option(metavar="SHARE", help="Share of the candles to train on.")]
Unstepped = Annotated[int, typer.Option(metavar="N", help="Candles after the training part that are not stepped.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad-rows", help="Count and skip rows that are no candles.")]
PriceStep = Annotated[str | None, typer.Option(metavar="SIZE", help=f"Of the product.{INCREMENT_HELP}")]
BaseStep = Annotated[str | None, typer.Option(metavar="SIZE", help=f"Of the product.{INCREMENT_HELP}")]
QuoteStep = Annotated[str | None, typer.Option(metavar="SIZE", help=f"Of the product.{INCREMENT_HELP}")]
Smallest = Annotated[str | None, typer.Option(metavar="USD", help="Smallest order. [default: 1]")]


def backtest(
    csv: Candles,
    form: Form = None,
    env: Env = None,
    manifest: Manifest = None,
    assigned: Assigned = None,
    json: Json = None,
    html: Html = None,
    trades: Trades = None,
    equity: Equity = None,
    fill_model: Fills = "close",
    compiled: Compiled = False,
    check_lookahead: LookAhead = False,
    check_warmup: WarmUp = False,
    serve: Serve = None,
    serve_host: Host = "127.0.0.1",
    train_fraction: Share = "0.7",
    warmup: Unstepped = 50,
    skip_bad_rows: SkipBad = False,
    price_increment: PriceStep = None,
    base_increment: BaseStep = None,
    quote_increment: QuoteStep = None,
    min_notional: Smallest = None,
) -> int:
    """Train on the first part of the candles, trade on the rest, on paper whatever the settings say."""
    settings, warnings = _settings(env, manifest, assigned or ())
    options = BacktestOptions(
        csv=csv,
        form=form,
        settings_file=env or manifest,
        json=json,
        html=html,
        trades=trades,
        equity=equity,
        warnings=warnings,
        fill_model=fill_model,
        compiled=compiled,
        check_lookahead=check_lookahead,
        check_warmup=check_warmup,
        serve=serve,
        serve_host=serve_host,
        train_fraction=train_fraction,
        warmup=warmup,
        skip_bad_rows=skip_bad_rows,
        price_increment=price_increment,
        base_increment=base_increment,
        quote_increment=quote_increment,
        min_notional=min_notional,
    )
    run_backtest(settings, options)
    return os.EX_OK


def _settings(env: Path | None, manifest: Path | None, assigned: Sequence[str]) -> tuple[Settings, tuple[str, ...]]:
    """The settings, and what was warned of while they were read."""
    if manifest is not None and env is not None:
        raise BadInput("--env and -f both give the settings: use one of them")
    # A backtest must not change with what happens to be set in a shell, so the environment is left out.
    problems = Problems()
    values, warnings = gathered(env, assigned, {}, problems)
    with problems.collected():
        if manifest is not None:
            values = _settings_of(manifest) | values
        settings = load(values)
    problems.raise_found()
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)
    return settings, tuple(warnings)


def _settings_of(manifest: Path) -> dict[str, str]:
    try:
        reader = importlib.import_module("cbbot_operator.local.manifest")
    except ModuleNotFoundError as error:
        raise BadInput(f"-f needs {error.name}, which is not installed: pip install 'cbbot[up]'") from error
    from cbbot.contract.tradingbot import environment  # noqa: PLC0415  0.1 s that only -f needs

    return environment(reader.read_manifest(manifest).spec)
