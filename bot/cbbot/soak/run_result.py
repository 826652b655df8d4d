"""What one run of the simulated world came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from cbbot.soak.fault_plan import Plan

__all__ = ["RunResult"]


@dataclass(slots=True)
class RunResult:
    """``violated`` is empty when every invariant held."""

    seed: int
    violated: str = ""
    detail: str = ""
    digest: str = ""
    orders: int = 0
    crashes: int = 0
    bridge_crashes: int = 0
    hours: float = 0.0
    steps: int = 0
    halts: Counter[str] = field(default_factory=Counter)
    hits: Counter[tuple[str, str]] = field(default_factory=Counter)
    passes: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    plan: Plan | None = None
