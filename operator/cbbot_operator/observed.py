"""What the operator has seen of one TradingBot when it judges it: facts, no opinions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cbbot.contract.bot_api import BotStatus
from cbbot.contract.bridge_api import Upstream
from cbbot.contract.tradingbot import TradingBotSpec
from cbbot_operator.keys import Key, Names, Object

__all__ = [
    "BOT_TOKEN",
    "CONTROL_TOKEN",
    "ChildState",
    "KeyReport",
    "Observed",
    "Report",
    "Tokens",
    "api_key_secret",
    "slack_secret",
]

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
BOT_TOKEN = "bridge-token"  # noqa: S105  the name of a key in a Secret
CONTROL_TOKEN = "control-token"  # noqa: S105  likewise


@dataclass(frozen=True, slots=True)
class Tokens:
    """The two secrets of a TradingBot: what may order at the bridge, what may steer the bot."""

    bridge: str = field(repr=False)
    control: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChildState:
    """What is known of a child beyond the fields that are kept of it.

    ``owned`` is the digest of the fields that were applied and stand, ``breaches`` what was added and may not be.
    """

    owned: bytes = b""
    breaches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """The newest answer of a bot's ``/status``, or why there was none. ``at`` is when it was asked."""

    at: datetime
    status: BotStatus | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class KeyReport:
    """The newest answer of a bridge's ``/upstream``, or why there was none. ``at`` is when it was asked."""

    at: datetime
    upstream: Upstream | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One TradingBot with everything around it. ``spec`` is None when it cannot be read, ``invalid`` says why."""

    key: Key
    resource: Object
    """Without its spec."""
    written: Object = field(default_factory=dict)
    """The spec as a person wrote it."""
    spec: TradingBotSpec | None
    invalid: str = ""
    children: Mapping[tuple[str, str], Object]
    """Ours, by kind and name, with the fields that somebody reads (reduced.py)."""
    states: Mapping[tuple[str, str], ChildState] = field(default_factory=dict)
    """Of the same children; what is not known to stand is applied."""
    foreign: frozenset[tuple[str, str]] = frozenset()
    """Names we want that someone else's objects have."""
    pods: tuple[Object, ...] = ()
    warnings: tuple[Object, ...] = ()
    """The Kubernetes Events of type Warning about those pods that should have been ready by now."""
    warned_at: datetime | None = None
    """When those were read."""
    secrets: Mapping[str, Mapping[str, bytes] | None] = field(default_factory=dict)
    """Digests of the values of the Secrets the spec names, empty for an empty one; None for no such Secret."""
    existing_claim: Object | None = None
    """The PersistentVolumeClaim that the spec names for the state."""
    claim_holder: str = ""
    """Another TradingBot whose state that claim is; empty when there is none."""
    namespace_uid: str = ""
    namespace_terminating: bool = False
    monitors_known: bool = False
    """Whether the cluster knows ServiceMonitors."""
    namespaces_named: bool = True
    """Whether namespaces carry their name as a label, as Kubernetes puts it there since 1.21."""
    single_pod_volumes: bool = True
    """Whether the cluster knows the access mode ReadWriteOncePod; asked only where a spec wants it."""
    report: Report | None = None
    key_report: KeyReport | None = None
    asked_at: datetime = _LONG_AGO
    """When we first saw what is asked of it now: this spec, or its deletion. By our clock, as ``Report.at`` is."""
    sharers: tuple[Key, ...] = ()
    """Other TradingBots that trade the same product with the same API key."""
    now: datetime

    @property
    def metadata(self) -> Mapping[str, Any]:
        metadata: Mapping[str, Any] = self.resource["metadata"]
        return metadata

    @property
    def uid(self) -> str:
        return str(self.metadata["uid"])

    @property
    def generation(self) -> int:
        return int(self.metadata.get("generation", 0))

    @property
    def status(self) -> Mapping[str, Any]:
        status: Mapping[str, Any] = self.resource.get("status") or {}
        return status

    @property
    def annotations(self) -> Mapping[str, str]:
        annotations: Mapping[str, str] = self.metadata.get("annotations") or {}
        return annotations

    @property
    def deleting(self) -> bool:
        return "deletionTimestamp" in self.metadata

    @property
    def bot_status(self) -> BotStatus | None:
        return self.report.status if self.report else None

    @property
    def ready_status(self) -> BotStatus | None:
        """The status of a bot that is ready: the only one whose figures may be acted on."""
        status = self.bot_status
        return status if status is not None and status.ready else None

    @property
    def names(self) -> Names:
        return Names(self.key.name)

    @property
    def claim(self) -> Object | None:
        """The PersistentVolumeClaim of the state, ours or the existing one named."""
        if self.spec is not None and self.spec.state.existingClaim is not None:
            return self.existing_claim
        return self.child("PersistentVolumeClaim", self.names.state)

    def child(self, kind: str, name: str) -> Object | None:
        return self.children.get((kind, name))

    def deployment(self, component: str) -> Object | None:
        """That of bot or bridge."""
        return self.child("Deployment", self.names.of(component))


def api_key_secret(spec: TradingBotSpec) -> str | None:
    """The Secret with the exchange's keys, where one is used."""
    reference = spec.exchange.credentialsSecretRef
    return reference.name if reference is not None and spec.exchange.venue == "Coinbase" else None


def slack_secret(spec: TradingBotSpec) -> str | None:
    reference = spec.notifications.slackWebhookSecretRef
    return reference.name if reference is not None else None
