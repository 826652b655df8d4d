"""What every TradingBot inherits from the operator's configuration where its own spec does not say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cbbot.contract.tradingbot_pods import POD_USER

__all__ = ["Inherited"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inherited:
    """``scraper_namespaces`` and ``scraper_pods`` are labels: empty means every namespace, or every pod of those.

    With ``egress_limited`` pods reach DNS and what they need alone: of the world the addresses in ``egress_cidrs``
    (all when empty), on ``egress_ports`` and on the ports of the addresses that a spec names.
    """

    monitor_labels: Mapping[str, str] = field(default_factory=dict)
    scraper_namespaces: Mapping[str, str] = field(default_factory=dict)
    scraper_pods: Mapping[str, str] = field(default_factory=dict)
    egress_limited: bool = False
    egress_cidrs: tuple[str, ...] = ()
    egress_ports: tuple[int, ...] = (443,)
    pod_user: int = POD_USER
    """Who pods run as, 0 where the cluster chooses."""
    ip_family_policy: str = ""
    """Of every Service; empty where the cluster is too old to know such a field, or is to say it."""
