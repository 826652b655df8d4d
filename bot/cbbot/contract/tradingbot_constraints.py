"""What a TradingBot must not say against itself, and what of it can never change once it exists.

The constraints are those of :mod:`cbbot.contract.constraints`; here they are held against a spec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cbbot.contract.constraints import CONSTRAINTS, UNIQUE, Constraint, Unique
from cbbot.contract.tradingbot import TradingBotSpec, field_value
from cbbot.contract.violation import Violation

__all__ = ["TRANSITIONS", "TRANSITION_OF", "Transition", "mebibytes", "violations"]

_MEBIBYTES = {"Mi": 1, "Gi": 1024, "Ti": 1024 * 1024}


def violations(spec: TradingBotSpec) -> list[Violation]:
    """Every constraint that ``spec`` breaks, in the order of the table; empty when it is sound."""
    found = [
        Violation(path, value, constraint.spec_message)
        for constraint in CONSTRAINTS
        for path, value in _offenders(constraint, spec)
    ]
    return found + [Violation(path, value, unique.message) for unique in UNIQUE for path, value in _twice(unique, spec)]


def _offenders(constraint: Constraint, spec: TradingBotSpec) -> Iterator[tuple[str, object]]:
    if not constraint.at.endswith("[]"):
        values = [field_value(spec, path) for path in constraint.fields]
        if not constraint.holds(*values):
            yield constraint.fields[0], values[0]
        return
    items = constraint.at.removesuffix("[]")
    for index, item in enumerate(field_value(spec, items)):
        values = [getattr(item, path.removeprefix(f"{constraint.at}.")) for path in constraint.fields]
        if not constraint.holds(*values):
            yield constraint.fields[0].replace("[]", f"[{index}]"), values[0]


def _twice(unique: Unique, spec: TradingBotSpec) -> Iterator[tuple[str, object]]:
    seen = set()
    for index, item in enumerate(field_value(spec, unique.path)):
        value = getattr(item, unique.key) if unique.key else item
        if value in seen:
            yield f"{unique.path}[{index}]" + (f".{unique.key}" if unique.key else ""), value
        seen.add(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What of a TradingBot that exists may not change as it likes.

    ``path`` is the field, ``at`` the schema node of its CEL validation; ``allows`` gets the values before
    and after. ``limit`` and ``reason`` say what is the matter, alone and after a change was tried.
    """

    path: str
    cel: str
    limit: str
    reason: str
    at: str
    allows: Callable[[Any, Any], bool] = lambda before, after: bool(before == after)

    @property
    def message(self) -> str:
        return f"spec.{self.path} {self.limit}: {self.reason}"

    def refusal(self, before: object, after: object) -> str | None:
        """Why the field may not go from ``before`` to ``after``; None when it may."""
        if self.allows(before, after):
            return None
        was, becomes = ("unset" if value is None else value for value in (before, after))
        return f"spec.{self.path} was {was} and cannot become {becomes}: {self.reason}"


def mebibytes(size: str) -> int:
    """A volume's size (``512Mi``, ``1Gi``, ``2Ti``) in Mi."""
    return int(size[:-2]) * _MEBIBYTES[size[-2:]]


_SIZE_CEL = (
    "int({0}.find('^[0-9]+')) * ({0}.endsWith('Ti') ? 1048576 : ({0}.endsWith('Gi') ? 1024 : 1))"  # Mi, in CEL of 1.25
)

TRANSITIONS: Final = (
    Transition(
        path="product.id",
        at="product.id",
        cel="self == oldSelf",
        limit="cannot be changed",
        reason="the state's lots are of that product; make another TradingBot",
    ),
    Transition(
        path="state.storageClassName",
        at="state",
        cel="has(self.storageClassName) == has(oldSelf.storageClassName) && "
        "(!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
        limit="cannot be changed",
        reason="a volume stays in its class",
    ),
    Transition(
        path="state.accessMode",
        at="state.accessMode",
        cel="self == oldSelf",
        limit="cannot be changed",
        reason="a claim keeps its access mode",
    ),
    Transition(
        path="state.size",
        at="state.size",
        cel=f"{_SIZE_CEL.format('self')} >= {_SIZE_CEL.format('oldSelf')}",
        limit="can only grow",
        reason="a volume cannot shrink",
        allows=lambda before, after: mebibytes(after) >= mebibytes(before),
    ),
)
TRANSITION_OF: Final[Mapping[str, Transition]] = {transition.path: transition for transition in TRANSITIONS}
