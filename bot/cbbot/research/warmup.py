"""How much do decisions depend on where the history begins?

RSI, ATR and MACD remember every candle since the first, ever more faintly. Here the history is
made to begin later and later, and the first steps are decided again: once with the model of the
whole history (a restart keeps its model), once with one fitted on what history is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cbbot.kernel.batch import Columns
from cbbot.research.backtest import Span
from cbbot.research.decisions import Fits, Inputs, decided, fit_rows, inputs, truncated
from cbbot.research.result_tables import grid, wrapped
from cbbot.trader.rules import Rules

__all__ = ["StartUp", "WarmUp", "check_warmup", "warmup_lengths"]

_LENGTHS = (60, 80, 100, 150, 200, 300, 400, 600, 1_000, 2_000, 5_000)
_WARM = 400
_STEPS = 2_000
_STEPS_REFITTED = 500


@dataclass(frozen=True, slots=True)
class StartUp:
    """History of ``candles`` before the first step.

    ``differences`` by indicator: the largest difference over the steps, in units of the
    indicator's root mean square there. The counts are of steps that were decided otherwise.
    """

    candles: int
    differences: dict[str, float]
    otherwise: int
    otherwise_fitted: int


@dataclass(frozen=True, slots=True)
class WarmUp:
    """``steps`` first steps were compared, for every start-up, shortest first."""

    steps: int
    start_ups: tuple[StartUp, ...]

    def enough(self, *, fitted: bool = False) -> int | None:
        """The shortest start-up from which on every longer one tried decides alike; None when none does."""
        agreeing = None
        for each in reversed(self.start_ups):
            if each.otherwise_fitted if fitted else each.otherwise:
                break
            agreeing = each.candles
        return agreeing

    def as_json(self) -> dict[str, Any]:
        return {
            "steps": self.steps,
            "agree_from": self.enough(),
            "agree_from_fitted": self.enough(fitted=True),
            "start_ups": [
                {
                    "candles": each.candles,
                    "differences": each.differences,
                    "decisions_differ": each.otherwise,
                    "decisions_differ_fitted": each.otherwise_fitted,
                }
                for each in self.start_ups
            ],
        }

    def text(self) -> str:
        if not self.start_ups:
            return "WARM-UP\nthere is too little history before the first step to begin later\n"
        names = list(self.start_ups[0].differences)
        moving = [name for name in names if any(each.differences[name] for each in self.start_ups)]
        exact = [name for name in names if name not in moving]
        titles = ("start-up", *moving, "same model", "refitted")
        rows = [
            (
                f"{each.candles:,}",
                *(f"{each.differences[name]:.1e}" if each.differences[name] else "0" for name in moving),
                f"{each.otherwise:,}",
                f"{each.otherwise_fitted:,}",
            )
            for each in self.start_ups
        ]
        heading = (
            f"history that begins so many candles before the first step: largest difference of an indicator over the "
            f"first {self.steps:,} steps, in its own root mean squares, and how many of them are decided otherwise"
        )
        same = f"exactly the same whatever the start-up: {', '.join(exact) or 'none'}"
        enough = (
            f"decisions agree from {_candles(self.enough())} with the same model, from "
            f"{_candles(self.enough(fitted=True))} when it is fitted on them"
        )
        return f"WARM-UP\n{wrapped(heading)}\n{grid(titles, rows)}\n{wrapped(same)}\n{wrapped(enough)}\n"


def _candles(count: int | None) -> str:
    return "none of these" if count is None else f"{count:,} candles"


def warmup_lengths(rules: Rules, span: Span) -> list[int]:
    """The start-ups tried: those that leave out something and hold enough for a decision."""
    # Long enough for the window of the first fit to be whole, and for its indicators to be warm.
    whole_window = rules.settings.max_history_candles + span.first - span.train + _WARM
    least = max(rules.warm, rules.params.ma_slow)
    return sorted({length for length in (least, *_LENGTHS, whole_window) if least <= length < span.first})


def check_warmup(rules: Rules, candles: Columns, span: Span, progress: Callable[[int], None]) -> WarmUp:
    """Decide the first steps again for every start-up."""
    last = min(span.total, span.first + (_STEPS_REFITTED if rules.params.refit_ms else _STEPS))
    known = truncated(candles, 0, last)
    whole = inputs(rules, known)
    fitted = fit_rows(rules, known, span)
    steps = range(span.first, last)
    models = Fits(rules, whole, fitted)
    in_force = [models.at(row) for row in steps]
    expected = [decided(rules, whole, model, row).signal for row, model in zip(steps, in_force, strict=True)]
    found = []
    for done, length in enumerate(warmup_lengths(rules, span), 1):
        offset = span.first - length
        given = inputs(rules, truncated(known, offset, last))
        own = Fits(rules, given, fitted, offset)
        same = [decided(rules, given, model, row, offset).signal for row, model in zip(steps, in_force, strict=True)]
        anew = [decided(rules, given, own.at(row), row, offset).signal for row in steps]
        found.append(
            StartUp(
                length,
                _differences(whole, given, span.first, offset),
                _otherwise(expected, same),
                _otherwise(expected, anew),
            )
        )
        progress(done)
    return WarmUp(len(steps), tuple(found))


def _otherwise(expected: Sequence[int], other: Sequence[int]) -> int:
    return sum(one != two for one, two in zip(expected, other, strict=True))


def _differences(whole: Inputs, given: Inputs, first: int, offset: int) -> dict[str, float]:
    return {
        name: _difference(column[first:], given.indicators[name][first - offset :])
        for name, column in whole.indicators.items()
    }


def _difference(whole: npt.NDArray[np.float64], later: npt.NDArray[np.float64]) -> float:
    # An indicator that crosses 0 makes a difference relative to its value meaningless.
    size = float(np.sqrt(np.mean(whole * whole)))
    largest = float(np.max(np.abs(later - whole)))
    return largest / size if size > 0.0 else largest
