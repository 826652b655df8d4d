"""The arithmetic of a report: drawdowns, daily returns, and the ratios made of them.

Undefined figures are None, never 0. Times are UNIX milliseconds; equity is in any one unit.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from cbbot.kernel.params import DAY_MS

__all__ = [
    "DAYS_A_YEAR",
    "FEWEST_DAYS_OF_GROWTH",
    "Drawdown",
    "cagr_pct",
    "daily_returns",
    "deviation",
    "drawdown_pct",
    "largest_drawdown",
    "longest_under_water_ms",
    "period_returns",
    "sharpe",
    "sortino",
    "volatility_pct",
    "worst_drawdowns",
]

DAYS_A_YEAR = 365.0
FEWEST_DAYS_OF_GROWTH = 30
"""What a few days gained says nothing of a year: 1 % in a day would be 3,678 %."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Unit = Literal["D", "M", "Y"]


class Drawdown(NamedTuple):
    """A fall below an earlier high: indices into the equity it was worked out from.

    ``peak`` is the last point at the high, ``trough`` the lowest point after it, ``end`` the
    first point back at the high; None when the run ended below it.
    """

    pct: float
    peak: int
    trough: int
    end: int | None

    def lasted_ms(self, times: Integers) -> int:
        """From the peak until it was regained, or until the end."""
        return int(times[-1 if self.end is None else self.end] - times[self.peak])


def drawdown_pct(equity: Floats) -> Floats:
    """How far below its highest value so far the equity is at each point, in percent, 0 or above."""
    peaks = np.maximum.accumulate(equity)
    fallen: Floats = (peaks - equity) / peaks * 100.0
    return fallen


def worst_drawdowns(equity: Floats, most: int) -> list[Drawdown]:
    """At most ``most`` drawdowns, the deepest first, the first of equal ones before the others."""
    fallen = drawdown_pct(equity)
    under = np.concatenate(([False], fallen > 0.0, [False]))
    starts, ends = np.flatnonzero(under[1:-1] & ~under[:-2]), np.flatnonzero(under[1:-1] & ~under[2:]) + 1
    if not len(starts):
        return []
    depths = np.maximum.reduceat(fallen, starts)
    found = []
    for i in np.argsort(-depths, kind="stable")[:most].tolist():
        start, end = int(starts[i]), int(ends[i])
        trough = start + int(np.argmax(fallen[start:end]))
        found.append(Drawdown(float(depths[i]), start - 1, trough, end if end < len(equity) else None))
    return found


def largest_drawdown(equity: Floats) -> Drawdown | None:
    """The deepest drawdown, the first of equal ones; None when equity never fell."""
    return next(iter(worst_drawdowns(equity, 1)), None)


def longest_under_water_ms(equity: Floats, times: Integers) -> int:
    """The longest time from a high until it was regained, or until the end; 0 when equity never fell."""
    under = equity < np.maximum.accumulate(equity)
    if not bool(under.any()):
        return 0
    at_high = np.maximum.accumulate(np.where(under, 0, np.arange(len(equity))))
    return int(np.max((times[1:] - times[at_high[:-1]])[under[1:] | under[:-1]]))


def cagr_pct(equity: Floats, times: Integers) -> float | None:
    """Growth a year of 365 days; None for less than ``FEWEST_DAYS_OF_GROWTH``, or when nothing is left to grow."""
    days = float(times[-1] - times[0]) / DAY_MS
    if days < FEWEST_DAYS_OF_GROWTH or equity[-1] <= 0:
        return None
    exponent = math.log(equity[-1] / equity[0]) * DAYS_A_YEAR / days
    return (math.exp(exponent) - 1.0) * 100.0 if exponent < 700.0 else None


def period_returns(times: Integers, equity: Floats, start: float, unit: Unit) -> list[tuple[str, float]]:
    """Returns between the last equities of successive UTC days, months or years that have a step.

    The first runs from ``start``, before any step. Each with its name: ``2018-05-31``, ``2018-05`` or ``2018``.
    """
    # A candle that closes at midnight belongs to the day that ends there.
    periods = (times - 1).astype("datetime64[ms]").astype(f"datetime64[{unit}]")
    ends = np.flatnonzero(np.append(periods[1:] != periods[:-1], True))
    closes: list[float] = [start, *equity[ends].tolist()]
    names = np.datetime_as_string(periods[ends]).tolist()
    pairs = zip(names, itertools.pairwise(closes), strict=True)
    return [(name, after / before - 1.0) for name, (before, after) in pairs if before > 0]


def daily_returns(times: Integers, equity: Floats, start: float) -> list[float]:
    """Returns between the last equities of successive UTC days; the first runs from ``start``, before any step."""
    return [change for _, change in period_returns(times, equity, start, "D")]


def deviation(values: Sequence[float]) -> float | None:
    """Sample standard deviation; None of fewer than two values."""
    if len(values) < 2:
        return None
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def volatility_pct(returns: Sequence[float]) -> float | None:
    """Sample standard deviation of daily returns, a year of 365 days, in percent."""
    daily = deviation(returns)
    return None if daily is None else daily * math.sqrt(DAYS_A_YEAR) * 100.0


def sharpe(returns: Sequence[float]) -> float | None:
    """Mean over sample standard deviation of daily returns, a year of 365 days, no risk-free rate."""
    daily = deviation(returns)
    if not daily:
        return None
    return math.fsum(returns) / len(returns) / daily * math.sqrt(DAYS_A_YEAR)


def sortino(returns: Sequence[float]) -> float | None:
    """Mean over the root mean square of the negative daily returns; None when none is negative."""
    if len(returns) < 2:
        return None
    negative = [r for r in returns if r < 0]
    if not negative:
        return None
    downside = math.sqrt(math.fsum(r * r for r in negative) / len(negative))
    return math.fsum(returns) / len(returns) / downside * math.sqrt(DAYS_A_YEAR)
