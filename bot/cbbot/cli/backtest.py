"""``cbbot backtest``: the trader over a file of candles."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Annotated

import typer

from cbbot.cli.sources import gathered
from cbbot.contract.settings import load
from cbbot.errors import BadInput, CbbotError
from cbbot.research.command import BacktestOptions
from cbbot.research.command import backtest as run_backtest

__all__ = ["backtest"]


def backtest(
    csv: Annotated[Path, typer.Option(metavar="FILE", help="Candles: .csv, .csv.gz or .parquet.")],
    env: Annotated[Path | None, typer.Option("--env", metavar="FILE", help="Settings from a bot.env.")] = None,
    manifest: Annotated[
        Path | None, typer.Option("-f", "--manifest", metavar="FILE", help="Settings from a TradingBot instead.")
    ] = None,
    assigned: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting; wins over everything.")
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the result here.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with charts here.")] = None,
    fill_model: Annotated[
        str, typer.Option(metavar="MODEL", help="What an exit sees of a candle: close, or ohlc (the worse way round).")
    ] = "close",
    check_lookahead: Annotated[
        bool, typer.Option("--check-lookahead", help="Decide again without the future; exit code 1 on a difference.")
    ] = False,
    check_warmup: Annotated[
        bool, typer.Option("--check-warmup", help="How decisions depend on where the history begins.")
    ] = False,
    serve: Annotated[
        int | None, typer.Option(metavar="PORT", help="Serve /metrics while it runs; BACKTEST_SLEEP_MS paces it.")
    ] = None,
    serve_host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where --serve listens.")] = "127.0.0.1",
    train_fraction: Annotated[str, typer.Option(metavar="SHARE", help="Share of the candles to train on.")] = "0.7",
    warmup: Annotated[
        int, typer.Option(metavar="N", help="Candles after the training part that are not stepped.")
    ] = 50,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Count and skip rows that are no candles.")
    ] = False,
    price_increment: Annotated[str | None, typer.Option(metavar="SIZE", help="Of the product. [default: 0.01]")] = None,
    base_increment: Annotated[str | None, typer.Option(metavar="SIZE", help="[default: 0.00000001]")] = None,
    quote_increment: Annotated[str | None, typer.Option(metavar="SIZE", help="[default: 0.01]")] = None,
    min_notional: Annotated[str | None, typer.Option(metavar="USD", help="Smallest order. [default: 1]")] = None,
) -> int:
    """Train on the first part of the candles, trade on the rest, on paper whatever the settings say."""
    if manifest is not None and env is not None:
        raise BadInput("--env and -f both give the settings: use one of them")
    # A backtest must not change with what happens to be set in a shell, so the environment is left out.
    values, warnings = gathered(env, assigned or (), {})
    if manifest is not None:
        values = _settings_of(manifest) | values
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)
    options = BacktestOptions(
        csv=csv,
        json=json,
        html=html,
        fill_model=fill_model,
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
    run_backtest(load(values), options)
    return os.EX_OK


def _settings_of(manifest: Path) -> dict[str, str]:
    try:
        reader = importlib.import_module("cbbot_operator.local.manifest")
    except ModuleNotFoundError as error:
        raise CbbotError(f"-f needs {error.name}, which is not installed: pip install 'cbbot[up]'") from error
    from cbbot.contract.tradingbot import environment  # noqa: PLC0415  0.1 s that only -f needs

    return environment(reader.read_manifest(manifest).spec)
