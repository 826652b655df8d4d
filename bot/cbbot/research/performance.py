"""The arithmetic of a report: drawdowns, daily returns, and the ratios made of them.

Undefined figures are None, never 0. Times are UNIX milliseconds; equity is in any one unit.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cbbot.kernel.params import DAY_MS

__all__ = [
    "DAYS_A_YEAR",
    "Drawdown",
    "cagr_pct",
    "daily_returns",
    "drawdown_pct",
    "largest_drawdown",
    "longest_under_water_ms",
    "sharpe",
    "sortino",
]

DAYS_A_YEAR = 365.0

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class Drawdown(NamedTuple):
    """The deepest fall below an earlier high: indices into the equity it was worked out from.

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


def largest_drawdown(equity: Floats) -> Drawdown | None:
    """The deepest drawdown, the first of equal ones; None when equity never fell."""
    fallen = drawdown_pct(equity)
    trough = int(np.argmax(fallen))
    if not fallen[trough] > 0.0:
        return None
    high = float(np.max(equity[: trough + 1]))
    peak = int(np.flatnonzero(equity[:trough] >= high)[-1])
    back = np.flatnonzero(equity[trough:] >= high)
    return Drawdown(float(fallen[trough]), peak, trough, trough + int(back[0]) if len(back) else None)


def longest_under_water_ms(equity: Floats, times: Integers) -> int:
    """The longest time from a high until it was regained, or until the end; 0 when equity never fell."""
    under = equity < np.maximum.accumulate(equity)
    if not bool(under.any()):
        return 0
    at_high = np.maximum.accumulate(np.where(under, 0, np.arange(len(equity))))
    return int(np.max((times[1:] - times[at_high[:-1]])[under[1:] | under[:-1]]))


def cagr_pct(equity: Floats, times: Integers) -> float | None:
    """Growth a year of 365 days; None for no time at all, or when nothing is left to grow."""
    days = float(times[-1] - times[0]) / DAY_MS
    if days <= 0 or equity[-1] <= 0:
        return None
    exponent = math.log(equity[-1] / equity[0]) * DAYS_A_YEAR / days
    return (math.exp(exponent) - 1.0) * 100.0 if exponent < 700.0 else None


def daily_returns(times: Integers, equity: Floats, start: float) -> list[float]:
    """Returns between the last equities of successive UTC days; the first runs from ``start``, before any step."""
    # A candle that closes at midnight belongs to the day that ends there.
    days = (times - 1) // DAY_MS
    ends = np.flatnonzero(np.append(days[1:] != days[:-1], True))
    closes: list[float] = [start, *equity[ends].tolist()]
    return [after / before - 1.0 for before, after in itertools.pairwise(closes) if before > 0]


def sharpe(returns: Sequence[float]) -> float | None:
    """Mean over sample standard deviation of daily returns, a year of 365 days, no risk-free rate."""
    if len(returns) < 2:
        return None
    mean = math.fsum(returns) / len(returns)
    deviation = math.sqrt(math.fsum((r - mean) ** 2 for r in returns) / (len(returns) - 1))
    return mean / deviation * math.sqrt(DAYS_A_YEAR) if deviation > 0 else None


def sortino(returns: Sequence[float]) -> float | None:
    """Mean over the root mean square of the negative daily returns; None when none is negative."""
    if len(returns) < 2:
        return None
    negative = [r for r in returns if r < 0]
    if not negative:
        return None
    downside = math.sqrt(math.fsum(r * r for r in negative) / len(negative))
    return math.fsum(returns) / len(returns) / downside * math.sqrt(DAYS_A_YEAR)
