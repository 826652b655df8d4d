"""Look at one TradingBot and everything around it: in the cache of the watches, or asking where that has no answer."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cbbot.contract.spec_reader import read_spec
from cbbot.contract.tradingbot import KIND, TradingBotSpec
from cbbot.contract.violation import BadTradingBot
from cbbot_operator.access_mode import NEEDED_VERSION, SINGLE_POD
from cbbot_operator.cluster import Cluster
from cbbot_operator.cluster_facts import ClusterFacts, NamespaceFacts
from cbbot_operator.keys import FIELD_MANAGER, MANAGED_BY, NAME_LABEL, Key, Names, Object
from cbbot_operator.observed import Observed, api_key_secret, slack_secret
from cbbot_operator.pods import waited_long, warnings_due
from cbbot_operator.reduced import Reduced, reduce
from cbbot_operator.shared_sections import with_shared_sections
from cbbot_operator.warning_events import WarningEvents
from cbbot_operator.watch_cache import WatchCache

__all__ = ["Gatherer"]


class Gatherer:
    """Looks at TradingBots."""

    def __init__(self, cluster: Cluster, cache: WatchCache, facts: ClusterFacts, warnings: WarningEvents) -> None:
        self._cluster = cluster
        self._cache = cache
        self._facts = facts
        self._warning_events = warnings

    async def gather(self, key: Key, before: Observed | None, now: datetime) -> Observed | None:
        """What there is, children by their labels. None: there is no such TradingBot."""
        resource = await self._resource(key)
        if resource is None:
            return None
        if before is not None and before.uid != resource["metadata"]["uid"]:
            before = None  # what was known is of another of that name
        written = resource.get("spec") or {}
        spec, invalid = _read(written, before)
        namespace = await self._namespace(key, resource, before)
        if namespace.terminating and "deletionTimestamp" in resource["metadata"]:
            # Nothing else matters any more, and the rights to ask may have gone with the namespace already.
            return Observed(
                key=key,
                resource=_without_spec(resource),
                written=written,
                spec=spec,
                invalid=invalid,
                children={},
                namespace_uid=namespace.uid,
                namespace_terminating=True,
                now=now,
            )
        kinds = await self._facts.child_kinds()
        around = await self._around(key, (*kinds, "Pod"))
        pods = tuple(found.obj for (kind, _), found in around.items() if kind == "Pod")
        claim = around.get(("PersistentVolumeClaim", Names(key.name).state))
        warnings, warned_at = await self._warnings(key, pods, claim, before, now)
        return Observed(
            key=key,
            resource=_without_spec(resource),
            written=written,
            spec=spec,
            invalid=invalid,
            children={entry: found.obj for entry, found in around.items() if entry[0] != "Pod"},
            states={entry: found.state for entry, found in around.items() if entry[0] != "Pod"},
            pods=pods,
            warnings=warnings,
            warned_at=warned_at,
            secrets=await self._secrets(key, spec),
            existing_claim=await self._existing_claim(key, spec),
            claim_holder=await self._claim_holder(key, resource, spec),
            namespaces_named=namespace.named,
            single_pod_volumes=await self._single_pod_volumes(spec),
            namespace_uid=namespace.uid,
            namespace_terminating=namespace.terminating,
            monitors_known="ServiceMonitor" in kinds,
            report=before.report if before is not None else None,
            key_report=before.key_report if before is not None else None,
            asked_at=_asked_at(resource["metadata"], before, now),
            now=now,
        )

    async def children(self, key: Key) -> dict[tuple[str, str], Object]:
        """What has the labels of the children of that TradingBot, if there is one or not."""
        around = await self._around(key, await self._facts.child_kinds())
        return {entry: found.obj for entry, found in around.items()}

    async def _warnings(
        self, key: Key, pods: tuple[Object, ...], claim: Reduced | None, before: Observed | None, now: datetime
    ) -> tuple[tuple[Object, ...], datetime | None]:
        """The warnings about pods that should have been ready, and when they were read: seldom, for they change little.

        Of volumes and probes nothing else tells; a claim that is not bound is asked about as well.
        """
        late = waited_long(pods, now)
        if not warnings_due(pods, before.warned_at if before is not None else None, now):
            return (before.warnings, before.warned_at) if before is not None and late else ((), None)
        if claim is not None and claim.obj.get("status", {}).get("phase") == "Pending":
            late.append(str(claim.obj["metadata"]["name"]))
        found = await self._warning_events.about(key.namespace, late)
        return found, now

    async def _resource(self, key: Key) -> Object | None:
        if self._cache.holds(KIND, key.namespace):
            return self._cache.resource(key)
        found = await self._cluster.get(KIND, *key)
        return None if found is None else reduce(KIND, found).obj

    async def _around(self, key: Key, kinds: tuple[str, ...]) -> dict[tuple[str, str], Reduced]:
        around = self._cache.around(key, kinds)
        asked = [kind for kind in kinds if not self._cache.holds(kind, key.namespace)]
        listed = await asyncio.gather(*(self._listed(kind, key) for kind in asked))
        for kind, objs in zip(asked, listed, strict=True):
            around |= {(kind, obj["metadata"]["name"]): reduce(kind, obj) for obj in objs}
        return around

    async def _listed(self, kind: str, key: Key) -> list[Object]:
        """What has the labels of its children. Its Secret is asked for by name: to list Secrets shows them all."""
        marks = {MANAGED_BY: FIELD_MANAGER, NAME_LABEL: key.name}
        if kind != "Secret":
            return list(await self._cluster.list(kind, key.namespace, marks))
        found = await self._cluster.get(kind, key.namespace, Names(key.name).tokens)
        ours = found is not None and marks.items() <= (found["metadata"].get("labels") or {}).items()
        return [found] if found is not None and ours else []

    async def _namespace(self, key: Key, resource: Object, before: Observed | None) -> NamespaceFacts:
        deleting = "deletionTimestamp" in resource["metadata"]
        if before is not None and before.uid == resource["metadata"]["uid"] and not deleting:
            # A TradingBot does not outlive its namespace.
            return NamespaceFacts(before.namespace_uid, terminating=False, named=before.namespaces_named)
        return await self._facts.namespace(key.namespace, now=deleting)

    async def _secrets(self, key: Key, spec: TradingBotSpec | None) -> dict[str, Mapping[str, bytes] | None]:
        wanted = [name for name in (api_key_secret(spec), slack_secret(spec)) if name] if spec is not None else []
        found = {name: await self._cluster.get("Secret", key.namespace, name) for name in dict.fromkeys(wanted)}
        return {name: None if secret is None else _digests(secret) for name, secret in found.items()}

    async def _existing_claim(self, key: Key, spec: TradingBotSpec | None) -> Object | None:
        if spec is None or spec.state.existingClaim is None:
            return None
        claim = await self._cluster.get("PersistentVolumeClaim", key.namespace, spec.state.existingClaim)
        return None if claim is None else reduce("PersistentVolumeClaim", claim).obj

    async def _single_pod_volumes(self, spec: TradingBotSpec | None) -> bool:
        wanted = spec is not None and spec.state.existingClaim is None and spec.state.accessMode == SINGLE_POD
        return await self._facts.version() >= NEEDED_VERSION if wanted else True

    async def _claim_holder(self, key: Key, resource: Object, spec: TradingBotSpec | None) -> str:
        """Whoever made the claim, or named it before us; asked only where a claim is named."""
        if spec is None or spec.state.existingClaim is None:
            return ""
        wanted = spec.state.existingClaim
        for other in await self._neighbours(key.namespace):
            name = str(other["metadata"]["name"])
            named = ((other.get("spec") or {}).get("state") or {}).get("existingClaim")
            made = named is None and Names(name).state == wanted
            if name != key.name and (made or (named == wanted and _age(other) < _age(resource))):
                return name
        return ""

    async def _neighbours(self, namespace: str) -> list[Object]:
        """The TradingBots of a namespace."""
        if not self._cache.holds(KIND, namespace):
            return list(await self._cluster.list(KIND, namespace, {}))
        found = (self._cache.resource(key) for key in self._cache.resources() if key.namespace == namespace)
        return [resource for resource in found if resource is not None]


def _asked_at(metadata: Mapping[str, Any], before: Observed | None, now: datetime) -> datetime:
    """When this generation, or the deletion, was first seen; a spec that is new to us is so from now on."""
    asked = metadata.get("generation", 0), "deletionTimestamp" in metadata
    if before is not None and (before.generation, before.deleting) == asked:
        return before.asked_at
    return now


def _without_spec(resource: Object) -> Object:
    """The spec has been read; its text is not needed again."""
    return {part: value for part, value in resource.items() if part != "spec"}


def _read(written: Object, before: Observed | None) -> tuple[TradingBotSpec | None, str]:
    """The spec, or why it cannot be read; what was written in the same words ``before`` has been read."""
    if before is not None and before.written == written:
        return before.spec, before.invalid
    try:
        return with_shared_sections(read_spec(written)), ""
    except BadTradingBot as error:
        return None, str(error)


def _digests(secret: Mapping[str, Any]) -> dict[str, bytes]:
    """Of each value, empty for an empty one: whether it changed is all that is asked."""
    digests = {}
    for name, text in (secret.get("data") or {}).items():
        try:
            content = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):  # the API server lets nothing else pass; an empty value says so
            content = b""
        digests[name] = hashlib.sha256(content).digest() if content else b""
    return digests


def _age(resource: Object) -> tuple[str, str]:
    return str(resource["metadata"].get("creationTimestamp", "")), str(resource["metadata"]["name"])
