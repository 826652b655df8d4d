"""Look at one TradingBot and everything around it, as it is now."""

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
from cbbot_operator.cluster import Cluster, served
from cbbot_operator.keys import FIELD_MANAGER, MANAGED_BY, NAME_LABEL, NAMESPACE_NAME, Key, Names, Object
from cbbot_operator.kinds import CHILDREN
from cbbot_operator.observed import Observed, api_key_secret, slack_secret
from cbbot_operator.pods import waited_long

__all__ = ["gather", "list_children"]


async def gather(cluster: Cluster, key: Key, now: datetime) -> Observed | None:
    """What there is, children by their labels. None: there is no such TradingBot."""
    resource = await cluster.get(KIND, *key)
    if resource is None:
        return None
    try:
        spec: TradingBotSpec | None = read_spec(resource.get("spec") or {})
        invalid = ""
    except BadTradingBot as error:
        spec, invalid = None, str(error)
    children, kinds = await list_children(cluster, key)
    pods = tuple(await cluster.list("Pod", key.namespace, {NAME_LABEL: key.name}))
    namespace = await cluster.namespace(key.namespace)
    return Observed(
        key=key,
        resource=resource,
        spec=spec,
        invalid=invalid,
        children=children,
        pods=pods,
        warnings=await _warnings(cluster, key, pods, now),
        secrets=await _secrets(cluster, key, spec),
        existing_claim=await _existing_claim(cluster, key, spec),
        claim_holder=await _claim_holder(cluster, key, resource, spec),
        namespace_uid=str(namespace["metadata"]["uid"]),
        namespace_terminating="deletionTimestamp" in namespace["metadata"],
        monitors_known="ServiceMonitor" in kinds,
        namespaces_named=(namespace["metadata"].get("labels") or {}).get(NAMESPACE_NAME) == key.namespace,
        single_pod_volumes=await _single_pod_volumes(cluster, spec),
        now=now,
    )


async def list_children(cluster: Cluster, key: Key) -> tuple[dict[tuple[str, str], Object], list[str]]:
    """What has the labels of the children of that TradingBot, if there is one or not, and the kinds looked for."""
    kinds = [kind.name for kind in await served(cluster, CHILDREN)]
    marks = {MANAGED_BY: FIELD_MANAGER, NAME_LABEL: key.name}
    listed = await asyncio.gather(*(cluster.list(kind, key.namespace, marks) for kind in kinds))
    found: dict[tuple[str, str], Object] = {
        (kind, obj["metadata"]["name"]): obj for kind, objs in zip(kinds, listed, strict=True) for obj in objs
    }
    return found, kinds


async def _warnings(cluster: Cluster, key: Key, pods: tuple[Object, ...], now: datetime) -> tuple[Object, ...]:
    """The warnings about pods that should have been ready: of volumes and probes nothing else tells."""
    names = waited_long(pods, now)
    found = await asyncio.gather(
        *(
            cluster.list("Event", key.namespace, {}, fields={"type": "Warning", "involvedObject.name": name})
            for name in names
        )
    )
    return tuple(event for events in found for event in events)


async def _secrets(cluster: Cluster, key: Key, spec: TradingBotSpec | None) -> dict[str, Mapping[str, bytes] | None]:
    wanted = [name for name in (api_key_secret(spec), slack_secret(spec)) if name] if spec is not None else []
    found = {name: await cluster.get("Secret", key.namespace, name) for name in dict.fromkeys(wanted)}
    return {name: None if secret is None else _digests(secret) for name, secret in found.items()}


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


async def _single_pod_volumes(cluster: Cluster, spec: TradingBotSpec | None) -> bool:
    wanted = spec is not None and spec.state.existingClaim is None and spec.state.accessMode == SINGLE_POD
    return await cluster.version() >= NEEDED_VERSION if wanted else True


async def _existing_claim(cluster: Cluster, key: Key, spec: TradingBotSpec | None) -> Object | None:
    if spec is None or spec.state.existingClaim is None:
        return None
    return await cluster.get("PersistentVolumeClaim", key.namespace, spec.state.existingClaim)


async def _claim_holder(cluster: Cluster, key: Key, resource: Object, spec: TradingBotSpec | None) -> str:
    """Whoever made the claim, or named it before us; asked only where a claim is named."""
    if spec is None or spec.state.existingClaim is None:
        return ""
    wanted = spec.state.existingClaim
    for other in await cluster.list(KIND, key.namespace, {}):
        name = str(other["metadata"]["name"])
        named = ((other.get("spec") or {}).get("state") or {}).get("existingClaim")
        made = named is None and Names(name).state == wanted
        if name != key.name and (made or (named == wanted and _age(other) < _age(resource))):
            return name
    return ""


def _age(resource: Object) -> tuple[str, str]:
    return str(resource["metadata"].get("creationTimestamp", "")), str(resource["metadata"]["name"])
