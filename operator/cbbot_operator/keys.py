"""What a TradingBot and its children are called, and the marks that say whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from cbbot.contract.tradingbot import GROUP, KIND

__all__ = [
    "ASKED",
    "DEFAULT_IMAGE",
    "FIELD_MANAGER",
    "FINALIZER",
    "FORCE_DELETE",
    "KEY_FINGERPRINT",
    "MANAGED_BY",
    "NAMESPACE_NAME",
    "NAME_LABEL",
    "OWNER_UID",
    "RECONCILE",
    "SETTINGS_HASH",
    "TEMPLATE",
    "UPDATED_AT",
    "WATCH_LABEL",
    "Key",
    "Names",
    "Object",
    "annotated_owner",
    "is_ours",
    "labels",
    "owner_of",
    "owner_uids",
    "selector",
]

Object = Mapping[str, Any]
"""A Kubernetes object as JSON."""

FIELD_MANAGER = "cbbot-operator"
MANAGED_BY = "app.kubernetes.io/managed-by"
NAME_LABEL = "cbbot.io/tradingbot"
NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label by which Kubernetes says a namespace's name, since 1.21."""
WATCH_LABEL = "cbbot.io/watch"
FINALIZER = "cbbot.io/open-lots"
OWNER_UID = "cbbot.io/owner-uid"
"""Of a child that has no owner reference while the deletion of its TradingBot would wait for lots (ownership.py)."""
RECONCILE = "cbbot.io/reconcile"
FORCE_DELETE = "cbbot.io/force-delete"
SETTINGS_HASH = "cbbot.io/settings-hash"
KEY_FINGERPRINT = "cbbot.io/api-key-fingerprint"
# Of a Deployment, so that what a person asked for can be told from what a newer operator would change.
ASKED = "cbbot.io/asked"
TEMPLATE = "cbbot.io/template"
DEFAULT_IMAGE = "cbbot.io/default-image"
UPDATED_AT = "cbbot.io/updated-at"


class Key(NamedTuple):
    """One TradingBot."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one TradingBot's children: rendered by them, found by them."""

    name: str

    def of(self, component: str) -> str:
        """What exists once for each component is called after it."""
        return f"{self.name}-{component}"

    @property
    def tokens(self) -> str:
        return f"{self.name}-tokens"

    @property
    def settings(self) -> str:
        return f"{self.name}-settings"

    @property
    def state(self) -> str:
        return f"{self.name}-state"

    @property
    def account(self) -> str:
        return f"{self.name}-pods"


def labels(name: str, component: str) -> dict[str, str]:
    """The labels of every child; ``component`` is bot, bridge or simulator."""
    return {
        "app.kubernetes.io/name": "cbbot",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "cbbot",
        MANAGED_BY: FIELD_MANAGER,
        NAME_LABEL: name,
    }


def selector(name: str, component: str) -> dict[str, str]:
    """The labels that find a component's pods; a Deployment's selector can never change."""
    return {NAME_LABEL: name, "app.kubernetes.io/component": component}


def owner_of(metadata: Mapping[str, Any]) -> Key | None:
    """The TradingBot that an object belongs to, by its labels or its owner."""
    marks = metadata.get("labels") or {}
    noted = OWNER_UID in (metadata.get("annotations") or {})
    if NAME_LABEL in marks and (marks.get(MANAGED_BY) == FIELD_MANAGER or noted):
        return Key(metadata["namespace"], marks[NAME_LABEL])
    for owner in metadata.get("ownerReferences", ()):
        if owner.get("kind") == KIND and str(owner.get("apiVersion", "")).startswith(f"{GROUP}/"):
            return Key(metadata["namespace"], owner["name"])
    return None


def owner_uids(obj: Object) -> set[str]:
    return {str(owner["uid"]) for owner in obj["metadata"].get("ownerReferences", ())}


def annotated_owner(obj: Object) -> str:
    """The uid of the TradingBot for which ``obj`` is kept without an owner reference; empty for every other object."""
    return str((obj["metadata"].get("annotations") or {}).get(OWNER_UID, ""))


def is_ours(obj: Object, name: str, uid: str) -> bool:
    """Whether ``obj`` was made for the TradingBot of that name and uid, by its labels, its owner or a note of it."""
    marks = obj["metadata"].get("labels") or {}
    by_labels = marks.get(MANAGED_BY) == FIELD_MANAGER and marks.get(NAME_LABEL) == name
    return by_labels or uid in owner_uids(obj) or annotated_owner(obj) == uid
