"""Candles in columns, and the same candles once more so that they join their own end.

A year of minutes is half a million candles: six arrays of machine integers hold them in 25 MB,
where tuples take ten times that.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from cbbot.domain.candle import Candle
from cbbot.errors import BadInput

__all__ = ["CandleSeries"]


class CandleSeries:
    """Candles of one length in rising order of time; gaps are allowed. Columns are public, read-only."""

    __slots__ = ("close", "high", "low", "open", "seconds", "start", "volume")

    def __init__(self, candles: Iterable[Candle], seconds: int = 60) -> None:
        """Check and store candles.

        Raises:
            BadInput: fewer than two candles, a start that is not on the grid or does not rise, a
                price of zero, or an open or close outside of low to high.
        """
        self.seconds = seconds
        self.start, self.open, self.high = array("q"), array("q"), array("q")
        self.low, self.close, self.volume = array("q"), array("q"), array("q")
        last = -1
        for candle in candles:
            if candle.start % seconds or candle.start <= last:
                raise BadInput(f"candle at {candle.start}: starts must rise and be multiples of {seconds} seconds")
            if not 0 < candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high:
                raise BadInput(f"candle at {candle.start}: prices must be above 0 and within low to high")
            last = candle.start
            self._append(candle)
        if len(self.start) < 2:
            raise BadInput("a replay needs at least two candles")

    def _append(self, candle: Candle) -> None:
        self.start.append(candle.start)
        self.open.append(candle.open)
        self.high.append(candle.high)
        self.low.append(candle.low)
        self.close.append(candle.close)
        self.volume.append(candle.volume)

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, index: int) -> Candle:
        return Candle(
            self.start[index],
            self.open[index],
            self.high[index],
            self.low[index],
            self.close[index],
            self.volume[index],
        )

    @property
    def span(self) -> int:
        """Seconds from the first open to the last close."""
        return self.start[-1] + self.seconds - self.start[0]

    def rejoined(self) -> CandleSeries:
        """The same candles scaled so that the first opens where the last of this series closed.

        The scale of a candle falls linearly from last close / first open to 1, so the joined series
        ends where this one ended and can follow itself for ever: prices never drift away, however
        long the replay runs. One factor a candle keeps its shape; prices are rounded to the tick,
        half even. Times are unchanged.
        """
        first, last, steps = self.open[0], self.close[-1], len(self) - 1
        bottom = first * steps

        def scaled(index: int) -> Candle:
            top = last * (steps - index) + first * index

            def price(ticks: int) -> int:
                return max(_half_even(ticks * top, bottom), 1)

            start, open_, high, low, close, volume = self[index]
            return Candle(start, price(open_), price(high), price(low), price(close), volume)

        return CandleSeries((scaled(index) for index in range(len(self))), self.seconds)


def _half_even(top: int, bottom: int) -> int:
    quotient, rest = divmod(top, bottom)
    return quotient + (2 * rest > bottom or (2 * rest == bottom and quotient % 2 == 1))
