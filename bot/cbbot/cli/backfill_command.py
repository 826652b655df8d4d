"""``cbbot backfill``: candles of a bridge into a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from cbbot.cli.candle_options import LENGTH_HELP
from cbbot.contract.bridge_settings_table import BRIDGE_TOKEN
from cbbot.contract.settings_reading import read_secret
from cbbot.contract.settings_table import BY_KEY
from cbbot.domain.candle import Granularity
from cbbot.process.path_options import named_path
from cbbot.research.backfill.backfill_run import BackfillOptions
from cbbot.research.backfill.backfill_run import backfill as run_backfill

__all__ = ["backfill"]


def backfill(
    out: Annotated[
        Path,
        typer.Option(
            parser=named_path,
            metavar="FILE",
            help="Candles: .csv, .csv.gz or .parquet. One that is there is filled up.",
        ),
    ],
    product: Annotated[str, typer.Option(metavar="ID", help="Product.")] = "BTC-USD",
    granularity: Annotated[str, typer.Option(metavar="LENGTH", help=LENGTH_HELP)] = Granularity.ONE_MINUTE.value,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="From this time on: a date (UTC) or RFC 3339.")
    ] = None,
    days: Annotated[int | None, typer.Option(metavar="N", help="Instead of --start: this many days back.")] = None,
    end: Annotated[
        str | None, typer.Option(metavar="TIME", help="Up to this time, which is not part of it. [default: now]")
    ] = None,
    bridge: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help=f"The bridge to ask. [default: $BRIDGE_URL, else {BY_KEY['BRIDGE_URL'].default}]"
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            parser=named_path,
            metavar="FILE",
            help="File with the bridge's token. [default: $BRIDGE_TOKEN_FILE, $BRIDGE_TOKEN]",
        ),
    ] = None,
) -> int:
    """Fetch what is missing of a product's candles, newest first; go on where the last run was cut short.

    Candles that are not over are left out. Gaps are asked for once more and then reported.
    """
    environment = os.environ
    address = bridge or environment.get("BRIDGE_URL", "").strip() or BY_KEY["BRIDGE_URL"].default or ""
    named = "BRIDGE_TOKEN_FILE" if token_file is None else "--token-file"
    path = environment.get("BRIDGE_TOKEN_FILE", "").strip() if token_file is None else str(token_file)
    plain = environment.get("BRIDGE_TOKEN", "").strip()
    token = read_secret(BRIDGE_TOKEN, path, named) if path else BRIDGE_TOKEN.parse(plain) if plain else None
    options = BackfillOptions(
        out=out,
        product=product,
        granularity=granularity,
        bridge=address,
        token=token,
        start=start,
        days=days,
        end=end,
    )
    run_backfill(options)
    return 0
