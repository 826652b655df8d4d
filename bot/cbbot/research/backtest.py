"""Runs the trader over a file's candles: trains on the first part, steps through the rest.

The arithmetic is ``cbbot.kernel.advance``'s, which is the live trader's. Between two refits the
model is fixed, so the scores of a stretch come as one column and the stretch is one call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np
import numpy.typing as npt

from cbbot.domain.instrument import Instrument
from cbbot.errors import BadInput
from cbbot.kernel.advance import Account, Steps, Tally, advance
from cbbot.kernel.batch import Columns, Readings, feature_rows, readings
from cbbot.kernel.book import opening_book
from cbbot.kernel.codes import DENIALS
from cbbot.kernel.model import Fit, fit, scores
from cbbot.trader.rules import Rules

__all__ = ["FillModel", "Progress", "Result", "Span", "run"]

FillModel = Literal["close", "ohlc"]

Progress = Callable[[int, Account, Tally], None]
"""Called after each stretch with the number of steps done so far."""

STRETCH = 2_000


@dataclass(frozen=True, slots=True)
class Span:
    """Which rows do what: ``[0, train)`` fit, ``[train, first)`` only warm up, ``[first, total)`` are stepped."""

    total: int
    train: int
    first: int

    @classmethod
    def of(cls, total: int, train_fraction: Decimal, warmup: int) -> Span:
        """
        Raises:
            BadInput: nothing is left to step through, or nothing to train on.
        """
        train = int(total * train_fraction)
        first = train + warmup
        if train < 1 or first >= total:
            raise BadInput(
                f"{total} candles are too few: with a training fraction of {train_fraction} and a warm-up of {warmup} "
                f"they leave {max(train, 0)} to train on and {max(total - first, 0)} to step through"
            )
        return cls(total, train, first)


@dataclass(frozen=True, slots=True)
class Result:
    """What a run did. ``closes`` and ``times`` are those of the stepped candles; ``fits`` counts the first fit too."""

    rules: Rules
    span: Span
    account: Account
    tally: Tally
    times: npt.NDArray[np.int64]
    closes: npt.NDArray[np.int64]
    fits: int

    @property
    def instrument(self) -> Instrument:
        return self.rules.instrument


def run(
    rules: Rules,
    candles: Columns,
    span: Span,
    progress: Progress | None = None,
    stretch: int = STRETCH,
    fill_model: FillModel = "close",
) -> Result:
    """Step through ``candles[span.first:]``. ``progress`` is called at least every ``stretch`` steps.

    ``fill_model`` says what an exit sees of a candle: its close, or its open, extremes and close
    (``cbbot.kernel.path``). Entries are made at the close either way.
    """
    params = rules.params
    indicators = readings(candles, params.ma_fast, params.ma_slow, params.extended)
    rows = feature_rows(indicators, params.extended)
    closed_ms = candles.start * 1000 + rules.candle_ms
    first, count = span.first, span.total - span.first
    score = [float("nan")] * count
    steps = _steps(candles, indicators, closed_ms, first, score, fill_model)
    tally = Tally([0, 0, 0], [0] * len(DENIALS), [], [0] * count, [0] * count)
    account = Account(opening_book(rules.instrument.ledger_down(rules.settings.usd_equity)), [])
    model = _fit(rules, rows, candles.close, span.train)
    fits, fitted_ms = 1, int(closed_ms[span.train - 1])
    at = scored = 0
    while at < count:
        now_ms = steps.now_ms[at]
        if params.refit_ms and now_ms - fitted_ms >= params.refit_ms:
            model, fitted_ms = _fit(rules, rows, candles.close, first + at + 1) or model, now_ms
            fits += 1
            scored = at
        end = min(count, at + stretch)
        if params.refit_ms:
            due = int(np.searchsorted(closed_ms, fitted_ms + params.refit_ms)) - first
            end = min(end, max(due, at + 1))
        if scored < end:
            score[scored:end] = _scores(rules.warm, model, rows, first + scored, first + end)
            scored = end
        account = advance(params, account, steps, at, end, tally)
        at = end
        if progress is not None:
            progress(at, account, tally)
    return Result(rules, span, account, tally, closed_ms[first:], candles.close[first:], fits)


def _steps(
    candles: Columns,
    indicators: Readings,
    closed_ms: npt.NDArray[np.int64],
    first: int,
    score: list[float],
    fill_model: FillModel,
) -> Steps:
    """The stepped candles as lists, which plain Python reads faster than arrays."""
    close = candles.close[first:].tolist()
    walked = fill_model == "ohlc"
    return Steps(
        now_ms=closed_ms[first:].tolist(),
        open=candles.open[first:].tolist() if walked else close,
        high=candles.high[first:].tolist() if walked else close,
        low=candles.low[first:].tolist() if walked else close,
        close=close,
        score=score,
        fast=indicators.fast[first:].tolist(),
        slow=indicators.slow[first:].tolist(),
        std_ratio=indicators.std_ratio[first:].tolist(),
    )


def _fit(rules: Rules, rows: npt.NDArray[np.float64], closes: npt.NDArray[np.int64], until: int) -> Fit | None:
    """Fit the newest rows before ``until``."""
    first = max(0, until - rules.settings.max_history_candles)
    return fit(rows[first:until], closes[first:until])


def _scores(warm: int, model: Fit | None, rows: npt.NDArray[np.float64], first: int, last: int) -> list[float]:
    """Log-odds of rows, NaN where a decision has too few candles behind it."""
    if model is None:
        return [float("nan")] * (last - first)
    column = scores(model, rows[first:last])
    column[: max(0, warm - 1 - first)] = np.nan
    values: list[float] = column.tolist()
    return values
