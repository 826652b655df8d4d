"""Look at one TradingBot and everything around it, as it is now."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from cbbot.contract.spec_reader import read_spec
from cbbot.contract.tradingbot import TradingBotSpec
from cbbot.contract.violation import BadTradingBot
from cbbot_operator.cluster import Cluster
from cbbot_operator.keys import FIELD_MANAGER, MANAGED_BY, NAME_LABEL, Key, Names, Object, is_ours
from cbbot_operator.observed import Observed, Report, api_key_secret, slack_secret

__all__ = ["CHILD_KINDS", "gather"]

CHILD_KINDS = (
    "ServiceAccount",
    "Secret",
    "ConfigMap",
    "PersistentVolumeClaim",
    "Service",
    "NetworkPolicy",
    "Deployment",
)


async def gather(cluster: Cluster, key: Key, report: Report | None, now: datetime) -> tuple[Observed, str] | None:
    """What there is, and what is wrong with the spec ("" when it can be read). None: there is no such TradingBot."""
    resource = await cluster.get("TradingBot", *key)
    if resource is None:
        return None
    try:
        spec: TradingBotSpec | None = read_spec(resource.get("spec") or {})
        invalid = ""
    except BadTradingBot as error:
        spec, invalid = None, str(error)
    monitors_known = await cluster.serves("ServiceMonitor")
    kinds = (*CHILD_KINDS, "ServiceMonitor") if monitors_known else CHILD_KINDS
    marks = {MANAGED_BY: FIELD_MANAGER, NAME_LABEL: key.name}
    listed = await asyncio.gather(*(cluster.list(kind, key.namespace, marks) for kind in kinds))
    uid = str(resource["metadata"]["uid"])
    children: dict[tuple[str, str], Object] = {
        (kind, obj["metadata"]["name"]): obj for kind, objs in zip(kinds, listed, strict=True) for obj in objs
    }
    foreign = await _unlisted(cluster, key, uid, _expected(key, spec, monitors_known), children)
    namespace = await cluster.namespace(key.namespace)
    seen = Observed(
        key=key,
        resource=resource,
        spec=spec,
        children=children,
        foreign=foreign,
        pods=tuple(await cluster.list("Pod", key.namespace, {NAME_LABEL: key.name})),
        secrets=await _secrets(cluster, key, spec),
        claim=await _claim(cluster, key, spec, children),
        namespace_uid=str(namespace["metadata"]["uid"]),
        namespace_terminating="deletionTimestamp" in namespace["metadata"],
        monitors_known=monitors_known,
        report=report,
        now=now,
    )
    return seen, invalid


def _expected(key: Key, spec: TradingBotSpec | None, monitors_known: bool) -> list[tuple[str, str]]:
    names = Names(key.name)
    expected = [
        ("ServiceAccount", names.account),
        ("Secret", names.tokens),
        ("ConfigMap", names.settings),
        ("Service", names.bot),
        ("Service", names.bridge),
        ("NetworkPolicy", names.bot),
        ("NetworkPolicy", names.bridge),
        ("Deployment", names.bot),
        ("Deployment", names.bridge),
    ]
    if spec is not None and spec.state.existingClaim is None:
        expected.append(("PersistentVolumeClaim", names.state))
    if spec is not None and spec.exchange.venue == "Simulator":
        expected.append(("PersistentVolumeClaim", names.simulator))
    if monitors_known and spec is not None and spec.monitoring.serviceMonitor.enabled:
        expected += [("ServiceMonitor", names.bot), ("ServiceMonitor", names.bridge)]
    return expected


async def _unlisted(
    cluster: Cluster,
    key: Key,
    uid: str,
    expected: Iterable[tuple[str, str]],
    children: dict[tuple[str, str], Object],
) -> frozenset[tuple[str, str]]:
    """Look for the expected objects that no label found: ours join ``children``, the others are returned."""
    missing = [entry for entry in expected if entry not in children]
    found = await asyncio.gather(*(cluster.get(kind, key.namespace, name) for kind, name in missing))
    foreign = set()
    for entry, obj in zip(missing, found, strict=True):
        if obj is not None and is_ours(obj, key.name, uid):
            children[entry] = obj
        elif obj is not None:
            foreign.add(entry)
    return frozenset(foreign)


async def _secrets(cluster: Cluster, key: Key, spec: TradingBotSpec | None) -> dict[str, Mapping[str, bytes] | None]:
    wanted = [name for name in (api_key_secret(spec), slack_secret(spec)) if name] if spec is not None else []
    found = {name: await cluster.get("Secret", key.namespace, name) for name in dict.fromkeys(wanted)}
    return {name: None if secret is None else _contents(secret) for name, secret in found.items()}


def _contents(secret: Mapping[str, Any]) -> dict[str, bytes]:
    contents = {}
    for name, text in (secret.get("data") or {}).items():
        try:
            contents[name] = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):  # the API server lets nothing else pass; an empty value says so
            contents[name] = b""
    return contents


async def _claim(
    cluster: Cluster, key: Key, spec: TradingBotSpec | None, children: Mapping[tuple[str, str], Object]
) -> Object | None:
    if spec is not None and spec.state.existingClaim is not None:
        return await cluster.get("PersistentVolumeClaim", key.namespace, spec.state.existingClaim)
    return children.get(("PersistentVolumeClaim", Names(key.name).state))
