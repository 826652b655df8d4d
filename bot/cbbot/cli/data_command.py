"""``cbbot data check``: what is in a candle file, before anything is traded on it."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cbbot.candles.candle_blocks import checked_form
from cbbot.cli.candle_options import FILE_HELP, FORMAT_HELP, INCREMENT_HELP, LENGTH_HELP, candle_file
from cbbot.cli.exits import DONE, FAILED
from cbbot.domain.candle import Granularity
from cbbot.domain.instrument import BTC_USD
from cbbot.process.path_options import named_path
from cbbot.research.data_check import examine
from cbbot.research.data_check_report import as_document, print_findings
from cbbot.research.increments import instrument_of
from cbbot.research.outputs import Outputs

__all__ = ["check"]


def check(
    file: Annotated[Path, typer.Argument(parser=candle_file, metavar="FILE", help=FILE_HELP)],
    granularity: Annotated[
        Granularity, typer.Option(metavar="LENGTH", case_sensitive=False, help=LENGTH_HELP)
    ] = Granularity.ONE_MINUTE,
    json: Annotated[
        Path | None,
        typer.Option(parser=named_path, metavar="FILE", help="Write the findings here; - is standard output."),
    ] = None,
    form: Annotated[str | None, typer.Option("--format", metavar="NAME", help=FORMAT_HELP)] = None,
    product: Annotated[str, typer.Option(metavar="ID", help="Product.")] = BTC_USD.product_id,
    price_increment: Annotated[
        str | None, typer.Option(metavar="SIZE", help=f"Of the product.{INCREMENT_HELP}")
    ] = None,
    base_increment: Annotated[str | None, typer.Option(metavar="SIZE", help=f"Of the product.{INCREMENT_HELP}")] = None,
) -> int:
    """Tell what is in a file of candles: range, gaps, duplicates, bad rows, outliers.

    Exit code 0: a backtest takes the file as it is, with nothing to look at; gaps of whole candles are no fault.
    1: a backtest refuses it (too few candles, bad rows, candles of another length, odd distances), or takes it and
    a person should look at it first (duplicates, unsorted rows, an open or close outside of high and low, outliers,
    a last line without an end, volume that may be in quote currency).
    2: it cannot be used at all, or rounding to the price increment moves a price by more than 0.01 %.

    An outlier is a move of more than 100 times the file's median move, and more than 2 %, from close to
    close (a jump) or from the candle's open and close to its high or low (a wick).
    """
    outputs = Outputs({"--json": json}, [file])
    given = {"price_increment": price_increment, "base_increment": base_increment}
    instrument = instrument_of(product, given, file, checked_form(form))
    found = examine(file, instrument, granularity, form)
    # Before the table: rich ends the process when the table's reader has gone.
    outputs.write({"--json": json_text.dumps(as_document(found), indent=1) + "\n"})
    with outputs.reporting() as stream:
        print_findings(Console(file=stream), found)
    return FAILED if found.refused or found.doubtful else DONE
