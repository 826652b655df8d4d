"""Children that applying alone does not put right: what stands in the way is removed, or the object made anew."""

from __future__ import annotations

import logging
from typing import Any

from cbbot.errors import Refused
from cbbot_operator.cluster import Cluster, Conflict
from cbbot_operator.keys import FIELD_MANAGER, Object
from cbbot_operator.kinds import KINDS, Stuck

__all__ = ["clear_pods", "clear_settings", "put_by_force"]

_LOG = logging.getLogger(__name__)
# The API server chose these of a Service and refuses another choice.
_CHOSEN = {"Service": ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort")}
_UNPROCESSABLE = "422"
_IMMUTABLE = "field is immutable"


async def put_by_force(cluster: Cluster, wanted: dict[str, Any], refusal: Refused) -> dict[str, Any]:
    """Put an object whose apply was refused as unprocessable: others' fields go, or itself, where its kind allows.

    Raises:
        Refused: neither is allowed or helps.
        Conflict: it is on its way out and will be made once it is gone.
    """
    kind, namespace, name = wanted["kind"], wanted["metadata"]["namespace"], wanted["metadata"]["name"]
    if refusal.code != _UNPROCESSABLE or KINDS[kind].stuck is Stuck.REPORTED:
        raise refusal
    live = await cluster.get(kind, namespace, name)
    if live is None:
        return await cluster.apply(wanted)
    if "deletionTimestamp" in live["metadata"]:
        raise Conflict(f"{kind} {name} is being deleted and will be made once it is gone")
    _LOG.warning("%s; put back whole", refusal, extra={"fields": {"kind": kind, "child": name}})
    try:
        await _overwrite(cluster, live, wanted)
        return await cluster.apply(wanted)
    except Refused as error:
        # What is merely invalid would be invalid in a new object too, and the old one still does its work.
        if _IMMUTABLE not in str(error) or KINDS[kind].stuck is not Stuck.MADE_ANEW:
            raise refusal from error
        await cluster.delete(kind, namespace, name, live["metadata"]["uid"], foreground=True)
        raise Conflict(f"{kind} {name} cannot be changed ({error}): deleted, to be made anew") from error


async def clear_pods(cluster: Cluster, wanted: dict[str, Any], found: tuple[str, ...]) -> dict[str, Any]:
    """The Deployment with its pods as they are wanted and nothing beside."""
    name, namespace = wanted["metadata"]["name"], wanted["metadata"]["namespace"]
    live = await cluster.get("Deployment", namespace, name)
    if live is None:
        return await cluster.apply(wanted)
    _LOG.warning("removed from the pods of %s: %s", name, ", ".join(found), extra={"fields": {"child": name}})
    template, mine = live["spec"]["template"], wanted["spec"]["template"]
    notes = {word.split()[1]: None for word in found if word.startswith("annotation ")}
    change: dict[str, Any] = {"spec": _difference(template["spec"], mine["spec"])}
    if notes:
        change["metadata"] = {"annotations": notes}
    await _patch(cluster, live, {"spec": {"template": change}})
    return await cluster.apply(wanted)


async def clear_settings(cluster: Cluster, wanted: dict[str, Any], found: tuple[str, ...]) -> dict[str, Any]:
    """The ConfigMap without the keys that were ``found``."""
    name, namespace = wanted["metadata"]["name"], wanted["metadata"]["namespace"]
    live = await cluster.get("ConfigMap", namespace, name)
    if live is not None:
        _LOG.warning("removed from %s: %s", name, ", ".join(found), extra={"fields": {"child": name}})
        await _patch(cluster, {**live, "kind": "ConfigMap"}, {"data": dict.fromkeys(found)})
    return await cluster.apply(wanted)


async def _overwrite(cluster: Cluster, live: Object, wanted: Object) -> None:
    """Everything but metadata and status becomes what is wanted, defaults for what is not said."""
    chosen = _CHOSEN.get(wanted["kind"], ())
    change: dict[str, Any] = {}
    for part in (live.keys() | wanted.keys()) - {"apiVersion", "kind", "metadata", "status"}:
        before, after = live.get(part), wanted.get(part)
        if not isinstance(before, dict) or not isinstance(after, dict):
            change[part] = after
            continue
        kept = {field: before[field] for field in chosen if field in before and field not in after}
        change[part] = _difference(before, {**after, **kept})
    await _patch(cluster, {**live, "kind": wanted["kind"]}, change)


async def _patch(cluster: Cluster, live: Object, change: dict[str, Any]) -> None:
    metadata = live["metadata"]
    kind = live.get("kind", "Deployment")
    where = kind, metadata["namespace"], metadata["name"]
    patched = await cluster.patch(*where, {"metadata": {"resourceVersion": metadata["resourceVersion"]}, **change})
    await _disown_patch(cluster, where, patched)


async def _disown_patch(cluster: Cluster, where: tuple[str, str, str], patched: Object) -> None:
    """A patch's fields would stay ours though no apply names them any more: the apply alone owns what it needs."""
    entries = patched["metadata"].get("managedFields") or []
    others = [
        entry
        for entry in entries
        if (entry.get("manager"), entry.get("operation"), entry.get("subresource")) != (FIELD_MANAGER, "Update", None)
    ]
    if len(others) < len(entries):
        version = patched["metadata"]["resourceVersion"]
        await cluster.patch(*where, {"metadata": {"managedFields": others, "resourceVersion": version}})


def _difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The JSON merge patch that turns one map into the other; a list that differs is sent whole."""
    change: dict[str, Any] = {field: None for field in before if field not in after}
    for field, value in after.items():
        present = before.get(field)
        if isinstance(value, dict) and isinstance(present, dict):
            if inner := _difference(present, value):
                change[field] = inner
        elif value != present:
            change[field] = value
    return change
