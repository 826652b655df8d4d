"""Who finds whom, and who may talk to whom."""

from __future__ import annotations

from typing import Any

from cbbot.contract.ports import BOT_PORT, BRIDGE_PORT
from cbbot_operator.keys import NAMESPACE_NAME, selector
from cbbot_operator.render.inputs import Inputs

__all__ = ["network_policies", "services"]


def services(inputs: Inputs) -> list[dict[str, Any]]:
    # The bot's status matters most while it recovers, when it is not ready.
    return [
        _service(inputs, "bridge", BRIDGE_PORT, unready=False),
        _service(inputs, "bot", BOT_PORT, unready=True),
    ]


def _service(inputs: Inputs, component: str, port: int, *, unready: bool) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "selector": selector(inputs.key.name, component),
        # An explicit protocol: server-side apply of 1.20 refuses a port without one.
        "ports": [{"name": "http", "port": port, "targetPort": port, "protocol": "TCP"}],
    }
    if unready:  # a false here is dropped by the API server, and every apply would be a change
        spec["publishNotReadyAddresses"] = True
    return {**inputs.head("Service", inputs.names.of(component), component), "spec": spec}


def network_policies(inputs: Inputs) -> list[dict[str, Any]]:
    """The bridge admits its bot, the bot nobody but these: the operator and scrapers, who may ask both."""
    bot = {"podSelector": {"matchLabels": selector(inputs.key.name, "bot")}}
    operator: dict[str, Any] = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "cbbot-operator"}}}
    if inputs.operator_namespace != inputs.key.namespace:
        # Without such labels no selector can name one namespace: the operator's pods are then told by theirs alone.
        named = {"matchLabels": {NAMESPACE_NAME: inputs.operator_namespace}}
        operator["namespaceSelector"] = named if inputs.namespaces_named else {}
    return [
        _policy(inputs, "bridge", BRIDGE_PORT, [bot, operator, _scrapers(inputs)]),
        _policy(inputs, "bot", BOT_PORT, [operator, _scrapers(inputs)]),
    ]


def _scrapers(inputs: Inputs) -> dict[str, Any]:
    wanted = inputs.spec.monitoring.namespaceSelector
    return {"namespaceSelector": {"matchLabels": wanted}} if wanted else {"podSelector": {}}


def _policy(inputs: Inputs, component: str, port: int, peers: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        **inputs.head("NetworkPolicy", inputs.names.of(component), component),
        "spec": {
            "podSelector": {"matchLabels": selector(inputs.key.name, component)},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": peers, "ports": [{"port": port, "protocol": "TCP"}]}],
        },
    }
