"""What the commands that read candles say of their options, once."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

import typer

from cbbot.candles.candle_forms import FORMATS
from cbbot.candles.sample_name import SAMPLE_HELP, SAMPLE_NAME
from cbbot.domain.candle import Granularity
from cbbot.process.path_options import named_path

__all__ = ["FILE_HELP", "FORMAT_HELP", "INCREMENT_HELP", "LENGTH_HELP", "candle_file"]

FILE_HELP: Final = f"Candles: CSV, JSON, Parquet or Feather; as it is, gzipped, or alone in a .zip. {SAMPLE_HELP}."
FORMAT_HELP: Final = f"Its columns, if it has no header and they are not clear: {', '.join(FORMATS)}."
LENGTH_HELP: Final = f"Length of a candle: {', '.join(Granularity)}."
INCREMENT_HELP: Final = " [default: the known product's, else what the prices need]"


def candle_file(text: str) -> Path:
    """For ``parser=`` of an option that names candles.

    Raises:
        BadParameter: it has no name; the candles of the simulator are asked for and it is not installed.
    """
    if text != SAMPLE_NAME:
        return named_path(text)
    try:
        # The simulator's, by name: the bot knows nothing of the bridge.
        return Path(str(files("cbbot_bridge") / "simulator" / "sample" / "BTC-USD-1m-6000.csv"))
    except ModuleNotFoundError as error:
        raise typer.BadParameter("the sample comes with the simulator: pip install 'cbbot[bridge]'") from error
