"""Faults on demand: what a fault is, and which one a request meets. :mod:`.fault_gate` makes them happen."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from cbbot.errors import BadInput
from cbbot_bridge.simulator.fault_changes import CHANGES, Body

__all__ = ["API_ROOT", "BODIES", "FAULT_FIELDS", "WHOLE_CHANGES", "Fault", "PendingFaults", "parse_fault"]

API_ROOT: Final = "/api/v3/brokerage"
BODIES: Final = ("usual", "json", "html", "empty")
WHOLE_CHANGES: Final = {
    "truncated": "the true answer's first half, as if it were all",
    "page_twice": "a listing's page comes once more as its next page",
}
"""Changes that concern more than the fields of one answer."""


class _Rule(NamedTuple):
    kind: type | tuple[type, ...]
    default: Any
    meaning: str


FAULT_FIELDS: Final = {
    "method": _Rule(str, "GET", "the method of the requests it is for"),
    "path": _Rule(str, None, "their path below `/api/v3/brokerage`, or from `/v2` on; `*` stands for text without `/`"),
    "skip": _Rule(int, 0, "so many such requests are let through first"),
    "times": _Rule(int, 1, "so many requests meet it"),
    "probability": _Rule((int, float), 1.0, "how likely a request meets it"),
    "seed": _Rule(int, 0, "what that is drawn from"),
    "delay_seconds": _Rule((int, float), 0.0, "passes before the request is carried out"),
    "answer_delay_seconds": _Rule((int, float), 0.0, "passes between the effect and the answer"),
    "status": _Rule(int, 0, "200 to 599 is answered instead; 0 for the true answer"),
    "body": _Rule(str, "usual", "of that answer: `usual` (Coinbase's for the status), `json`, `html`, `empty`"),
    "cut": _Rule(bool, False, "the connection ends without an answer"),
    "after_effect": _Rule(bool, False, "with `status` or `cut`: the request is carried out all the same"),
    "change": _Rule(str, "", "the true answer is changed, see below"),
    "offset_seconds": _Rule((int, float), 90.0, "how far off the change `clock` puts it"),
}
"""The fields of a fault in JSON, the default of each and what it means; the path must be given."""
_LONGEST_DELAY: Final = 600.0
_LARGEST: Final = 10**9


@dataclass(slots=True)
class Fault:
    """One fault; its fields are :data:`FAULT_FIELDS`."""

    path: str
    method: str = "GET"
    skip: int = 0
    times: int = 1
    probability: float = 1.0
    seed: int = 0
    delay_seconds: float = 0.0
    answer_delay_seconds: float = 0.0
    status: int = 0
    body: str = "usual"
    cut: bool = False
    after_effect: bool = False
    change: str = ""
    offset_seconds: float = 90.0
    dice: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 - a simulation's randomness, nothing secret

    def meets(self, method: str, path: str) -> bool:
        """Whether a request is one of those it is for."""
        return method == self.method and _matches(path, self.path)

    def happens(self) -> bool:
        """Count a request that is met; whether this is one that the fault happens to."""
        if self.skip:
            self.skip -= 1
            return False
        if self.probability < 1 and self.dice.random() >= self.probability:
            return False
        self.times -= 1
        return True


def parse_fault(fields: Mapping[str, object]) -> Fault:
    """A fault from JSON fields.

    Raises:
        BadInput: an unknown field, a value that is none, or values that do not go together.
    """
    for name, value in fields.items():
        rule = FAULT_FIELDS.get(name)
        if rule is None:
            raise BadInput(f"fault: {name} is not a field of a fault; known are {', '.join(FAULT_FIELDS)}")
        # A bool is an int in Python, and no number in JSON.
        if not isinstance(value, rule.kind) or (isinstance(value, bool) and rule.kind is not bool):
            raise BadInput(f"fault: {name}={value!r} is not accepted")
    fault = Fault(**{"path": "", **fields})  # type: ignore[arg-type]  # every field was checked above
    for wrong, words in _problems(fault):
        if wrong:
            raise BadInput(f"fault: {words}")
    return fault


def _problems(fault: Fault) -> Iterable[tuple[bool, str]]:
    """What is wrong with the values of a fault, as pairs of whether and which."""
    delays = (fault.delay_seconds, fault.answer_delay_seconds)
    replaced = fault.status != 0 or fault.cut
    return (
        (not fault.path.startswith("/"), "path: text that begins with / is wanted"),
        (not 1 <= fault.times <= _LARGEST, "times: 1 or more is wanted"),
        (not 0 <= fault.skip <= _LARGEST, "skip: 0 or more is wanted"),
        (not 0 < fault.probability <= 1, "probability: above 0 and up to 1 is wanted"),
        (not all(0 <= delay <= _LONGEST_DELAY for delay in delays), f"a delay is 0 to {_LONGEST_DELAY:g} seconds"),
        (not (fault.status == 0 or 200 <= fault.status <= 599), "status: 0 (none) or 200 to 599 is wanted"),
        (fault.body not in BODIES, f"body: one of {', '.join(BODIES)} is wanted"),
        (fault.status != 0 and fault.cut, "status and cut do not go together: there is an answer or none"),
        (replaced and fault.change != "", "change needs the true answer: give no status and no cut"),
        (fault.after_effect and not replaced, "after_effect: give the status that is answered, or cut"),
        (bool(fault.change) and fault.change not in {*CHANGES, *WHOLE_CHANGES}, f"change: {fault.change!r} is none"),
        (not _suits(fault), f"change: {fault.change} is for {', '.join(_paths_of(fault.change))}"),
        (not abs(fault.offset_seconds) <= _LARGEST, "offset_seconds: too far off"),
    )


def _paths_of(change: str) -> tuple[str, ...]:
    return CHANGES[change].paths if change in CHANGES else ()


def _suits(fault: Fault) -> bool:
    paths = _paths_of(fault.change)
    return not paths or any(_can_match(path, fault.path) for path in paths)


def _matches(path: str, pattern: str) -> bool:
    """Segment by segment, so that ``*`` never goes over a slash."""
    there, wanted = path.removeprefix(API_ROOT).split("/"), pattern.removeprefix(API_ROOT).split("/")
    return len(there) == len(wanted) and all(map(fnmatchcase, there, wanted))


class PendingFaults:
    """The faults that are still to happen, to requests of some routes: pairs of method and path template."""

    def __init__(self, routes: Iterable[tuple[str, str]]) -> None:
        self._routes = tuple(routes)
        self.faults: list[Fault] = []
        self.pages: dict[str, Body] = {}
        """By path: the page that the change ``page_twice`` gives once more."""

    def add(self, fault: Fault) -> None:
        """One more fault.

        Raises:
            BadInput: no request can ever meet it.
        """
        if not any(method == fault.method and _can_match(template, fault.path) for method, template in self._routes):
            raise BadInput(f"fault: there is no {fault.method} {fault.path}; give a path below {API_ROOT}, or /v2/...")
        self.faults.append(fault)

    def clear(self) -> None:
        """Everything works again."""
        self.faults.clear()
        self.pages.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that happens to a request, counted down."""
        for fault in self.faults:
            if fault.meets(method, path) and fault.happens():
                if fault.times == 0:
                    self.faults.remove(fault)
                return fault
        return None


def _can_match(template: str, pattern: str) -> bool:
    """Whether a path of the template can match: a ``{parameter}`` may be anything."""
    there, wanted = template.removeprefix(API_ROOT).split("/"), pattern.removeprefix(API_ROOT).split("/")
    return len(there) == len(wanted) and all(
        part.startswith("{") or fnmatchcase(part, shape) for part, shape in zip(there, wanted, strict=True)
    )
