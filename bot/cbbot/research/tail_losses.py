"""How bad a bad day is: value at risk and the mean of the days beyond it, from the days that were."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["FEWEST_DAYS", "LEVEL", "conditional_value_at_risk", "value_at_risk"]

LEVEL = 0.05
FEWEST_DAYS = 20
"""Fewer have no day that stands for one in twenty."""


def value_at_risk(returns: Sequence[float]) -> float | None:
    """The daily return that one day in twenty falls below: the 5 % quantile, linear between two days."""
    if len(returns) < FEWEST_DAYS:
        return None
    ordered = sorted(returns)
    place = LEVEL * (len(ordered) - 1)
    lower = math.floor(place)
    upper = min(lower + 1, len(ordered) - 1)
    return ordered[lower] + (ordered[upper] - ordered[lower]) * (place - lower)


def conditional_value_at_risk(returns: Sequence[float]) -> float | None:
    """The mean of the daily returns that are not above the value at risk."""
    limit = value_at_risk(returns)
    if limit is None:
        return None
    beyond = [change for change in returns if change <= limit]
    return math.fsum(beyond) / len(beyond)
