"""The tape: a series of candles played as prints on the venue's clock, over and over.

Candles of the whole replay are counted by one *index*: pass ``index // n`` over the series,
candle ``index % n`` of it. The first pass shows the series as it is, every later one the rejoined
series (:meth:`~cbbot.venue.candle_series.CandleSeries.rejoined`), moved on in time by whole spans, so
time rises and prices join. Gaps of the series stay gaps.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

from cbbot.domain.candle import Candle
from cbbot.venue.candle_series import CandleSeries
from cbbot.venue.prints import Print, forming_candle, prints_of

__all__ = ["Summary", "Tape"]


class Summary(NamedTuple):
    """Open, high, low (ticks) and volume (base units) of a stretch of candles."""

    open: int
    high: int
    low: int
    volume: int


class Tape:
    """What was traded until a given time. Times are venue ms (``*_ms``) or seconds since the epoch."""

    def __init__(self, series: CandleSeries, prints_per_candle: int = 12) -> None:
        self.series = series
        self.prints_per_candle = prints_per_candle
        self._cached: tuple[int, tuple[Print, ...]] = (-1, ())
        self._passes: dict[bool, Summary] = {}

    @cached_property
    def _again(self) -> CandleSeries:
        return self.series.rejoined()

    def _pass(self, number: int) -> CandleSeries:
        return self.series if number == 0 else self._again

    def opening_ms(self, history_fraction: tuple[int, int]) -> int:
        """The venue time at which the first ``floor(numerator n / denominator)`` candles are history."""
        history = len(self.series) * history_fraction[0] // history_fraction[1]
        if history == 0:
            return self.series.start[0] * 1000
        return (self.series.start[history - 1] + self.series.seconds) * 1000

    def index_at(self, time_ms: int) -> int:
        """The newest candle that has opened by ``time_ms``; -1 before the first."""
        elapsed = time_ms // 1000 - self.series.start[0]
        if elapsed < 0:
            return -1
        number, offset = divmod(elapsed, self.series.span)
        return number * len(self.series) + bisect_right(self.series.start, self.series.start[0] + offset) - 1

    def candle(self, index: int) -> Candle:
        """A whole candle of the replay, whether or not it has been played yet."""
        number, place = divmod(index, len(self.series))
        candle = self._pass(number)[place]
        return candle._replace(start=candle.start + number * self.series.span) if number else candle

    def candles(self, first_start: int, last_start: int, now_ms: int) -> Iterator[Candle]:
        """Candles with ``first_start <= start <= last_start``, oldest first; the newest as far as it is made."""
        newest = self.index_at(now_ms)
        index = self._first_index_from(first_start)
        while index <= newest:
            candle = self.candle(index) if index < newest else self.forming(now_ms)
            if candle.start > last_start:
                return
            yield candle
            index += 1

    def forming(self, now_ms: int) -> Candle:
        """The newest candle as its prints have made it so far; the whole one when it is over."""
        index = self.index_at(now_ms)
        if index < 0:
            raise AssertionError("nothing has been traded yet")
        played = [item for item in self.prints(index) if item.time_ms <= now_ms]
        return forming_candle(self.candle(index).start, played)

    def _first_index_from(self, start: int) -> int:
        elapsed = max(start - self.series.start[0], 0)
        number, offset = divmod(elapsed, self.series.span)
        return number * len(self.series) + bisect_left(self.series.start, self.series.start[0] + offset)

    def prints(self, index: int) -> tuple[Print, ...]:
        """All prints of a candle of the replay."""
        if self._cached[0] != index:
            number = index * self.prints_per_candle
            prints = prints_of(self.candle(index), number, self.series.seconds, self.prints_per_candle)
            self._cached = (index, prints)
        return self._cached[1]

    def last_print(self, now_ms: int) -> Print | None:
        """The newest print by now; None before the first."""
        index = self.index_at(now_ms)
        if index < 0:
            return None
        return next(item for item in reversed(self.prints(index)) if item.time_ms <= now_ms)

    def next_print_ms(self, now_ms: int) -> int:
        """When the next print after now is due."""
        index = self.index_at(now_ms)
        if index >= 0:
            for item in self.prints(index):
                if item.time_ms > now_ms:
                    return item.time_ms
        return self.prints(index + 1)[0].time_ms

    def latest_prints(self, now_ms: int, limit: int, after_ms: int = -1) -> list[Print]:
        """At most ``limit`` prints with ``after_ms < time <= now``, the newest first."""
        found: list[Print] = []
        index = self.index_at(now_ms)
        while index >= 0:
            for item in reversed(self.prints(index)):
                if item.time_ms <= after_ms or len(found) == limit:
                    return found
                if item.time_ms <= now_ms:
                    found.append(item)
            index -= 1
        return found

    def prints_between(
        self, after_ms: int, now_ms: int, skip: Callable[[Candle], bool] = lambda _candle: False
    ) -> Iterator[Print]:
        """Prints with ``after_ms < time <= now``, the oldest first.

        Args:
            skip: asked of each candle when it comes to it whether its prints may be left out; those of the
                newest candle are never.
        """
        newest = self.index_at(now_ms)
        for index in range(max(self.index_at(after_ms), 0), newest + 1):
            if index < newest and skip(self.candle(index)):
                continue
            for item in self.prints(index):
                if after_ms < item.time_ms <= now_ms:
                    yield item

    def summary(self, from_second: int, until_index: int) -> Summary | None:
        """Open, extremes and volume of the candles from a time on, before ``until_index``; None if there are none."""
        index = self._first_index_from(from_second)
        if index >= until_index:
            return None
        opened, high, low, volume = self.candle(index).open, 0, 0, 0
        for series, first, end in self._slices(index, until_index):
            part = self._whole(series) if end - first == len(series) else _summed(series, first, end)
            high = max(high, part.high)
            low = part.low if low == 0 else min(low, part.low)
            volume += part.volume
        return Summary(opened, high, low, volume)

    def _whole(self, series: CandleSeries) -> Summary:
        """The summary of a whole pass, worked out once: a year of a short replay has many."""
        is_first = series is self.series
        if is_first not in self._passes:
            self._passes[is_first] = _summed(series, 0, len(series))
        return self._passes[is_first]

    def _slices(self, index: int, until: int) -> Iterator[tuple[CandleSeries, int, int]]:
        size = len(self.series)
        while index < until:
            number, place = divmod(index, size)
            end = min(size, place + until - index)
            yield self._pass(number), place, end
            index += end - place


def _summed(series: CandleSeries, first: int, end: int) -> Summary:
    return Summary(
        series.open[first], max(series.high[first:end]), min(series.low[first:end]), sum(series.volume[first:end])
    )
