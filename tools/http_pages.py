"""docs/http-bot.md and docs/http-bridge.md, made from the OpenAPI documents that both processes serve."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from markdown_rows import code, table

from cbbot import __version__
from cbbot.contract.ports import BOT_PORT, BRIDGE_PORT
from cbbot.web.bot_app import create_app as create_bot_app
from cbbot.web.served_bot import Bot
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.bridge_app import create_app as create_bridge_app
from cbbot_bridge.bridge_settings import load_settings

__all__ = ["pages"]

Node = Mapping[str, Any]

_BOT: Final = f"""# HTTP API of the bot

Generated from the OpenAPI document (`GET /openapi.json`) by `make generate`; do not edit.

The bot listens on port {BOT_PORT} (`PORT`). Reading needs no token. What is below `/control` takes the control token
as `Authorization: Bearer TOKEN`, or comes from the bot's own machine where there is no token;
[page.md](page.md#who-may-steer) says where the token is. Money is plain decimal text. `GET /` is the page for people.
A field that is added later is no break: readers ignore what they do not know.
"""
_BRIDGE: Final = f"""# HTTP API of the bridge

Generated from the OpenAPI document (`GET /openapi.json`) by `make generate`; do not edit.

The bridge listens on port {BRIDGE_PORT} (`PORT`). Orders, and what concerns the account, take the bridge token as
`Authorization: Bearer TOKEN` ([SECURITY.md](../SECURITY.md)). Prices, sizes and money are decimal text, never
numbers; a request with an unknown field is refused (422). Codes of errors, and what each fault of Coinbase looks like
from outside, are in [bridge.md](bridge.md).
"""
_METHODS: Final = ("get", "post", "patch", "put", "delete")
# FastAPI's own answer to what cannot be validated; both processes answer in their own form instead.
_NOT_OURS: Final = frozenset({"HTTPValidationError", "ValidationError"})


def pages() -> dict[str, str]:
    """By the page's path."""
    # Routes and their forms are all that is read of either; nobody is served.
    bot = create_bot_app(cast("Bot", object()), None, __version__)
    bridge = create_bridge_app(Bridge(load_settings({})))
    return {
        "docs/http-bot.md": _page(_BOT, bot.openapi()),
        "docs/http-bridge.md": _page(_BRIDGE, bridge.openapi()),
    }


def _page(head: str, document: Node) -> str:
    operations = [
        (method, path, operations[method])
        for path, operations in document["paths"].items()
        for method in _METHODS
        if method in operations
    ]
    listed = table(
        ("request", "what it does"), ((_name(method, path), _summary(each)) for method, path, each in operations)
    )
    parts = [head, "\n## Requests\n\n", listed]
    parts += [_operation(method, path, each) for method, path, each in operations]
    parts.append("\n## Objects\n")
    parts += [
        _object(name, schema)
        for name, schema in sorted(document["components"]["schemas"].items())
        if name not in _NOT_OURS
    ]
    return "".join(parts)


def _name(method: str, path: str) -> str:
    return code(f"{method.upper()} {path}")


def _summary(operation: Node) -> str:
    return str(operation.get("description") or operation["summary"]).split("\n\n")[0]


def _operation(method: str, path: str, operation: Node) -> str:
    parts = [f"\n### {method.upper()} {path}\n\n{operation.get('description') or operation['summary']}\n"]
    parameters = list(_parameters(operation))
    if parameters:
        parts += ["\n", table(("parameter", "in", "default", "accepted", "meaning"), parameters)]
    if "requestBody" in operation:
        parts.append(f"\nBody: {_type(_content(operation['requestBody']))}\n")
    parts += ["\n", table(("answer", "form", "when"), _answers(operation))]
    return "".join(parts)


def _answers(operation: Node) -> Iterator[tuple[str, str, str]]:
    for status, each in operation["responses"].items():
        if not (status == "422" and _is_fastapis(each)):
            # FastAPI's words for an answer that nobody has described.
            yield status, _answered(each), each["description"].removeprefix("Successful Response")


def _parameters(operation: Node) -> Iterator[tuple[str, str, str, str, str]]:
    for each in operation.get("parameters", ()):
        schema = each["schema"]
        default = "*required*" if each.get("required") else _default(schema)
        meaning = each.get("description") or schema.get("description") or ""
        yield code(each["name"]), each["in"], default, _type(schema), meaning


def _content(holder: Node) -> Node:
    contents = holder.get("content", {})
    found: Node = contents.get("application/json", {}).get("schema", {})
    return found


def _answered(answer: Node) -> str:
    return _type(_content(answer)) if _content(answer) else ""


def _is_fastapis(answer: Node) -> bool:
    return str(_content(answer).get("$ref", "")).endswith("/HTTPValidationError")


def _object(name: str, schema: Node) -> str:
    parts = [f"\n### {name}\n"]
    if schema.get("description"):
        parts.append(f"\n{schema['description']}\n")
    if "enum" in schema:
        parts.append(f"\nOne of {', '.join(map(code, schema['enum']))}.\n")
    if "properties" in schema:
        required = schema.get("required", ())
        rows = [
            (code(field), "" if field in required else _default(each), _type(each), each.get("description", ""))
            for field, each in schema["properties"].items()
        ]
        parts += ["\n", table(("field", "default", "type", "meaning"), rows)]
    return "".join(parts)


def _default(schema: Node) -> str:
    return code(json.dumps(schema["default"])) if schema.get("default") is not None else "-"


def _type(schema: Node) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "const" in schema:
        return code(json.dumps(schema["const"]))
    if "enum" in schema:
        return ", ".join(map(code, schema["enum"]))
    kind: str = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    words = {"null": "null", "string": "text", "object": "object", "boolean": "boolean"}.get(kind, kind)
    return words + _bounds(schema)


def _bounds(schema: Node) -> str:
    named = {
        "minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "minLength": "characters at least",
        "maxLength": "characters at most",
    }  # fmt: skip
    said = [f"{words} {schema[key]}" for key, words in named.items() if key in schema]
    if "pattern" in schema:
        said.append(f"of the form {code(schema['pattern'])}")
    return f", {', '.join(said)}" if said else ""
