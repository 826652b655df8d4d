"""What options call the candles that come with the simulator."""

from __future__ import annotations

from typing import Final

__all__ = ["SAMPLE_HELP", "SAMPLE_NAME"]

SAMPLE_NAME: Final = "sample"
SAMPLE_HELP: Final = f"{SAMPLE_NAME} is 6,000 candles that cbbot brings along (./{SAMPLE_NAME} is a file)"
