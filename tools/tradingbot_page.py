"""docs/tradingbot.md, made from the schema that the API server is given."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from markdown_rows import code, table

from cbbot.contract.tradingbot import API_VERSION, KIND, NAME_MAX_LENGTH, NAME_PATTERN, SETTING_OF
from cbbot.contract.tradingbot_section import DNS_NAME
from cbbot_operator.crd import crd

__all__ = ["page"]

Schema = dict[str, Any]

_FORMS: Final = {
    DNS_NAME: "lower-case letters, digits, dots and dashes",
    r"^[-._a-zA-Z0-9]+$": "letters, digits, dots, dashes and underscores",
    r"^[1-9][0-9]{0,7}(Mi|Gi|Ti)$": "a size such as 512Mi, 1Gi or 1Ti",
    r"^[1-9][0-9]*(s|m)$": "a time such as 30s or 1m",
}
"""Patterns in words; any other is shown as it is."""

_HEAD: Final = f"""# TradingBot

Generated from the contract's models (`bot/cbbot/contract/tradingbot.py`) by `make generate`; do not edit.

`apiVersion: {API_VERSION}`, `kind: {KIND}`, in a namespace. Its name has at most {NAME_MAX_LENGTH} characters and the
form `{NAME_PATTERN}`. `cbbot up` reads the same manifest on one machine. A field that is not known is refused by
`cbbot up`; an API server drops it and warns. `kubectl explain tradingbot.spec` shows the same words in a terminal.
The environment keys of settings are in [settings.md](settings.md) and [bridge-settings.md](bridge-settings.md), what
the trader does with them in [trading.md](trading.md).

A default of `-` is none; *required* fields have to be given.
"""
_RULES: Final = """
## What must hold between fields

The API server judges these expressions (CEL, Kubernetes 1.25 or later) and answers with the message. The operator,
`cbbot up` and a bot's environment are judged by the same table of constraints (`bot/cbbot/contract/constraints.py`),
so an API server without CEL loses no safety. `self` is the node in the first column, `oldSelf` what it was before.

"""
_STATUS: Final = """
## status

Written by the operator. Money is decimal text in the product's quote currency, times are RFC 3339 in UTC, and what is
not known is absent. [conditions.md](conditions.md) has the conditions and their reasons.

"""
_COLUMNS: Final = """
## Columns of kubectl get

"""


def page() -> str:
    (version,) = crd()["spec"]["versions"]
    root = version["schema"]["openAPIV3Schema"]["properties"]
    parts = [_HEAD]
    plain: list[tuple[str, Schema, bool]] = []
    for name, node, required in _fields(root["spec"]):
        if "properties" in node:
            parts += [f"\n## spec.{name}\n\n{node['description']}\n\n", _table(_leaves(node, name))]
        else:
            plain.append((name, node, required))
    parts.insert(1, f"\n## spec\n\n{_table(iter(plain))}")
    return "".join([*parts, _RULES, _rules(root["spec"]), _STATUS, _table(_leaves(root["status"], "")), _COLUMNS,
                    _columns(version)])  # fmt: skip


def _fields(node: Schema) -> Iterator[tuple[str, Schema, bool]]:
    required = node.get("required", ())
    return ((name, each, name in required) for name, each in node["properties"].items())


def _leaves(node: Schema, path: str) -> Iterator[tuple[str, Schema, bool]]:
    """The fields of a section and of the sections and items in it, each with its path."""
    for name, each, required in _fields(node):
        below = f"{path}.{name}".lstrip(".")
        if "properties" in each:
            if "default" not in each:  # a section that need not be there is a field itself
                yield below, {key: value for key, value in each.items() if key != "properties"}, required
            yield from _leaves(each, below)
            continue
        yield below, each, required
        if "properties" in each.get("items", {}):
            yield from _leaves(each["items"], f"{below}[]")


def _table(fields: Iterator[tuple[str, Schema, bool]]) -> str:
    rows = [(code(path), _default(node, required=required), _accepted(node, path), _meaning(node, path))
            for path, node, required in fields]  # fmt: skip
    return table(("field", "default", "accepted", "meaning"), rows)


def _meaning(node: Schema, path: str) -> str:
    """The description; of a setting without what the schema has added of its digits."""
    return (
        re.sub(r" At most \d+ decimal places\.$", "", node["description"])
        if path in SETTING_OF
        else node["description"]
    )


def _default(node: Schema, *, required: bool) -> str:
    if required:
        return "*required*"
    value = node.get("default")
    return "-" if value is None else code(value if isinstance(value, str) else json.dumps(value))


def _accepted(node: Schema, path: str = "") -> str:
    """What the schema takes, in words; of a setting the words of its table."""
    setting = SETTING_OF.get(path)
    if setting is not None and node["type"] in ("number", "string") and "enum" not in node:
        return setting.accepted
    match node["type"]:
        case "boolean":
            return "true or false"
        case "integer" | "number":
            return _number(node)
        case "array":
            return f"a list{_most(node, 'maxItems')}; each {_accepted(node['items'])}"
        case "object":
            return _object(node)
        case _:
            return _text(node)


def _number(node: Schema) -> str:
    words = "a whole number" if node["type"] == "integer" else "a number"
    low, high = node.get("minimum"), node.get("maximum")
    if low is not None:
        words += f" above {low}" if node.get("exclusiveMinimum") else f" from {low}"
    if high is not None:
        most = f" to {high}" if low is not None and not node.get("exclusiveMinimum") else f", at most {high}"
        words += f", below {high}" if node.get("exclusiveMaximum") else most
    return words


def _object(node: Schema) -> str:
    if "additionalProperties" in node:
        return f"names with values{_most(node, 'maxProperties')}; a value is {_accepted(node['additionalProperties'])}"
    return "an object; Kubernetes' own fields" if node.get("x-kubernetes-preserve-unknown-fields") else "an object"


def _text(node: Schema) -> str:
    if "enum" in node:
        return "one of " + ", ".join(map(code, node["enum"]))
    words = "a time" if node.get("format") == "date-time" else "text"
    if "pattern" in node:
        words = _FORMS.get(node["pattern"], f"{words} of the form {code(node['pattern'])}")
    if "maxLength" in node:
        words += f", at most {node['maxLength']} characters"
    return words


def _most(node: Schema, word: str) -> str:
    return f", at most {node[word]}" if word in node else ""


def _rules(spec: Schema) -> str:
    return table(("at", "expression", "message"), _validations(spec, "spec"))


def _validations(node: Schema, path: str) -> Iterator[tuple[str, str, str]]:
    for each in node.get("x-kubernetes-validations", ()):
        yield code(path), code(each["rule"]), each["message"]
    if node.get("x-kubernetes-list-type") == "map":
        yield code(path), "", f"items differ by {', '.join(node['x-kubernetes-list-map-keys'])}"
    if node.get("x-kubernetes-list-type") == "set":
        yield code(path), "", "items differ"
    for name, each in node.get("properties", {}).items():
        yield from _validations(each, f"{path}.{name}")
    if "items" in node:
        yield from _validations(node["items"], f"{path}[]")


def _columns(version: Schema) -> str:
    rows = ((each["name"], code(each["jsonPath"]), "wide" if each.get("priority") else "always", each["description"])
            for each in version["additionalPrinterColumns"])  # fmt: skip
    return table(("column", "from", "shown", "meaning"), rows)
