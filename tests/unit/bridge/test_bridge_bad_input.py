"""Every field of every documented endpoint, given badly in every way: a 422 that names it, and nothing leaves.

The cases come from the OpenAPI document, so an endpoint that is added is covered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import pytest

from cbbot_bridge.assembly import Bridge
from cbbot_bridge.bridge_app import create_app
from cbbot_bridge.bridge_settings import load_settings

pytestmark = pytest.mark.anyio

DOCUMENT: Final = create_app(Bridge(load_settings({}))).openapi()
# What cannot be written in a header or in a path is left out there.
BAD_TEXTS: Final = (
    "", " ", "\t", "x" * 5000, "9" * 5000, "-1", "+1", " 10 ", "1_0", "5_0", "1e2", "1E400", "0x10", "10.0", "1.5",
    "1,5", "NaN", "Infinity", "-Infinity", "null", "true", "[]", "{}", "\u0661\u0662", "\uff11", "\u00e9", "\U0001f600",
    "BTC\u2010USD", "btc-usd", "BTC-USD\n", "BTC-USD\x00", "../time", "BTC-USD/..", "%00", "'; DROP", "<script>",
    "-0", "00", "9223372036854775808", "-9223372036854775809", "1" + "0" * 30,
)  # fmt: skip
BAD_VALUES: Final[tuple[Any, ...]] = (
    *BAD_TEXTS, None, True, False, 0, -1, 1, 1.5, 1e400, 10**30, float("nan"), [], ["x"], {}, {"x": 1},
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A request in which one field, ``name``, is bad."""

    method: str
    path: str
    name: str
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    content: str | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.name} {self.headers}{self.query}{self.content}"[:200]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        found: dict[str, Any] = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def accepts(schema: dict[str, Any], value: Any, *, text: bool) -> bool:
    """Whether a schema of ours allows ``value``; ``text``: it comes as text, as in a query."""
    schema = resolved(schema)
    if "anyOf" in schema:
        return any(accepts(choice, value, text=text) for choice in schema["anyOf"])
    match schema.get("type"):
        case "null":
            return value is None
        case "integer":
            if text and not (isinstance(value, str) and re.fullmatch("[0-9]{1,19}", value)):
                return False
            if not text and (not isinstance(value, int) or isinstance(value, bool)):
                return False
            return bool(schema.get("minimum", 0) <= int(value) <= schema.get("maximum", 2**63))
        case "boolean":
            return isinstance(value, bool)
        case "string":
            fits = isinstance(value, str) and len(value) <= schema.get("maxLength", 10**9)
            if not fits or value not in schema.get("enum", [value]):
                return False
            pattern = schema.get("pattern")
            # Python's $ allows a line end, JSON Schema's does not.
            return pattern is None or re.search(pattern.replace("$", r"\Z"), value) is not None
        case "object":
            return isinstance(value, dict)
    raise AssertionError(f"a schema that this test does not know: {schema}")


def example_of(parameter: dict[str, Any]) -> Any:
    schema = resolved(parameter.get("schema", parameter))
    for place in (parameter, schema):
        if "example" in place:
            return place["example"]
        if place.get("examples"):
            examples = place["examples"]
            return examples[0] if isinstance(examples, list) else next(iter(examples.values()))["value"]
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            return example_of(choice)
    if "enum" in schema:
        return schema["enum"][0]
    return {"integer": "1", "boolean": False}.get(schema.get("type", ""), "1")


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def good_request(method: str, path: str, operation: dict[str, Any]) -> Case:
    """The smallest request that is right in every field."""
    query: dict[str, str] = {}
    for parameter in operation.get("parameters", ()):
        example = str(example_of(parameter))
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", example)
        elif parameter["in"] == "query" and parameter.get("required"):
            query[parameter["name"]] = example
    body = body_schema(operation)
    content = None
    if body is not None:
        content = json.dumps({name: example_of(body["properties"][name]) for name in sorted(required(body))})
    return Case(method, path, "", query=query, content=content)


def required(body: dict[str, Any]) -> set[str]:
    one_of = body.get("oneOf") or body.get("anyOf") or [{}]
    return set(body.get("required", ())) | set(one_of[0].get("required", ()))


def body_schema(operation: dict[str, Any]) -> dict[str, Any] | None:
    if "requestBody" not in operation:
        return None
    return resolved(operation["requestBody"]["content"]["application/json"]["schema"])


def sendable(text: str, place: str) -> bool:
    if place == "header":
        # h11 and every proxy refuse the others before a server sees them; white space around a value is no part of it.
        return text.isascii() and text.isprintable() and text == text.strip() and text != ""
    return place != "path" or (text not in ("", ".", "..") and "/" not in text)


def parameter_cases(method: str, path: str, operation: dict[str, Any]) -> Iterator[Case]:
    for parameter in operation.get("parameters", ()):
        name, place = parameter["name"], parameter["in"]
        others = {**operation, "parameters": [each for each in operation["parameters"] if each is not parameter]}
        good = good_request(method, path, others)
        if parameter.get("required") and place == "query":
            yield Case(method, good.path, name, query=good.query, content=good.content)
        for text in BAD_TEXTS:
            if not sendable(text, place) or accepts(parameter["schema"], text, text=True):
                continue
            if place == "path":
                filled = good.path.replace("{" + name + "}", quote(text, safe=""))
                yield Case(method, filled, name, query=good.query, content=good.content)
            elif place == "query":
                yield Case(method, good.path, name, query={**good.query, name: text}, content=good.content)
            else:
                both = {"X-Bot-Id": "btc", "X-Bot-Epoch": "1", name: text}
                yield Case(method, good.path, name, headers=both, query=good.query, content=good.content)


def body_cases(method: str, path: str, operation: dict[str, Any]) -> Iterator[Case]:
    body = body_schema(operation)
    if body is None:
        return
    good = good_request(method, path, operation)
    whole: dict[str, Any] = json.loads(good.content or "{}")

    def with_body(name: str, changed: object) -> Case:
        return Case(method, good.path, name, query=good.query, content=json.dumps(changed))

    for name in whole:
        # Without one of several sizes the rule that is broken is the body's.
        where = name if name in body.get("required", ()) else "body"
        yield with_body(where, {key: value for key, value in whole.items() if key != name})
    for name, schema in body["properties"].items():
        for value in BAD_VALUES:
            if not accepts(schema, value, text=False):
                yield with_body(name, {**whole, name: value})
    yield with_body("no_such_field", {**whole, "no_such_field": 1})
    for text in ("", "{", "[]", "null", '"x"', "1", "NaN", "\xff", "[" * 3000, json.dumps([whole])):
        yield Case(method, good.path, "body", query=good.query, content=text)


CASES: Final = [
    case for operation in operations() for make in (parameter_cases, body_cases) for case in make(*operation)
]


def mentions(message: str, name: str) -> bool:
    return re.search(rf"(?<![A-Za-z_]){re.escape(name)}(?![A-Za-z_])", message, re.IGNORECASE) is not None


async def test_a_bad_field_is_named_and_nothing_leaves(open_bridge: Any, coinbase: Any) -> None:
    assert len(CASES) > 1000
    fields = {(case.method, case.path, case.name) for case in CASES}
    wrong: list[str] = []
    async with open_bridge() as client:
        for case in CASES:
            answer = await client.request(
                case.method, case.path, headers={"Content-Type": "application/json", **case.headers}, params=case.query,
                content=case.content,
            )  # fmt: skip
            read = answer.json()
            error = read.get("error") if isinstance(read, dict) else None
            error = error if isinstance(error, dict) else {}
            about_the_body = case.name == "body" and bool(error.get("message"))
            told = about_the_body or mentions(error.get("message", ""), case.name)
            statuses = (400, 422) if about_the_body else (422,)
            if not (answer.status_code in statuses and error.get("code") == "invalid_input" and told):
                wrong.append(f"{case}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, f"{len(wrong)} of {len(CASES)} ({len(fields)} fields):\n" + "\n".join(wrong[:40])
    assert coinbase.requests == []


@pytest.mark.parametrize("token", [None, "", "wrong", "a-token-for-tests-onl", "a-token-for-tests-only2", "x" * 4000])
async def test_whatever_needs_the_token_is_refused_without_it_whatever_else_is_wrong(
    open_bridge: Any, coinbase: Any, token: str | None
) -> None:
    secured = [operation for operation in operations() if "security" in operation[2]]
    assert len(secured) >= 8
    async with open_bridge(token=token) as client:
        for method, path, operation in secured:
            good = good_request(method, path, operation)
            for content in (good.content, "{", None):
                answer = await client.request(method, good.path, params=good.query, content=content)
                assert (answer.status_code, answer.json()["error"]["code"]) == (401, "bad_token"), (method, path)
                assert answer.headers["www-authenticate"] == "Bearer"
    assert coinbase.requests == []
