"""Sharpe and volatility of the last days, day by day: whether a run's quality held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cbbot.research.performance import sharpe, volatility_pct

__all__ = ["WINDOW_DAYS", "Rolling", "rolling"]

WINDOW_DAYS = 30


class Rolling(NamedTuple):
    """Of the ``WINDOW_DAYS`` daily returns that end with ``day``. Sharpe is None where they are all the same."""

    day: str
    sharpe: float | None
    volatility_pct: float | None


def rolling(days: Sequence[tuple[str, float]], window: int = WINDOW_DAYS) -> list[Rolling]:
    """One value for each day that has ``window`` returns up to and with it. ``days`` are names and returns."""
    returns = [change for _, change in days]
    found = []
    for end in range(window, len(days) + 1):
        last = returns[end - window : end]
        found.append(Rolling(days[end - 1][0], sharpe(last), volatility_pct(last)))
    return found
