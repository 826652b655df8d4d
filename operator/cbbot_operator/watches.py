"""kopf's handlers: an event becomes a key in the queue, nothing else happens here.

Only ``on.event``: kopf then writes nothing to any object, keeps no state and retries nothing.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import kopf

from cbbot.contract.tradingbot import KIND
from cbbot_operator.keys import Key, Names, owner_of
from cbbot_operator.kinds import WATCHED, Kind
from cbbot_operator.operator_metrics import LAST_WATCH_EVENT
from cbbot_operator.watch_cache import WatchCache
from cbbot_operator.watch_login import Login
from cbbot_operator.workqueue import Urgency

__all__ = ["Watches", "watch_settings"]

_LOG = logging.getLogger(__name__)


class Watches:
    """What arrives from the API server and whom it concerns."""

    def __init__(
        self,
        add: Callable[[Key, Urgency], None],
        cache: WatchCache,
        secret_users: Callable[[str, str], Iterable[Key]],
        own_lease: str,
        lease_seen: Callable[[], None],
    ) -> None:
        self._add = add
        self._cache = cache
        self._secret_users = secret_users
        self._own_lease = own_lease
        self._lease_seen = lease_seen
        self._fingerprints: dict[Key, bytes] = {}

    def registry(self, kinds: Iterable[Kind], login: Login) -> kopf.OperatorRegistry:
        """The handlers of these kinds, for ``kopf.operator``, which asks ``login`` for its sessions."""
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(login)
        own = {KIND: self.tradingbot, "Secret": self.secret, "Lease": self.lease}
        for kind in kinds:
            handler = own.get(kind.name) or functools.partial(self.child, kind=kind.name)
            kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=kind.name)(handler)
        return registry

    async def tradingbot(self, event: Mapping[str, Any], **_: Any) -> None:
        """A TradingBot changed. Changes of its status are our own writes: they wake nobody."""
        metadata = event["object"]["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        news = self._take(KIND, event)
        before = self._fingerprints.get(key)
        if event["type"] == "DELETED":
            self._fingerprints.pop(key, None)
        else:
            self._fingerprints[key] = _fingerprint(metadata)
            if event["type"] == "MODIFIED" and before == self._fingerprints[key]:
                return
        # A listing shows what has been there for long; what it shows of one that is known was missed by the watch.
        listed = event["type"] is None and (before is None or not news)
        self._add(key, Urgency.RESYNC if listed else Urgency.PERSON)

    async def child(self, event: Mapping[str, Any], kind: str, **_: Any) -> None:
        """Something of ours was made, changed or deleted."""
        key = owner_of(event["object"]["metadata"])
        if self._take(kind, event) and key is not None:
            self._add(key, Urgency.CHILD)

    async def secret(self, event: Mapping[str, Any], **_: Any) -> None:
        """One of our token Secrets, or one that a TradingBot names and a person marked for watching."""
        await self.child(event, "Secret")
        metadata = event["object"]["metadata"]
        owner = owner_of(metadata)
        if owner is not None and metadata["name"] == Names(owner.name).tokens:
            return  # no spec names it, and each question for its users goes through all TradingBots
        urgency = Urgency.RESYNC if event["type"] is None else Urgency.PERSON
        for user in self._secret_users(metadata["namespace"], metadata["name"]):
            self._add(user, urgency)

    def _take(self, kind: str, event: Mapping[str, Any]) -> bool:
        """Whether the event is news; what our own requests have brought already is not."""
        LAST_WATCH_EVENT.set(time.time())
        if event["type"] == "DELETED":
            self._cache.drop(kind, event["object"])
            return True
        return self._cache.take(kind, event["object"])

    async def lease(self, event: Mapping[str, Any], **_: Any) -> None:
        """Our own Lease coming back: the watches live."""
        LAST_WATCH_EVENT.set(time.time())
        if event["object"]["metadata"]["name"] == self._own_lease:
            self._lease_seen()


def _fingerprint(metadata: Mapping[str, Any]) -> bytes:
    parts = (metadata.get(part) for part in ("uid", "generation", "deletionTimestamp", "annotations", "finalizers"))
    return hashlib.sha256(repr(tuple(parts)).encode()).digest()[:16]


class _NoDiffs(kopf.DiffBaseStorage):
    """kopf compares an object with what it was for handlers of changes; there are none here."""

    def build(self, *, body: kopf.Body, extra_fields: object = None) -> kopf.BodyEssence:
        del body, extra_fields
        return kopf.BodyEssence({})

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        del body
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        del body, patch, essence


def watch_settings(*, dynamic: bool) -> kopf.OperatorSettings:
    """kopf, kept to watching. ``dynamic``: notice CRDs that appear later, which needs cluster-wide rights."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = not dynamic
    settings.peering.standalone = True
    settings.watching.connect_timeout = 10
    # An object that was shown is kept until its worker has idled: of thousands at once that is most of the memory.
    settings.watching.chunk_size = 50
    settings.queueing.idle_timeout = 0.2
    settings.persistence.diffbase_storage = _NoDiffs()
    # The API server filters: a cluster's other objects never travel.
    for kind in WATCHED:
        if kind.watched:
            settings.watching.label_selectors[kind.group, kind.version, kind.plural] = kind.watched
    return settings
