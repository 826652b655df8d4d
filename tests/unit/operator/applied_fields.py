"""What server-side apply makes of the fields that one manager sends, in memory."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

__all__ = ["managed", "merge_applied", "remove_unsent"]

# Lists that server-side apply merges, item by item of one name.
_BY_NAME = frozenset({"containers", "volumes", "env"})


def merge_applied(into: dict[str, Any], given: Mapping[str, Any]) -> None:
    """What is not mentioned stays."""
    for field, value in given.items():
        present = into.get(field)
        if isinstance(value, Mapping) and isinstance(present, dict):
            merge_applied(present, value)
        elif field in _BY_NAME and isinstance(present, list):
            there = {item["name"]: item for item in present}
            for item in value:
                if item["name"] in there:
                    merge_applied(there[item["name"]], item)
                else:
                    present.append(copy.deepcopy(item))
        else:
            into[field] = copy.deepcopy(value)


def remove_unsent(obj: dict[str, Any], wanted: Mapping[str, Any]) -> None:
    """What was sent before and is no longer sent goes."""
    for entry in obj["metadata"].get("managedFields") or ():
        _remove(obj, entry["fieldsV1"], wanted)


def _remove(obj: dict[str, Any], fields: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for field, inner in fields.items():
        name = field.removeprefix("f:")
        if name not in obj:
            continue
        if name not in wanted:
            del obj[name]
        elif isinstance(obj[name], dict) and isinstance(wanted[name], Mapping):
            _remove(obj[name], inner, wanted[name])


def managed(into: dict[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Note whose the fields are, as the API server does."""
    content = {key: value for key, value in wanted.items() if key not in ("apiVersion", "kind")}
    named = ("name", "namespace")
    content["metadata"] = {key: value for key, value in wanted["metadata"].items() if key not in named}
    entry = {"manager": "cbbot-operator", "operation": "Apply", "fieldsV1": _fields(content)}
    into["metadata"] = {**into["metadata"], "managedFields": [entry]}
    return into


def _fields(value: Any, name: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {f"f:{field}": _fields(item, field) for field, item in value.items()}
    if name in _BY_NAME:
        return {"k:" + json.dumps({"name": item["name"]}): {".": {}, **_fields(item)} for item in value}
    return {}
