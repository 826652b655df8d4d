"""How often the decisions of a day came to what: why nothing happens, in figures."""

from __future__ import annotations

from collections import Counter

from cbbot.kernel.params import DAY_MS
from cbbot.trader.trader_state import Decision

__all__ = ["DecisionTally"]


class DecisionTally:
    """Counts by reason. A decision of another day, in UTC by the venue's clock, begins anew."""

    def __init__(self) -> None:
        self.since_ms: int | None = None
        self.counts: Counter[str] = Counter()

    def add(self, decision: Decision) -> None:
        if self.since_ms is None or decision.at_ms // DAY_MS != self.since_ms // DAY_MS:
            self.since_ms = decision.at_ms
            self.counts = Counter()
        self.counts[decision.reason] += 1
