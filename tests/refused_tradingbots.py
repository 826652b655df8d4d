"""TradingBots that must be refused, made from the definition's own schema, and what is said of each.

``tests/refusals.yaml`` has the API server's words and the operator's for every case, word for word. A unit
test holds the operator against it, a test in a cluster the API server. ``tools/renew_refusals.py`` renews it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from cbbot.contract.spec_reader import read_spec
from cbbot.contract.tradingbot import API_VERSION, KIND
from cbbot.contract.tradingbot_constraints import TRANSITION_OF
from cbbot.contract.violation import BadTradingBot
from cbbot_operator import crd

__all__ = [
    "ACCEPTED",
    "ACCEPTED_CHANGES",
    "FILE",
    "REFUSED",
    "REFUSED_CHANGES",
    "Case",
    "Change",
    "cases",
    "manifest",
    "operators_words",
    "operators_words_of_a_change",
    "read",
    "without_the_head",
    "write",
]

FILE: Final = Path(__file__).with_name("refusals.yaml")
_HEAD: Final = (
    "# Renewed by `python tools/renew_refusals.py`: what is said of a TradingBot that is refused. Do not edit.\n"
)

_CAPPED: Final = {"maxOrderUSD": 50, "maxExposureUSD": 250}
_PAPER: Final[dict[str, Any]] = {"product": {"id": "BTC-USD"}}

ACCEPTED: Final[dict[str, dict[str, Any]]] = {
    "live-has-keys": {"mode": "Live", "risk": _CAPPED, "exchange": {"credentialsSecretRef": {"name": "coinbase"}}},
    "live-caps-an-order": {"mode": "Live", "risk": _CAPPED, "exchange": {"venue": "Simulator"}},
    "live-caps-the-exposure": {"mode": "Live", "risk": _CAPPED, "exchange": {"venue": "Simulator"}},
    "fast-average-below-slow": {"strategy": {"maFast": 20, "maSlow": 21}},
    "lowered-take-profit-below-take-profit": {
        "exits": {"takeProfitPct": 1},
        "scalp": {"tpDecay": {"enabled": True, "minPct": 1}},
    },
    "decayed-gate-below-gate": {"pyramiding": {"decayLambda": 0.1, "decayMinPct": 0.5, "minAdversePct": 0.5}},
    "scrape-ends-before-the-next": {"monitoring": {"serviceMonitor": {"interval": "1m", "scrapeTimeout": "60s"}}},
    "bot-environment-is-free": {"bot": {"env": [{"name": "TZ", "value": "UTC"}]}},
    "bridge-environment-is-free": {"bridge": {"env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]}},
}
"""For every constraint a spec that just keeps it."""

REFUSED: Final[dict[str, dict[str, Any]]] = {
    "live-has-keys": {"mode": "Live", "risk": _CAPPED},
    "live-caps-an-order": {"mode": "Live", "risk": {"maxExposureUSD": 250}, "exchange": {"venue": "Simulator"}},
    "live-caps-the-exposure": {"mode": "Live", "risk": {"maxOrderUSD": 50}, "exchange": {"venue": "Simulator"}},
    "fast-average-below-slow": {"strategy": {"maFast": 20, "maSlow": 20}},
    "lowered-take-profit-below-take-profit": {
        "exits": {"takeProfitPct": 1},
        "scalp": {"tpDecay": {"enabled": True, "minPct": 1.01}},
    },
    "decayed-gate-below-gate": {"pyramiding": {"decayLambda": 0.1, "decayMinPct": 0.51, "minAdversePct": 0.5}},
    "scrape-ends-before-the-next": {"monitoring": {"serviceMonitor": {"interval": "1m", "scrapeTimeout": "61s"}}},
    "bot-environment-is-free": {"bot": {"env": [{"name": "TAKE_PROFIT_PCT", "value": "9"}]}},
    "bridge-environment-is-free": {"bridge": {"env": [{"name": "COINBASE_API_BASE", "value": "http://x"}]}},
}


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one field of a TradingBot that exists; None is a field that is not set."""

    path: str
    before: str | None
    after: str | None

    @property
    def name(self) -> str:
        return f"spec.{self.path} changed from {self.before or 'unset'} to {self.after or 'unset'}"

    def spec(self, value: str | None) -> dict[str, Any]:
        """The smallest spec with that value of the field, for a merge patch: an unset field is null."""
        return _spec_with(self.path, value)


REFUSED_CHANGES: Final = (
    Change("product.id", "BTC-USD", "ETH-USD"),
    Change("state.storageClassName", "standard", "fast"),
    Change("state.storageClassName", "standard", None),
    Change("state.storageClassName", None, "standard"),
    Change("state.accessMode", "ReadWriteOnce", "ReadWriteOncePod"),
    Change("state.size", "1Gi", "1023Mi"),
    Change("state.size", "1Ti", "1023Gi"),
)
ACCEPTED_CHANGES: Final = (
    Change("product.id", "BTC-USD", "BTC-USD"),
    Change("state.storageClassName", "standard", "standard"),
    Change("state.accessMode", "ReadWriteOnce", "ReadWriteOnce"),
    Change("state.size", "1Gi", "1024Mi"),
    Change("state.size", "1023Mi", "1Gi"),
    Change("state.size", "1Gi", "1Ti"),
)

# What matches no form of the contract, not even that of a path.
_NO_FORM: Final = "\x7f?"
_WRONG_TYPE: Final[dict[str, Any]] = {
    "string": 7,
    "number": "much",
    "integer": "much",
    "boolean": "maybe",
    "object": "all of it",
    "array": "all of it",
}
# So that a part of the spec that is absent by default has what it must have.
_PARENTS: Final[dict[str, dict[str, Any]]] = {
    "exchange.credentialsSecretRef": {"name": "coinbase"},
    "notifications.slackWebhookSecretRef": {"name": "slack", "key": "url"},
    "product": {"id": "BTC-USD"},
    "bot.env[]": {"name": "TZ"},
    "bridge.env[]": {"name": "TZ"},
    "bot.hostAliases[]": {"ip": "192.0.2.1", "hostnames": ["exchange.example"]},
    "bridge.hostAliases[]": {"ip": "192.0.2.1", "hostnames": ["exchange.example"]},
}


@dataclass(frozen=True, slots=True)
class Case:
    """One spec with one thing wrong."""

    name: str
    spec: dict[str, Any]


def cases() -> list[Case]:
    """Every field with every kind of mistake its schema has a word for, then every broken constraint."""
    spec_schema = crd.crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    found = [Case("spec.product is missing", {})]
    for path, node in _nodes(spec_schema, ""):
        found += [Case(f"spec.{path} {what}".replace("spec. ", "spec "), made) for what, made in _mistakes(path, node)]
    return found + [Case(f"broken: {name}", _PAPER | spec) for name, spec in REFUSED.items()]


def manifest(spec: dict[str, Any], name: str = "refused") -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec}


def operators_words(spec: dict[str, Any]) -> str:
    """What the operator has against it; "" when nothing."""
    try:
        read_spec(spec)
    except BadTradingBot as error:
        return str(error)
    return ""


def operators_words_of_a_change(change: Change) -> str:
    return TRANSITION_OF[change.path].refusal(change.before, change.after) or ""


def without_the_head(message: str) -> str:
    """The API server's message without the name of the kind and of the object, which every message begins with."""
    return re.sub(r'^TradingBot\.cbbot\.io "[^"]*" is invalid: ', "", message)


def read() -> dict[str, dict[str, str]]:
    """By the case's name: what ``api_server`` and ``operator`` say."""
    said: dict[str, dict[str, str]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return said


def write(said: dict[str, dict[str, str]]) -> None:
    FILE.write_text(_HEAD + yaml.safe_dump(said, sort_keys=False, width=110, allow_unicode=False), encoding="utf-8")


def _nodes(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from _nodes(inner, f"{path}.{name}".removeprefix("."))
    if "items" in schema:
        yield from _nodes(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from _nodes(schema["additionalProperties"], f"{path}{{}}")


def _mistakes(path: str, node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is wrong, in words, and the whole spec with that and nothing else wrong."""
    if path:
        yield f"is no {node['type']}", _spec_with(path, _WRONG_TYPE[node["type"]])
    if "properties" in node:
        yield "has an unknown field", _spec_with(f"{path}.surprise".removeprefix("."), 1)
        for name in node.get("required", ()) if path else ():
            whole = {key: value for key, value in _PARENTS[path].items() if key != name}
            yield f"has no {name}", _spec_with(path, whole)
    for what, value in _out_of_bounds(node):
        yield what, _spec_with(path, value)


def _out_of_bounds(node: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    step = 1 if node["type"] == "integer" else 0.5
    if "minimum" in node:
        yield "is below its minimum", node["minimum"] - (0 if node.get("exclusiveMinimum") else step)
    if "maximum" in node:
        yield "is above its maximum", node["maximum"] + (0 if node.get("exclusiveMaximum") else step)
    if "enum" in node:
        yield "is none of its choices", "other"
    if "pattern" in node:
        yield "has not its form", _NO_FORM
    if "maxLength" in node:
        yield "is too long", "a" * (node["maxLength"] + 1)
    if "maxProperties" in node:
        yield "has too many entries", {f"k{number}": "v" for number in range(node["maxProperties"] + 1)}
    if "maxItems" in node:
        yield "has too many items", [_item(node["items"], number) for number in range(node["maxItems"] + 1)]
    if node.get("x-kubernetes-list-type") in ("set", "map"):
        yield "has an item twice", [_item(node["items"], 0)] * 2


def _item(schema: dict[str, Any], number: int) -> Any:
    if "ip" in schema.get("properties", {}):
        return {"ip": f"192.0.2.{number}", "hostnames": ["exchange.example"]}
    if "properties" in schema:
        return {"name": f"VARIABLE_{number}"}
    if schema["type"] == "integer":
        return number + 1
    lower = f"x{number}.example"
    return {} if schema["type"] == "object" else lower if re.search(schema["pattern"], lower) else f"X{number}-USD"


def _spec_with(path: str, value: Any) -> dict[str, Any]:
    """The smallest spec with ``value`` at ``path``; ``[]`` is the first item, ``{}`` the entry of a mapping."""
    spec = copy.deepcopy(_PAPER)
    place: Any = spec
    parts = path.replace("[]", ".[]").replace("{}", ".{}").split(".")
    walked = ""
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        walked = f"{walked}{part}" if part in ("[]", "{}") else f"{walked}.{part}".removeprefix(".")
        inner: Any = value if not following else [] if following == "[]" else copy.deepcopy(_PARENTS.get(walked, {}))
        if part == "[]":
            place.append(inner)
        else:
            key = "key" if part == "{}" else part
            place[key] = inner if not following or key not in place else place[key]
            inner = place[key]
        place = inner
    return spec
