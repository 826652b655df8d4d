"""Which fields of an object are ours, and whether they still say what was applied. Pure.

Server-side apply keeps, in ``metadata.managedFields``, the set of fields that each manager applied. A field that
somebody else changes leaves our set. So the values of our set are what we last applied, less
what was changed since; https://kubernetes.io/docs/reference/using-api/server-side-apply/ has the form of the set.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cbbot_operator.keys import FIELD_MANAGER, Object

__all__ = ["owned_digest", "owned_part", "wanted_digest"]

_ITSELF = "."
_IDENTITY = ("name", "namespace")


def owned_part(obj: Object) -> dict[str, Any]:
    """The fields of ``obj`` that this operator applied and nobody has changed since."""
    for entry in obj["metadata"].get("managedFields") or ():
        if (entry.get("manager"), entry.get("operation")) == (FIELD_MANAGER, "Apply") and not entry.get("subresource"):
            part = _taken(obj, entry.get("fieldsV1") or {})
            return part if isinstance(part, dict) else {}
    return {}


def owned_digest(obj: Object) -> bytes:
    """Of the fields that are ours; equal to :func:`wanted_digest` of what was applied while it stands."""
    return _digest(owned_part(obj))


def wanted_digest(wanted: Object) -> bytes:
    """Of an object to be applied. What says which object it is belongs to nobody."""
    content = {key: value for key, value in wanted.items() if key not in ("apiVersion", "kind")}
    content["metadata"] = {key: value for key, value in wanted["metadata"].items() if key not in _IDENTITY}
    return _digest(content)


def _digest(content: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps(_without_empty(content), sort_keys=True).encode()).digest()[:16]


def _without_empty(value: Any) -> Any:
    """The API server notes no owner for an empty map or list, such as ``emptyDir: {}``."""
    if isinstance(value, dict):
        shorter = {}
        for name, item in value.items():
            kept = _without_empty(item) if isinstance(item, dict | list) else item
            if kept or not isinstance(kept, dict | list):
                shorter[name] = kept
        return shorter
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def _taken(value: Any, fields: Mapping[str, Any]) -> Any:
    """The part of ``value`` that the set names: all of it where the set goes no deeper."""
    if isinstance(value, dict) and fields:
        return {
            name: _taken(value[name], inner) if inner else value[name]
            for field, inner in fields.items()
            if field.startswith("f:") and (name := field[2:]) in value
        }
    if isinstance(value, list) and fields.keys() - {_ITSELF}:
        return [_taken(item, inner) for item in value if (inner := _of_item(item, fields)) is not None]
    return value


def _of_item(item: Any, fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What the set says of an item of a list; None when the item is not in it."""
    for field, inner in fields.items():
        kind, _, text = field.partition(":")
        if kind == "v" and _read(text) == item:
            return {}
        if kind == "k" and isinstance(item, dict) and _read(text).items() <= item.items():
            return dict(inner)
    return None


@functools.lru_cache(maxsize=1024)
def _read(text: str) -> Any:
    """The key or value of an item; there are few, and all TradingBots have the same."""
    return json.loads(text)
