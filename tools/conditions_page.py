"""docs/conditions.md: conditions and reasons of a TradingBot, reasons of decisions, annotations."""

from __future__ import annotations

from typing import Final

from cluster_marks import MARKS
from condition_reasons import CONDITIONS, REASONS
from markdown_rows import code, table

from cbbot.contract.reason_words import REASON_WORDS
from cbbot.contract.tradingbot_status import CONDITION_TYPES

__all__ = ["page"]

_HEAD: Final = """# Conditions, reasons, annotations

Generated from `tools/condition_reasons.py`, `tools/cluster_marks.py` and the contract by `make generate`; do not
edit. A test holds them to the reasons and marks that the operator's code has.

`kubectl get tradingbots -o wide` shows `Ready` and its reason, `kubectl describe tradingbot NAME` all conditions,
with an Event for each change. What is not known is `Unknown`. `kubectl wait --for=condition=Ready` works on them, as
on any condition.

## Conditions

"""
_REASONS: Final = """
## Reasons

A reason stands under several conditions where it matters to each. A message says it in a sentence, with names and
figures.

"""
_DECISIONS: Final = """
## Reasons of decisions

What a decision came to: in `/status` (`last_decision.reason`), in `/decisions`, on the page, in `cbbot why` and in
the metric `bot_denials_total`. They are asked in this order; the first that holds is the reason.
[trading.md](trading.md#1-the-step) says how each is judged.

"""
_MARKS: Final = """
## Annotations, labels, finalizer

By a person:

"""
_OPERATORS: Final = """
By the operator, to be read and left alone:

"""


def page() -> str:
    conditions = ((f"`{kind}`", CONDITIONS[kind]) for kind in CONDITION_TYPES)
    reasons = (
        (code(name), ", ".join(each.conditions), each.meaning, each.action) for name, each in REASONS.items()
    )  # fmt: skip
    parts = [_HEAD, table(("condition", "True when"), conditions)]
    parts += [_REASONS, table(("reason", "of", "meaning", "what to do"), reasons)]
    parts += [_DECISIONS, table(("reason", "meaning"), ((code(name), words) for name, words in REASON_WORDS.items()))]
    parts += [_MARKS, _marks(by_person=True), _OPERATORS, _marks(by_person=False)]
    return "".join(parts)


def _marks(*, by_person: bool) -> str:
    rows = ((code(each.name), each.kind, each.of, each.meaning) for each in MARKS if each.by_person == by_person)
    return table(("name", "kind", "on", "meaning"), rows)
