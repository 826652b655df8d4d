"""What a run of the simulated world came to, and what runs are summed by."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from cbbot.soak.fault_plan import Plan

__all__ = ["RunResult", "Sums"]


@dataclass(slots=True, kw_only=True)
class Sums:
    """What happened in one run, or in several."""

    orders: int = 0
    crashes: int = 0
    bridge_crashes: int = 0
    hours: float = 0.0
    steps: int = 0
    halts: Counter[str] = field(default_factory=Counter)
    hits: Counter[tuple[str, str]] = field(default_factory=Counter)
    passes: Counter[str] = field(default_factory=Counter)

    def take_in(self, other: Sums) -> None:
        self.orders += other.orders
        self.crashes += other.crashes
        self.bridge_crashes += other.bridge_crashes
        self.hours += other.hours
        self.steps += other.steps
        self.halts += other.halts
        self.hits += other.hits
        self.passes += other.passes


@dataclass(slots=True)
class RunResult(Sums):
    """``violated`` is empty when every invariant held."""

    seed: int
    violated: str = ""
    detail: str = ""
    digest: str = ""
    lines: list[str] = field(default_factory=list)
    plan: Plan | None = None
