"""The faults of a plan, armed one by one as their time comes, and taken by whoever passes their site."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cbbot.soak.exchange_side import Fault, Happenings
from cbbot.soak.fault_plan import DEATHS, Injection

__all__ = ["ArmedFaults"]


@dataclass(slots=True)
class _Armed:
    injection: Injection
    skip: int
    times: int


@dataclass(slots=True)
class ArmedFaults:
    """``passes`` counts how often each site was passed, ``hits`` how often each fault was met there.

    ``death(kind, steps)`` is called for what happens to a process; the site itself goes on, for as long as its
    process lives.
    """

    happenings: Happenings
    death: Callable[[str, int], None] = lambda _kind, _steps: None
    passes: Counter[str] = field(default_factory=Counter)
    hits: Counter[tuple[str, str]] = field(default_factory=Counter)
    _armed: dict[str, list[_Armed]] = field(default_factory=dict)
    _over: bool = False

    def arm(self, injection: Injection) -> None:
        if not self._over:
            armed = _Armed(injection, injection.skip, injection.times)
            self._armed.setdefault(injection.site, []).append(armed)

    def end(self) -> None:
        """From now on nothing goes wrong."""
        self._over = True
        self._armed.clear()

    def at(self, site: str) -> Fault | None:
        self.passes[site] += 1
        waiting = self._armed.get(site)
        if not waiting:
            return None
        armed = waiting[0]
        if armed.skip > 0:
            armed.skip -= 1
            return None
        armed.times -= 1
        if armed.times <= 0:
            waiting.pop(0)
        injection = armed.injection
        self.hits[site, injection.kind] += 1
        self.happenings.note("fault", site=site, kind=injection.kind)
        if injection.kind in DEATHS:
            self.death(injection.kind, int(injection.share * 12))
            return None
        return Fault(injection.kind, injection.seconds, injection.share)

    def least(self, expected: Iterable[tuple[str, str]]) -> tuple[int, tuple[str, str]]:
        """The pair of site and kind that was met least, and how often."""
        return min((self.hits[pair], pair) for pair in expected)
