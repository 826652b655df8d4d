"""Many runs, and what they came to together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cbbot.soak.exchange_side import MakeExchangeSide
from cbbot.soak.fault_plan import DEATHS, EXCHANGE, TIMED, Plan
from cbbot.soak.fault_plan import with_injections as with_faults
from cbbot.soak.run_result import RunResult, Sums
from cbbot.soak.shrinking import shortest
from cbbot.soak.simulated_world import run_plan

__all__ = ["Campaign", "expected_faults", "shortened"]

_SHOWN: Final = 10


def expected_faults(sites: Mapping[str, Sequence[str]], changes: Sequence[str]) -> list[tuple[str, str]]:
    """Every place and kind of fault that a campaign has to meet."""
    timed = {**TIMED, EXCHANGE: changes}
    met = [(site, kind) for site, kinds in sites.items() for kind in (*kinds, *DEATHS)]
    return met + [(site, kind) for site, kinds in timed.items() for kind in dict.fromkeys(kinds)]


@dataclass(slots=True)
class Campaign(Sums):
    """The sums of all runs so far of the ``planned``; ``broken`` are those that broke an invariant, by seed."""

    expected: Sequence[tuple[str, str]]
    planned: int = 0
    complete: bool = False
    seeds: int = 0
    cpu_seconds: float = 0.0
    broken: list[RunResult] = field(default_factory=list)

    def add(self, result: RunResult, seconds: float) -> None:
        self.seeds += 1
        self.cpu_seconds += seconds
        self.take_in(result)
        if result.violated:
            self.broken.append(result)
            self.broken.sort(key=lambda each: each.seed)

    @property
    def ratio(self) -> float:
        """Simulated seconds in a second of one core."""
        return self.hours * 3600 / self.cpu_seconds if self.cpu_seconds else 0.0

    def least_met(self) -> list[tuple[int, str, str]]:
        """The faults that were met least, the least first."""
        return sorted((self.hits[pair], *pair) for pair in self.expected)

    def progress(self, seconds: float) -> str:
        """How far it is after so many seconds, in a line."""
        return (
            f"{seconds / 60:.0f} min: {self.seeds:,} of {self.planned:,} seeds, {self.orders:,} orders, "
            f"{self.crashes:,} crashes of the bot, {self.bridge_crashes:,} of the bridge, "
            f"{self.ratio:,.0f} simulated seconds a core second, {len(self.broken)} broken"
        )

    def document(self) -> dict[str, Any]:
        """All of it, for ``--json``."""
        return {
            "complete": self.complete,
            **self._figures(),
            "faults": {site: dict(kinds) for site, kinds in self._matrix().items()},
            "passes": dict(sorted(self.passes.items())),
            "halts": dict(self.halts.most_common()),
            "broken": [
                {"seed": each.seed, "invariant": each.violated, "detail": each.detail, "digest": each.digest}
                for each in self.broken
            ],
        }

    def _figures(self) -> dict[str, Any]:
        return {
            "seeds": self.seeds,
            "orders": self.orders,
            "bot_crashes": self.crashes,
            "bridge_crashes": self.bridge_crashes,
            "simulated_hours": round(self.hours, 2),
            "core_seconds": round(self.cpu_seconds, 2),
            "simulated_to_real": round(self.ratio, 1),
            "steps": self.steps,
            "faults_met": sum(self.hits.values()),
            "kinds_of_fault": len(self.expected),
            "least_met": self.least_met()[0][0] if self.expected else 0,
            "invariants_broken": len(self.broken),
        }

    def _matrix(self) -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {}
        for site, kind in self.expected:
            found.setdefault(site, Counter())[kind] = self.hits[site, kind]
        return found

    def report(self) -> Iterable[str]:
        """Lines for a person."""
        for name, value in self._figures().items():
            yield f"{name.replace('_', ' '):<20} {value:>14,}"
        yield ""
        yield "met least:"
        yield from (f"  {count:>6}  {site}: {kind}" for count, site, kind in self.least_met()[:_SHOWN])
        if self.halts:
            yield "ended or paused with words:"
            yield from (f"  {count:>6}  {words}" for words, count in self.halts.most_common(_SHOWN))


def shortened(result: RunResult, make: MakeExchangeSide) -> Plan:
    """The plan of a run that broke an invariant, with as few faults as still break it."""
    plan = result.plan
    if plan is None:
        raise AssertionError("a run has a plan")

    def still_fails(injections: Sequence[Any]) -> bool:
        return run_plan(with_faults(plan, injections), make).violated == result.violated

    return with_faults(plan, shortest(plan.injections, still_fails))
