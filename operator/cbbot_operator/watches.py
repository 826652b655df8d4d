"""kopf's handlers: an event becomes a key in the queue, nothing else happens here.

Only ``on.event``: kopf then writes nothing to any object, keeps no state and retries nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import kopf

from cbbot.contract.tradingbot import GROUP, KIND
from cbbot_operator.keys import FIELD_MANAGER, MANAGED_BY, NAME_LABEL, Key
from cbbot_operator.kinds import WATCHED, Kind
from cbbot_operator.operator_metrics import LAST_WATCH_EVENT
from cbbot_operator.watch_login import Login

__all__ = ["Watches", "watch_settings"]

_LOG = logging.getLogger(__name__)


class Watches:
    """What arrives from the API server and whom it concerns."""

    def __init__(
        self,
        add: Callable[[Key], None],
        secret_users: Callable[[str, str], Iterable[Key]],
        own_lease: str,
        lease_seen: Callable[[], None],
    ) -> None:
        self._add = add
        self._secret_users = secret_users
        self._own_lease = own_lease
        self._lease_seen = lease_seen
        self._fingerprints: dict[Key, object] = {}

    def registry(self, kinds: Iterable[Kind], login: Login) -> kopf.OperatorRegistry:
        """The handlers of these kinds, for ``kopf.operator``, which asks ``login`` for its sessions."""
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(login)
        own = {KIND: self.tradingbot, "Secret": self.secret, "Lease": self.lease}
        for kind in kinds:
            handler = own.get(kind.name, self.child)
            kopf.on.event(kind.group, kind.version, kind.plural, registry=registry)(handler)
        return registry

    async def tradingbot(self, event: Mapping[str, Any], **_: Any) -> None:
        """A TradingBot changed. Changes of its status are our own writes: they wake nobody."""
        LAST_WATCH_EVENT.set(time.time())
        metadata = event["object"]["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        fingerprint = tuple(
            repr(metadata.get(part)) for part in ("uid", "generation", "deletionTimestamp", "annotations", "finalizers")
        )
        if event["type"] == "DELETED":
            self._fingerprints.pop(key, None)
        elif event["type"] == "MODIFIED" and self._fingerprints.get(key) == fingerprint:
            return
        else:
            self._fingerprints[key] = fingerprint
        self._add(key)

    async def child(self, event: Mapping[str, Any], **_: Any) -> None:
        """Something of ours was made, changed or deleted."""
        LAST_WATCH_EVENT.set(time.time())
        key = _owner(event["object"]["metadata"])
        if key is not None:
            self._add(key)

    async def secret(self, event: Mapping[str, Any], **_: Any) -> None:
        """One of our token Secrets, or one that a TradingBot names and a person marked for watching."""
        LAST_WATCH_EVENT.set(time.time())
        metadata = event["object"]["metadata"]
        key = _owner(metadata)
        if key is not None:
            self._add(key)
        for user in self._secret_users(metadata["namespace"], metadata["name"]):
            self._add(user)

    async def lease(self, event: Mapping[str, Any], **_: Any) -> None:
        """Our own Lease coming back: the watches live."""
        LAST_WATCH_EVENT.set(time.time())
        if event["object"]["metadata"]["name"] == self._own_lease:
            self._lease_seen()


def _owner(metadata: Mapping[str, Any]) -> Key | None:
    """The TradingBot that an object belongs to, by its labels or its owner."""
    labels = metadata.get("labels") or {}
    if labels.get(MANAGED_BY) == FIELD_MANAGER and NAME_LABEL in labels:
        return Key(metadata["namespace"], labels[NAME_LABEL])
    for owner in metadata.get("ownerReferences", ()):
        if owner.get("kind") == KIND and str(owner.get("apiVersion", "")).startswith(f"{GROUP}/"):
            return Key(metadata["namespace"], owner["name"])
    return None


def watch_settings(*, dynamic: bool) -> kopf.OperatorSettings:
    """kopf, kept to watching. ``dynamic``: notice CRDs that appear later, which needs cluster-wide rights."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = not dynamic
    settings.peering.standalone = True
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = 250
    # The API server filters: a cluster's other objects never travel.
    for kind in WATCHED:
        if kind.watched:
            settings.watching.label_selectors[kind.group, kind.version, kind.plural] = kind.watched
    return settings
