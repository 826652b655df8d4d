"""What a decision was made from, worked out by itself: indicators, the fit in force, score, signal.

A second, plainer way to the same numbers as ``cbbot.research.backtest``: the checks for bias
compare what one computes from the whole file with what the other computes from a part of it.
"""

from __future__ import annotations

import bisect
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cbbot.kernel.batch import Columns, feature_rows, readings
from cbbot.kernel.model import Fit, fit, scores
from cbbot.kernel.strategy import signal
from cbbot.research.backtest import Span
from cbbot.trader.rules import Rules

__all__ = ["Decided", "Fits", "Inputs", "decided", "fit_rows", "inputs", "truncated"]


class Inputs(NamedTuple):
    """A column for each indicator, by name; the model's rows; and the closes, in ticks. All of one length."""

    indicators: dict[str, npt.NDArray[np.float64]]
    rows: npt.NDArray[np.float64]
    closes: npt.NDArray[np.int64]


class Decided(NamedTuple):
    """One decision: ``score`` is the log-odds of a rise (NaN without a model), averages in ticks."""

    score: float
    fast: float
    slow: float
    std_ratio: float
    signal: int


def inputs(rules: Rules, candles: Columns) -> Inputs:
    params = rules.params
    found = readings(candles, params.ma_fast, params.ma_slow, params.extended)
    # Columns that these settings do not use are empty.
    named = {name: column for name, column in found._asdict().items() if len(column)}
    return Inputs(named, feature_rows(found, params.extended), candles.close)


def truncated(candles: Columns, first: int, last: int) -> Columns:
    """The candles ``[first, last)`` and no trace of the others."""
    return Columns(*(np.ascontiguousarray(column[first:last]) for column in candles))


def fit_rows(rules: Rules, candles: Columns, span: Span) -> list[int]:
    """The newest row of each fit, the first fit included, in their order: a matter of times alone."""
    closed_ms = (candles.start * 1000 + rules.candle_ms).tolist()
    fitted, due = [span.train - 1], rules.params.refit_ms
    at = span.first
    while due:
        at = bisect.bisect_left(closed_ms, closed_ms[fitted[-1]] + due, lo=at)
        if at >= len(closed_ms):
            break
        fitted.append(at)
        at += 1
    return fitted


class Fits:
    """The model in force at a row, from these inputs alone; the last one worked out is kept.

    ``offset`` is how many candles of the file come before the inputs' first.
    """

    def __init__(self, rules: Rules, given: Inputs, newest: list[int], offset: int = 0) -> None:
        self._longest = rules.settings.max_history_candles
        self._given = given
        self._newest = newest
        self._offset = offset
        self._at = -1
        self._model: Fit | None = None

    def at(self, row: int) -> Fit | None:
        """``row`` counts from the file's first candle."""
        index = bisect.bisect_right(self._newest, row) - 1
        if index != self._at:
            # A window without a single usable row leaves the model before it in force.
            found = None
            for earlier in range(index, -1, -1):
                found = self._fitted(self._newest[earlier] - self._offset + 1)
                if found is not None:
                    break
            self._at, self._model = index, found
        return self._model

    def _fitted(self, until: int) -> Fit | None:
        if until < 1:
            return None
        first = max(0, until - self._longest)
        return fit(self._given.rows[first:until], self._given.closes[first:until])


def decided(rules: Rules, given: Inputs, model: Fit | None, row: int, offset: int = 0) -> Decided:
    """The decision at ``row`` of the file; the inputs begin ``offset`` candles into it."""
    params, at = rules.params, row - offset
    score = float("nan")
    if model is not None and at >= rules.warm - 1:
        score = float(scores(model, given.rows[at : at + 1])[0])
    fast, slow = float(given.indicators["fast"][at]), float(given.indicators["slow"][at])
    wanted = signal(score, fast, slow, params.buy_logit, params.sell_logit, params.ma_filter)
    return Decided(score, fast, slow, float(given.indicators["std_ratio"][at]), wanted)
