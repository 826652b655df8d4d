"""Candles from a file into columns on an instrument's integer scales.

``cbbot.candles`` says what is read and what a row must be; ``fast_rows`` reads the ordinary rows quickly and to
the same digits.
"""

from cbbot.candles.candle_errors import BadCandles
from cbbot.research.candles.candle_columns import CandleFile, read_candles

__all__ = ["BadCandles", "CandleFile", "read_candles"]
