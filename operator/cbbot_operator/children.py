"""A TradingBot's children in the cluster: found by name, put as they were rendered, pruned."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from cbbot.errors import Refused
from cbbot_operator.cluster import Cluster
from cbbot_operator.keys import Object, is_ours
from cbbot_operator.kinds import KINDS, Child
from cbbot_operator.observed import Observed
from cbbot_operator.operator_metrics import DRIFT
from cbbot_operator.ownership import made_for

__all__ = ["apply_children", "find_unlabelled"]

_LOG = logging.getLogger(__name__)


async def find_unlabelled(cluster: Cluster, seen: Observed, wanted: Iterable[Object]) -> Observed:
    """Look for the wanted objects that no label found: ours become children, the others are foreign."""
    missing = [entry for entry in map(_entry, wanted) if entry not in seen.children]
    found = await asyncio.gather(*(cluster.get(kind, seen.key.namespace, name) for kind, name in missing))
    there = {entry: obj for entry, obj in zip(missing, found, strict=True) if obj is not None}
    ours = {entry: obj for entry, obj in there.items() if is_ours(obj, seen.key.name, seen.uid)}
    return replace(seen, children={**seen.children, **ours}, foreign=frozenset(there.keys() - ours.keys()))


async def apply_children(
    cluster: Cluster, seen: Observed, wanted: Sequence[dict[str, Any]], *, applied_before: bool
) -> Observed:
    """Apply what is wanted, then deal with what is ours and is not; the children as they are now.

    What differs although the very same was ``applied_before`` is drift: logged and counted.

    Raises:
        Refused, Retryable: the API server said so, or one of ours is not wanted that every TradingBot has once.
    """
    children: dict[tuple[str, str], Object] = {}
    for obj in wanted:
        entry = _entry(obj)
        before = seen.children.get(entry)
        after = children[entry] = await cluster.apply(obj)
        if applied_before and (before is None or _content(before) != _content(after)):
            fields = {"tradingbot": str(seen.key), "kind": entry[0], "child": entry[1]}
            _LOG.info("put back", extra={"fields": fields})
            DRIFT.labels(entry[0]).inc()
    for entry, child in seen.children.items():
        if entry in children:
            continue
        if KINDS[entry[0]].child is Child.KEPT:
            children[entry] = child
        elif made_for(child, seen.uid):
            await _prune(cluster, seen, *entry)
    return replace(seen, children=children)


async def _prune(cluster: Cluster, seen: Observed, kind: str, name: str) -> None:
    if KINDS[kind].child is not Child.PRUNED:
        # A person's copy, owner reference and all; there is no right to delete it, nor a reason to be silent.
        message = f"{kind} {name} has this TradingBot as its owner but is none of its objects: delete it"
        raise Refused("NotWanted", message)
    await cluster.delete(kind, seen.key.namespace, name, seen.children[kind, name]["metadata"]["uid"])


def _entry(obj: Object) -> tuple[str, str]:
    return obj["kind"], obj["metadata"]["name"]


def _content(obj: Object) -> dict[str, Any]:
    """What of an object is ours to care for: neither its status nor the API server's bookkeeping."""
    # Items of a list carry neither kind nor apiVersion.
    content = {key: value for key, value in obj.items() if key not in ("kind", "apiVersion", "metadata", "status")}
    return content | {key: obj["metadata"].get(key) for key in ("labels", "ownerReferences")}
