"""Candles on an instrument's integer scales, and Coinbase's granularities."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

__all__ = ["Candle", "Granularity"]


class Granularity(StrEnum):
    """Coinbase's candle lengths. ``seconds`` is the length."""

    ONE_MINUTE = "ONE_MINUTE"
    FIVE_MINUTE = "FIVE_MINUTE"
    FIFTEEN_MINUTE = "FIFTEEN_MINUTE"
    THIRTY_MINUTE = "THIRTY_MINUTE"
    ONE_HOUR = "ONE_HOUR"
    TWO_HOUR = "TWO_HOUR"
    FOUR_HOUR = "FOUR_HOUR"
    SIX_HOUR = "SIX_HOUR"
    ONE_DAY = "ONE_DAY"

    @property
    def seconds(self) -> int:
        return _SECONDS[self]


_SECONDS = {
    Granularity.ONE_MINUTE: 60,
    Granularity.FIVE_MINUTE: 300,
    Granularity.FIFTEEN_MINUTE: 900,
    Granularity.THIRTY_MINUTE: 1800,
    Granularity.ONE_HOUR: 3600,
    Granularity.TWO_HOUR: 7200,
    Granularity.FOUR_HOUR: 14400,
    Granularity.SIX_HOUR: 21600,
    Granularity.ONE_DAY: 86400,
}


class Candle(NamedTuple):
    """One candle. ``start`` is its open time in UNIX seconds; prices in ticks, volume in base units."""

    start: int
    open: int
    high: int
    low: int
    close: int
    volume: int
