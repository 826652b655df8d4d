"""The figures of a ticker: the last 24 hours, the hours before them, the last 52 weeks."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from cbbot.venue.tape import Summary, Tape

__all__ = ["DayFigures", "MarketStatistics"]

_DAY = 86_400
_YEAR = 52 * 7 * _DAY


class DayFigures(NamedTuple):
    """Prices in ticks, volume in base units, changes in percent (0 where there is nothing to compare)."""

    high: int
    low: int
    volume: int
    price_change_pct: Decimal
    volume_change_pct: Decimal
    high_year: int
    low_year: int


class MarketStatistics:
    """Figures of a tape. Closed candles are summed up once a candle, the year's extremes once an hour."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._day: tuple[int, Summary | None, int] = (-1, None, 0)
        self._year: tuple[int, Summary | None] = (-1, None)

    def at(self, now_ms: int) -> DayFigures:
        """Figures at a time at or after the first print."""
        index = self._tape.index_at(now_ms)
        forming = self._tape.forming(now_ms)
        day, volume_before = self._closed(index, forming.start)
        year = self._extremes(index, forming.start)
        opened = day.open if day else forming.open
        high = max(day.high, forming.high) if day else forming.high
        low = min(day.low, forming.low) if day else forming.low
        volume = forming.volume + (day.volume if day else 0)
        return DayFigures(
            high,
            low,
            volume,
            _change(forming.close, opened),
            _change(volume, volume_before),
            max(year.high, high) if year else high,
            min(year.low, low) if year else low,
        )

    def _closed(self, index: int, start: int) -> tuple[Summary | None, int]:
        if self._day[0] != index:
            day = self._tape.summary(start - _DAY, index)
            two_days = self._tape.summary(start - 2 * _DAY, index)
            before = two_days.volume - day.volume if two_days and day else 0
            self._day = (index, day, before)
        return self._day[1], self._day[2]

    def _extremes(self, index: int, start: int) -> Summary | None:
        hour = start // 3600
        if self._year[0] != hour:
            self._year = (hour, self._tape.summary(start - _YEAR, index))
        return self._year[1]


def _change(now: int, before: int) -> Decimal:
    return Decimal(now - before) * 100 / Decimal(before) if before else Decimal(0)
