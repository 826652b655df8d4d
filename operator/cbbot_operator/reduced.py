"""What is kept in memory of an object of the cluster: the fields that somebody here reads, and no content. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cbbot.contract.tradingbot import GROUP, KIND
from cbbot_operator.keys import MANAGED_BY, NAME_LABEL, Object
from cbbot_operator.observed import BOT_TOKEN, CONTROL_TOKEN, ChildState
from cbbot_operator.owned_fields import owned_digest
from cbbot_operator.pod_breaches import breaches
from cbbot_operator.settings_breaches import added_settings

__all__ = ["KEPT", "Reduced", "added_by_hand", "reduce", "share_marks"]

_METADATA = ("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp")
_LABELS = (MANAGED_BY, NAME_LABEL, "app.kubernetes.io/component")
_NOTHING = ChildState()
_OWNER = ("apiVersion", "kind", "name", "uid")
_MARKS = ("labels", "ownerReferences")
_NOTES = f"{GROUP}/"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

KEPT: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "Deployment": (("spec", "replicas"), ("status",)),
    "PersistentVolumeClaim": (("spec",), ("status",)),
    "ConfigMap": (("data", "PRODUCT_ID"),),
    "Secret": (("data", BOT_TOKEN), ("data", CONTROL_TOKEN)),
    "Pod": (("spec", "nodeName"), ("status",)),
}
"""Paths by kind; of other kinds only the metadata is read."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """``obj`` has the object's shape with few of its fields."""

    obj: Object
    state: ChildState = _NOTHING


def reduce(kind: str, obj: Object) -> Reduced:
    """What is worth keeping of an object as the API server sent it."""
    metadata = obj["metadata"]
    if kind == KIND:
        return Reduced(_shared({**obj, "metadata": _of_resource(metadata)}))
    kept: dict[str, Any] = {"metadata": _of_child(metadata)}
    for path in KEPT.get(kind, ()):
        _copy(obj, kept, path)
    return Reduced(
        _shared(kept), _NOTHING if kind == "Pod" else ChildState(owned_digest(obj), added_by_hand(kind, obj))
    )


def added_by_hand(kind: str, obj: Object) -> tuple[str, ...]:
    """What somebody added to a child and has to go."""
    if kind == "Deployment" and "spec" in obj:
        return breaches(obj)
    return added_settings(obj) if kind == "ConfigMap" else ()


def share_marks(found: Reduced, other: Reduced) -> None:
    """Where both say the same of whose they are, ``found`` has it from ``other``: all children of a TradingBot do."""
    metadata, theirs = found.obj["metadata"], other.obj["metadata"]
    for part in _MARKS:
        if part in metadata and metadata[part] == theirs.get(part):
            metadata[part] = theirs[part]


def _of_resource(metadata: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in metadata.items() if key != "managedFields"}
    if annotations := kept.get("annotations"):
        kept["annotations"] = {key: value for key, value in annotations.items() if key != _LAST_APPLIED}
    return kept


def _of_child(metadata: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: metadata[key] for key in _METADATA if key in metadata}
    labels = metadata.get("labels") or {}
    kept["labels"] = {key: labels[key] for key in _LABELS if key in labels}
    if notes := {key: text for key, text in (metadata.get("annotations") or {}).items() if key.startswith(_NOTES)}:
        kept["annotations"] = notes
    if owners := metadata.get("ownerReferences"):
        kept["ownerReferences"] = [{key: owner.get(key) for key in _OWNER} for owner in owners]
    return kept


def _copy(source: Object, target: dict[str, Any], path: Iterable[str]) -> None:
    *folders, last = path
    for folder in folders:
        source = source.get(folder) or {}
        if not source:
            return
        target = target.setdefault(folder, {})
    if last in source:
        target[last] = source[last]


def _shared(value: Any) -> Any:
    """A copy whose texts are shared with other objects: most of what objects say is the same."""
    if isinstance(value, dict):
        return {sys.intern(str(key)): _shared(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shared(item) for item in value]
    return sys.intern(value) if type(value) is str else value
