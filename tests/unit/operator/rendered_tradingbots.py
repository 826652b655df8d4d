"""TradingBots as the operator renders them, by kind and name."""

from __future__ import annotations

from typing import Any

from cbbot.contract.spec_reader import read_spec
from cbbot_operator.keys import Key
from cbbot_operator.observed import Tokens
from cbbot_operator.render import Inputs, render

__all__ = ["SIMULATED", "inputs_of", "pod", "rendered"]

SIMULATED: dict[str, Any] = {
    "product": {"id": "BTC-USD"},
    "exchange": {"venue": "Simulator", "simulator": {"speed": 600}},
}


def inputs_of(spec: dict[str, Any], **changes: Any) -> Inputs:
    given: dict[str, Any] = {
        "key": Key("trading", "btc"),
        "uid": "tb-uid",
        "spec": read_spec(spec),
        "tokens": Tokens("b" * 43, "c" * 43),
        "secrets": {},
        "namespace_uid": "ns-uid",
        "bot_image": "bot:1",
        "bridge_image": "bridge:1",
        "operator_namespace": "operators",
    }
    return Inputs(**{**given, **changes})


def rendered(spec: dict[str, Any], **changes: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return {(obj["kind"], obj["metadata"]["name"]): obj for obj in render(inputs_of(spec, **changes))}


def pod(objects: dict[tuple[str, str], dict[str, Any]], component: str) -> dict[str, Any]:
    template: dict[str, Any] = objects["Deployment", f"btc-{component}"]["spec"]["template"]
    return template
