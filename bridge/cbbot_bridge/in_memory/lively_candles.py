"""A seeded market in which a trader has much to do: trends, quiet hours, wicks, gaps in price and missing minutes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from cbbot.domain.candle import Candle

__all__ = ["lively_candles"]

_SECONDS: Final = 60
# The longest stretch in one mood, in candles.
_LONGEST_MOOD: Final = 90
_VOLUME: Final = 500_000_000


def lively_candles(dice: random.Random, count: int, start: int, price: int) -> Iterator[Candle]:
    """About ``count`` one-minute candles from ``start`` (UNIX seconds) and ``price`` (ticks) on; some are missing.

    A mood lasts for some minutes: how much the price moves, and whereto. It is pulled back to where it began.
    """
    began, left, drift, spread = price, 0, 0.0, 0.0
    for index in range(count):
        if left == 0:
            left = 1 + int(dice.random() * _LONGEST_MOOD)
            spread = 0.0003 * 12 ** dice.random()
            pull = 0.001 * (began - price) / began
            drift = spread * (dice.random() - 0.5) + pull
        left -= 1
        kind = dice.random()
        opened = price
        if kind < 0.01:
            # A gap: the next trade is somewhere else.
            opened = max(round(price * (1 + (dice.random() - 0.5) * 0.08)), 100)
        elif kind < 0.02 and index:
            continue
        close = max(round(opened * (1 + drift + spread * (dice.random() + dice.random() - 1))), 100)
        high = max(opened, close) + int(opened * spread * dice.random() ** 2)
        low = max(min(opened, close) - int(opened * spread * dice.random() ** 2), 1)
        price = close
        yield Candle(start + index * _SECONDS, opened, high, low, close, 1_000_000 + int(dice.random() * _VOLUME))
