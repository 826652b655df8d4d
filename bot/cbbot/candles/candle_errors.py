"""What is wrong with a candle file: the whole of it, or one row."""

from __future__ import annotations

from cbbot.errors import BadInput

__all__ = ["BadCandles", "BadRow", "TooCoarse", "TooLarge"]


class BadCandles(BadInput):
    """A candle file that cannot be used. The message names the file and, where there is one, the line."""


class BadRow(BadInput):
    """A row that is no candle; it may be skipped when the user asks for that. The message names no file or line."""


class TooCoarse(BadRow):
    """A price above 0 that the price increment rounds to 0."""


class TooLarge(BadInput):
    """A sound row with numbers beyond what can be counted exactly: not skipped, because the increments are wrong."""
