"""Runs the trader over a file's candles: trains on the first part, steps through the rest.

The arithmetic is ``cbbot.kernel.advance``'s, which is the live trader's. Between two refits the
model is fixed, so the scores of a stretch come as one column and the stretch is one call.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np
import numpy.typing as npt

from cbbot.domain.instrument import Instrument
from cbbot.errors import BadInput
from cbbot.kernel.account import opening_account
from cbbot.kernel.advance import Portfolio, Steps, Tally
from cbbot.kernel.batch import Columns
from cbbot.kernel.model import Fit, fit
from cbbot.kernel.observe import Observed
from cbbot.kernel.params import Params
from cbbot.research.core import PLAIN, Core
from cbbot.trader.rules import Rules

__all__ = ["FillModel", "Progress", "Result", "Span", "run"]

FillModel = Literal["close", "ohlc"]

Progress = Callable[[int, Portfolio, Tally], None]
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
    """What a run did. ``closes`` and ``times`` are those of the stepped candles; ``fits`` counts the first too."""

    rules: Rules
    span: Span
    portfolio: Portfolio
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
    core: Core = PLAIN,
) -> Result:
    """Step through ``candles[span.first:]``. ``progress`` is called at least every ``stretch`` steps.

    ``fill_model`` says what an exit sees of a candle: its close, or its open, extremes and close
    (``cbbot.kernel.candle_path``). Entries are made at the close either way.

    Raises:
        BadInput: the account grows beyond what the kernel counts.
    """
    params, first, count = rules.params, span.first, span.total - span.first
    seen = core.observed(candles, params)
    closed_ms = candles.start * 1000 + rules.candle_ms
    score = core.held(np.full(count, np.nan))
    steps = _steps(core, candles, seen, closed_ms, first, score, fill_model)
    tally = core.tally(count)
    portfolio = Portfolio(opening_account(rules.instrument.ledger_down(rules.settings.usd_equity)), core.lots())
    model = _fit(rules, seen.rows, candles.close, span.train)
    fits, fitted_ms = int(model is not None), int(closed_ms[span.train - 1])
    at = scored = 0
    while at < count:
        now_ms = int(steps.now_ms[at])
        if params.refit_ms and now_ms - fitted_ms >= params.refit_ms:
            # As live: an impossible fit keeps the old model, and the next one waits its time.
            fitted, fitted_ms = _fit(rules, seen.rows, candles.close, first + at + 1), now_ms
            model, fits = fitted or model, fits + (fitted is not None)
            scored = at
        end = min(count, at + stretch)
        if params.refit_ms:
            due = int(np.searchsorted(closed_ms, fitted_ms + params.refit_ms)) - first
            end = min(end, max(due, at + 1))
        if scored < end:
            score[scored:end] = core.held(_scores(core, rules.warm, model, seen, first + scored, first + end))
            scored = end
        portfolio = _advanced(core, params, portfolio, steps, at, end, tally)
        at = end
        if progress is not None:
            progress(at, portfolio, tally)
    portfolio, tally = core.plain(portfolio, tally)
    return Result(rules, span, portfolio, tally, closed_ms[first:], candles.close[first:], fits)


def _advanced(
    core: Core, params: Params, portfolio: Portfolio, steps: Steps, first: int, last: int, tally: Tally
) -> Portfolio:
    try:
        return core.advance(params, portfolio, steps, first, last, tally)
    except OverflowError as error:
        raise BadInput(f"{error}; start with a smaller USD_EQUITY") from error


def _steps(
    core: Core,
    candles: Columns,
    seen: Observed,
    closed_ms: npt.NDArray[np.int64],
    first: int,
    score: MutableSequence[float],
    fill_model: FillModel,
) -> Steps:
    """The stepped candles; on closes alone a candle is its close."""
    now_ms, close = core.held(closed_ms[first:]), core.held(candles.close[first:])
    opened = high = low = close
    if fill_model == "ohlc":
        # A feed may print an open or a close outside of high and low; the price was there all the same.
        ends = (candles.open[first:], candles.close[first:])
        opened = core.held(candles.open[first:])
        high = core.held(np.maximum(candles.high[first:], np.maximum(*ends)))
        low = core.held(np.minimum(candles.low[first:], np.minimum(*ends)))
    return Steps(
        now_ms=now_ms,
        open=opened,
        high=high,
        low=low,
        close=close,
        score=score,
        fast=core.held(seen.fast[first:]),
        slow=core.held(seen.slow[first:]),
        std_ratio=core.held(seen.std_ratio[first:]),
    )


def _fit(rules: Rules, rows: npt.NDArray[np.float64], closes: npt.NDArray[np.int64], until: int) -> Fit | None:
    """Fit the newest rows before ``until``."""
    first = max(0, until - rules.settings.max_history_candles)
    return fit(rows[first:until], closes[first:until])


def _scores(core: Core, warm: int, model: Fit | None, seen: Observed, first: int, last: int) -> npt.NDArray[np.float64]:
    """Log-odds of rows, NaN where a decision has too few candles behind it."""
    if model is None:
        return np.full(last - first, np.nan)
    column = core.scored(model, seen.rows[first:last])
    column[: max(0, warm - 1 - first)] = np.nan
    return column
