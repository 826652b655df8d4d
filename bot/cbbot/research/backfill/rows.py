"""Candles as the venue wrote them: decimal text, never a float. Merging what was read at different times. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from heapq import merge
from itertools import groupby
from typing import NamedTuple, TypeVar

__all__ = ["Changes", "Row", "in_order", "overlaid", "same_prices", "unsound"]


class Row(NamedTuple):
    """``start`` is the open time in UNIX seconds; the rest is plain decimal text as it came."""

    start: int
    open: str
    high: str
    low: str
    close: str
    volume: str


@dataclass(slots=True)
class Changes:
    """What newer rows did to older ones.

    ``changed`` counts values, not ways of writing them; ``dropped`` what was there twice.
    """

    total: int = 0
    added: int = 0
    changed: int = 0
    dropped: int = 0

    def any(self) -> bool:
        """Whether the result differs from what was there."""
        return bool(self.added or self.changed or self.dropped)


def unsound(row: Row, seconds: int) -> str:
    """What is wrong with a candle, in words; empty when nothing is."""
    opened, high, low, close, volume = map(Decimal, row[1:])
    if row.start % seconds:
        return f"its time is no multiple of {seconds} seconds"
    if not 0 < low <= min(opened, close) <= max(opened, close) <= high:
        return "prices must be above 0 with low <= open, close <= high"
    return "volume is below 0" if volume < 0 else ""


def same_prices(one: Row, other: Row) -> bool:
    """Whether two readings of a candle agree in open, high, low and close."""
    return list(map(Decimal, one[1:5])) == list(map(Decimal, other[1:5]))


_Page = TypeVar("_Page")


def in_order(pages: Sequence[tuple[int, _Page]], load: Callable[[_Page], Iterable[Row]]) -> Iterator[Row]:
    """Rows of all pages by time, none twice; of two readings the later page's stays.

    ``pages`` are ``(oldest open time, page)`` in the order in which they were read. Only pages that
    overlap are in memory at once.
    """
    waiting: dict[int, tuple[int, Row]] = {}
    for number, (first, page) in sorted(enumerate(pages), key=lambda entry: entry[1][0]):
        for start in sorted(start for start in waiting if start < first):
            yield waiting.pop(start)[1]
        for row in load(page):
            if row.start not in waiting or waiting[row.start][0] <= number:
                waiting[row.start] = number, row
    for start in sorted(waiting):
        yield waiting[start][1]


def overlaid(older: Iterable[Row], newer: Iterable[Row], changes: Changes) -> Iterator[Row]:
    """Both, ascending as they come; where both have a candle, the newer reading. Counts into ``changes``."""
    tagged = merge(((row, False) for row in older), ((row, True) for row in newer), key=lambda entry: entry[0].start)
    for _, group in groupby(tagged, key=lambda entry: entry[0].start):
        readings = list(group)
        before = [row for row, is_new in readings if not is_new]
        row, is_new = readings[-1]
        changes.total += 1
        changes.dropped += max(len(before) - 1, 0)
        if not before:
            changes.added += 1
        elif is_new and list(map(Decimal, before[-1][1:])) != list(map(Decimal, row[1:])):
            changes.changed += 1
        yield row
