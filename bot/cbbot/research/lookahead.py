"""Does the backtest see the future? Decisions on candles that end early must equal those on the whole file.

Two ways. At many steps everything a decision is made of (indicators, model, score, signal) is
worked out from the candles up to the step alone and compared, bit for bit, with the same from
the whole file, and with what the run decided. And whole runs on files that end early must show
the trades, equity and decisions of the long run up to there.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cbbot.domain.timestamps import rfc3339
from cbbot.kernel.advance import Portfolio, Tally
from cbbot.kernel.batch import Columns
from cbbot.kernel.codes import EXITS, SIGNALS
from cbbot.kernel.model import Fit
from cbbot.research import backtest
from cbbot.research.backtest import FillModel, Result, Span
from cbbot.research.decisions import Fits, Inputs, decided, fit_rows, inputs, truncated
from cbbot.research.result_tables import wrapped
from cbbot.trader.rules import Rules

__all__ = [
    "NO_DECISION",
    "Lookahead",
    "ObservedRun",
    "check_lookahead",
    "lookahead_steps",
    "unlike_fits",
    "unlike_runs",
]

_ROWS = 10_000_000
_FEWEST = 25
_CUTS = 5
NO_DECISION = 2
"""Stands for a step that exited and so made no decision."""


@dataclass(frozen=True, slots=True)
class Lookahead:
    """``points`` steps of ``steps`` were looked at one by one, ``cuts`` runs ended early. None: no difference."""

    steps: int
    points: int
    decisions: int
    cuts: int
    difference: str | None

    def as_json(self) -> dict[str, Any]:
        return {
            "steps": self.steps,
            "points": self.points,
            "decisions": self.decisions,
            "cuts": self.cuts,
            "difference": self.difference,
        }

    def text(self) -> str:
        found = f"DIFFERENCE {self.difference}" if self.difference else "no difference: nothing comes from the future"
        made = (
            f"{self.points:,} of {self.steps:,} steps worked out again from the candles up to them: indicators, model, "
            f"score, signal, and {self.decisions:,} decisions of the run; {self.cuts} runs on files that end early"
        )
        return f"LOOK-AHEAD\n{wrapped(made)}\n{wrapped(found)}\n"


def lookahead_steps(span: Span) -> int:
    """How many units of progress :func:`check_lookahead` reports."""
    return len(_points(span)) + len(_cuts(span))


def check_lookahead(
    rules: Rules, candles: Columns, span: Span, fill_model: FillModel, progress: Callable[[int], None]
) -> Lookahead:
    """Look for the first difference, point by point and then in runs that end early; stops at the first."""
    whole = ObservedRun(rules, candles, span, fill_model)
    points, cuts = _points(span), _cuts(span)
    looked = made = 0
    given = inputs(rules, candles)
    fitted = fit_rows(rules, candles, span)
    models = Fits(rules, given, fitted)
    for row in points:
        looked += 1
        made += whole.signals[row - span.first] != NO_DECISION
        part = inputs(rules, truncated(candles, 0, row + 1))
        found = _at(rules, row, given, part, models, Fits(rules, part, fitted), whole)
        if found is not None:
            moment = rfc3339(int(whole.result.times[row - span.first]))
            return Lookahead(len(whole.signals), looked, made, 0, f"at {moment} (candle {row + 1:,}): {found}")
        progress(looked)
    for ran, row in enumerate(cuts, 1):
        shorter = Span(row + 1, span.train, span.first)
        early = ObservedRun(rules, truncated(candles, 0, row + 1), shorter, fill_model)
        found = next(unlike_runs(early, whole), None)
        if found is not None:
            return Lookahead(len(whole.signals), looked, made, ran, f"with {row + 1:,} candles: {found}")
        progress(looked + ran)
    return Lookahead(len(whole.signals), looked, made, len(cuts), None)


def _points(span: Span) -> list[int]:
    """Evenly spaced steps, the first and the last among them: all of a small file."""
    count = min(span.total - span.first, max(_FEWEST, _ROWS // span.total))
    return _spaced(span.first, span.total - 1, count)


def _cuts(span: Span) -> list[int]:
    """Where the shorter files end; the whole file is not one of them."""
    return _spaced(span.first, span.total - 1, _CUTS + 2)[1:-1]


def _spaced(first: int, last: int, count: int) -> list[int]:
    spaced: list[int] = np.unique(np.linspace(first, last, count).round().astype(np.int64)).tolist()
    return spaced


class ObservedRun:
    """A run, and what it decided at every step: 1 buy, 0 flat, -1 sell, ``NO_DECISION`` where it exited instead."""

    def __init__(self, rules: Rules, candles: Columns, span: Span, fill_model: FillModel) -> None:
        self.signals: list[int] = []
        self._before = [0, 0, 0]
        self.result: Result = backtest.run(rules, candles, span, self._note, 1, fill_model)

    def _note(self, _done: int, _portfolio: Portfolio, tally: Tally) -> None:
        now = list(tally.signals)
        if now == self._before:
            self.signals.append(NO_DECISION)
        else:
            self.signals.append(next(k - 1 for k in range(3) if now[k] != self._before[k]))
        self._before = now


def _at(
    rules: Rules, row: int, given: Inputs, part: Inputs, models: Fits, part_models: Fits, whole: ObservedRun
) -> str | None:
    """What differs at one row, in words; None when nothing does."""
    for name, column in given.indicators.items():
        before, after = float(part.indicators[name][row]), float(column[row])
        if _bits(before) != _bits(after):
            return f"{name} is {before!r} from the candles up to there and {after!r} with those after it"
    alone, seeing = part_models.at(row), models.at(row)
    if alone != seeing:
        return f"the model's {unlike_fits(alone, seeing)} with those after it"
    past, present = decided(rules, part, alone, row), decided(rules, given, seeing, row)
    if _bits(past.score) != _bits(present.score):
        return f"the score is {past.score!r} from the candles up to there and {present.score!r} with those after it"
    ran = whole.signals[row - whole.result.span.first]
    if ran not in (NO_DECISION, past.signal):
        return f"the run decided {SIGNALS[ran]}, the candles up to there say {SIGNALS[past.signal]}"
    return None


def unlike_fits(alone: Fit | None, seeing: Fit | None) -> str:
    """The first part in which two fits differ, in words."""
    if alone is None or seeing is None:
        return f"rows are {alone.rows if alone else 'none'} up to there and {seeing.rows if seeing else 'none'}"
    named = zip(Fit._fields, alone, seeing, strict=True)
    name, one, other = next((name, one, other) for name, one, other in named if one != other)
    if isinstance(one, tuple) and isinstance(other, tuple):
        one, other = next((a, b) for a, b in zip(one, other, strict=True) if a != b)
    return f"{name} is {one!r} from the candles up to there and {other!r}"


def _bits(value: float) -> bytes:
    return struct.pack("<d", value)


def unlike_runs(early: ObservedRun, whole: ObservedRun) -> Iterator[str]:
    """What a run that ended early did otherwise than the whole run up to there, in the order of time."""
    times, steps = early.result.times.tolist(), len(early.signals)
    short, long = early.result.tally, whole.result.tally
    for k in range(steps):
        if early.signals[k] != whole.signals[k]:
            words = [SIGNALS.get(signals[k], "to exit") for signals in (early.signals, whole.signals)]
            yield f"at {rfc3339(times[k])} it decided {words[0]} where the whole run decided {words[1]}"
        if short.marked[k] != long.marked[k] or short.lots[k] != long.lots[k]:
            yield f"at {rfc3339(times[k])} equity or lots are not those of the whole run"
    until = [closed for closed in long.closed if closed.closed_ms <= times[-1]]
    for one, other in zip(short.closed, until, strict=False):
        if one != other:
            yield f"lot {one.lot.id} closed by {EXITS[one.reason]} is not the whole run's lot {other.lot.id}"
    if len(short.closed) != len(until):
        yield f"it closed {len(short.closed)} lots where the whole run had closed {len(until)}"
