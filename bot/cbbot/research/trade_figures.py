"""Figures of a row of trades: quality number, streaks, distribution, and sums by the time of entry.

A net profit above 0 is a win, anything else a loss. Amounts are integers of any one unit, times UNIX milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cbbot.kernel.params import DAY_MS
from cbbot.research.performance import deviation

__all__ = ["Distribution", "Slot", "by_hour", "by_weekday", "distribution", "longest_streaks", "quality_number"]

_HOUR_MS = 3_600_000
# 1970-01-01 was a Thursday; Monday is 0.
_FIRST_WEEKDAY = 3
_FEWEST_BINS, _MOST_BINS = 5, 40


class Slot(NamedTuple):
    """The trades that were entered in one hour of the day, or on one day of the week."""

    slot: int
    trades: int
    wins: int
    net: int


class Distribution(NamedTuple):
    """``counts[i]`` values lie from ``edges[i]`` to below ``edges[i + 1]``; the last ones up to their edge."""

    edges: list[float]
    counts: list[int]


def quality_number(nets: Sequence[int]) -> float | None:
    """System quality number (SQN): root of the number of trades x mean net profit / its sample standard deviation."""
    amounts = [float(net) for net in nets]
    spread = deviation(amounts)
    return math.sqrt(len(amounts)) * math.fsum(amounts) / len(amounts) / spread if spread else None


def longest_streaks(nets: Sequence[int]) -> tuple[int, int]:
    """The most wins, and the most losses, one after the other."""
    wins = losses = longest_wins = longest_losses = 0
    for net in nets:
        wins, losses = (wins + 1, 0) if net > 0 else (0, losses + 1)
        longest_wins, longest_losses = max(longest_wins, wins), max(longest_losses, losses)
    return longest_wins, longest_losses


def by_hour(opened_ms: Sequence[int], nets: Sequence[int]) -> list[Slot]:
    """24 of them, hours in UTC."""
    return _slots([moment // _HOUR_MS % 24 for moment in opened_ms], nets, 24)


def by_weekday(opened_ms: Sequence[int], nets: Sequence[int]) -> list[Slot]:
    """Seven of them, in UTC; Monday is 0."""
    return _slots([(moment // DAY_MS + _FIRST_WEEKDAY) % 7 for moment in opened_ms], nets, 7)


def _slots(slots: Sequence[int], nets: Sequence[int], count: int) -> list[Slot]:
    trades, wins, sums = [0] * count, [0] * count, [0] * count
    for slot, net in zip(slots, nets, strict=True):
        trades[slot] += 1
        wins[slot] += net > 0
        sums[slot] += net
    return [Slot(slot, trades[slot], wins[slot], sums[slot]) for slot in range(count)]


def distribution(values: Sequence[float]) -> Distribution:
    """Values in bins of one width: as many as the root of their number, but 5 to 40; none without values."""
    if not values:
        return Distribution([], [])
    bins = min(_MOST_BINS, max(_FEWEST_BINS, math.isqrt(len(values))))
    counts, edges = np.histogram(np.asarray(values, dtype=np.float64), bins)
    return Distribution(edges.tolist(), counts.tolist())
