"""Candles from a file into columns on an instrument's integer scales: CSV, gzipped CSV, Parquet.

The columns are ``time|timestamp|start, open, high, low, close, volume|vol`` in any order and case; others are
ignored, and of several columns that mean the same the first counts. ``row`` says what a row must be;
``plain`` reads the ordinary ones quickly and to the same digits.
"""

from cbbot.research.candles.errors import BadCandles
from cbbot.research.candles.file import CandleFile, read_candles

__all__ = ["BadCandles", "CandleFile", "read_candles"]
