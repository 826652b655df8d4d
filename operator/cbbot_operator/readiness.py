"""Whether the operator is alive and ready, in words: "" when nothing is wrong."""

from __future__ import annotations

from dataclasses import dataclass

from cbbot_operator.lease import Lease
from cbbot_operator.watch_evidence import WatchEvidence

__all__ = ["Health"]


@dataclass(slots=True)
class Health:
    """What is known so far: the Lease once it is asked for, the watches once we lead."""

    lease: Lease
    knows_tradingbots: bool = False
    evidence: WatchEvidence | None = None

    def alive(self) -> str:
        """A restart would help: events no longer arrive."""
        if not self.lease.watches_live:
            return "no event of our own Lease for three minutes"
        silent = self.evidence.silent() if self.evidence is not None and self.lease.leading else []
        return f"nothing heard for three minutes: {', '.join(map(str, silent))}" if silent else ""

    def ready(self) -> str:
        """We lead and every watch is open, or another operator leads and we stand by for it."""
        if not self.knows_tradingbots:
            return "the cluster does not know TradingBots yet: apply crds/tradingbots.yaml"
        if not self.lease.leading:
            return "" if self.lease.leader else "nobody leads yet"
        if self.evidence is None:
            return "starting to watch"
        if unopened := self.evidence.unopened:
            return f"not watching yet: {', '.join(map(str, unopened))}"
        if self.evidence.all_forbidden:
            return f"not allowed to watch: {', '.join(map(str, self.evidence.forbidden))}"
        return ""
