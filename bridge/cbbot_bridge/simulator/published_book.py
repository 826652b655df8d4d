"""A book as the customers of level2 know it, and what has to be sent so that they know it as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from cbbot.venue.order_book import Book, Level

__all__ = ["LevelChange", "PublishedBook"]

_SIDES: Final = ("bid", "offer")


class LevelChange(NamedTuple):
    """The size at a price of a side (``bid`` or ``offer``), in base units; 0 when nothing is left there."""

    side: str
    price: int
    size: int


class PublishedBook:
    """What has been sent of one market's book."""

    def __init__(self) -> None:
        self._levels: dict[str, dict[int, int]] = {side: {} for side in _SIDES}

    def snapshot(self) -> Iterator[LevelChange]:
        """Every level, the best first."""
        for side, levels in self._levels.items():
            for price in sorted(levels, reverse=side == "bid"):
                yield LevelChange(side, price, levels[price])

    def update(self, book: Book | None) -> list[LevelChange]:
        """What has changed since the last time; levels that are gone first."""
        changes: list[LevelChange] = []
        for side, now in zip(_SIDES, ((book.bids, book.asks) if book else ((), ())), strict=True):
            changes += _changes(side, self._levels[side], now)
            self._levels[side] = {level.price: level.size for level in now}
        return changes


def _changes(side: str, before: dict[int, int], now: tuple[Level, ...]) -> Iterator[LevelChange]:
    prices = {level.price for level in now}
    for price in before:
        if price not in prices:
            yield LevelChange(side, price, 0)
    for level in now:
        if before.get(level.price) != level.size:
            yield LevelChange(side, level.price, level.size)
