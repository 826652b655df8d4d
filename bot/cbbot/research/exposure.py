"""What share of equity is in the market, step by step."""

from __future__ import annotations

import numpy as np

from cbbot.research.backtest import Result
from cbbot.research.performance import Floats, Integers

__all__ = ["exposure_pct", "held_base"]


def held_base(result: Result) -> Integers:
    """Base units in open lots after each step, bought and sold ones alike."""
    change = np.zeros(len(result.times) + 1, dtype=np.int64)
    closed = result.tally.closed
    lots = [*(each.lot for each in closed), *result.portfolio.lots]
    came, sizes = _integers([lot.opened_ms for lot in lots]), _integers([lot.base for lot in lots])
    left = _integers([each.closed_ms for each in closed])
    np.add.at(change, np.searchsorted(result.times, came), sizes)
    np.subtract.at(change, np.searchsorted(result.times, left), sizes[: len(left)])
    return np.cumsum(change[:-1])


def _integers(values: list[int]) -> Integers:
    return np.array(values, dtype=np.int64)


def exposure_pct(result: Result, marked: Floats) -> Floats:
    """The open lots' worth at the step's close, in percent of marked equity; NaN once nothing is left of it."""
    worth = held_base(result).astype(np.float64) * result.closes
    with np.errstate(divide="ignore", invalid="ignore"):
        share: Floats = np.where(marked > 0, worth / marked * 100.0, np.nan)
    return share
