"""What the commands that read candles say of their options, once."""

from __future__ import annotations

from typing import Final

from cbbot.candles.candle_forms import FORMATS

__all__ = ["FILE_HELP", "FORMAT_HELP", "INCREMENT_HELP"]

FILE_HELP: Final = "Candles: CSV, JSON, Parquet or Feather; as it is, gzipped, or alone in a .zip."
FORMAT_HELP: Final = f"Its columns, if it has no header and they are not clear: {', '.join(FORMATS)}."
INCREMENT_HELP: Final = " [default: the known product's, else what the prices need]"
