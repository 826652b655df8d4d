"""The way of the price inside a candle: a candle becomes prints that agree with it.

A candle says open, high, low, close and nothing of their order. The path taken is the customary
one: open, then the extreme *against* the candle's direction, then the other one, then the close,
with even steps between. The prints of a whole candle give back exactly that candle; the prints
so far give the candle in progress.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cbbot.domain.candle import Candle
from cbbot.domain.order import Side

__all__ = ["FEWEST_PRINTS", "Print", "forming_candle", "prints_of"]

FEWEST_PRINTS = 4
"""Open, two extremes, close: with fewer a candle could not be given back."""


class Print(NamedTuple):
    """A trade on the tape: venue time in ms, price in ticks, size in base units, the *maker's* side.

    ``number`` rises by one from print to print over the whole replay.
    """

    number: int
    time_ms: int
    price: int
    size: int
    maker: Side


def _prices(candle: Candle, count: int) -> list[int]:
    first, second = (candle.low, candle.high) if candle.close >= candle.open else (candle.high, candle.low)
    corners = (candle.open, first, second, candle.close)
    at = [round((count - 1) * corner / 3) for corner in range(4)]
    prices = []
    for leg in range(3):
        steps = at[leg + 1] - at[leg]
        rise = corners[leg + 1] - corners[leg]
        prices += [corners[leg] + rise * step // steps for step in range(steps)]
    prices.append(candle.close)
    return prices


def prints_of(candle: Candle, number: int, length_seconds: int, count: int) -> tuple[Print, ...]:
    """The ``count`` prints of a candle, the first at its open time and the last before its close time.

    Sizes add up to the candle's volume; with less volume than prints some sizes are 0 (a quote
    without a trade). ``number`` is that of the first print. A print on the low lifted no offer, so
    a bid was hit there and the maker bought; everywhere else the maker sold.
    """
    if count < FEWEST_PRINTS:
        raise AssertionError(f"a candle has {FEWEST_PRINTS} corners, {count} prints cannot give it back")
    share, rest = divmod(candle.volume, count)
    start_ms = candle.start * 1000
    return tuple(
        Print(
            number + index,
            start_ms + length_seconds * 1000 * index // count,
            price,
            share + (rest if index == count - 1 else 0),
            Side.BUY if price == candle.low < candle.high else Side.SELL,
        )
        for index, price in enumerate(_prices(candle, count))
    )


def forming_candle(start: int, prints: Sequence[Print]) -> Candle:
    """The candle that the given prints (at least one, in order of time) have made so far."""
    prices = [item.price for item in prints]
    return Candle(start, prices[0], max(prices), min(prices), prices[-1], sum(item.size for item in prints))
