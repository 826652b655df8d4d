"""Who finds whom, and who may talk to whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from cbbot.contract.ports import BOT_PORT, BRIDGE_METRICS_PORT, BRIDGE_PORT
from cbbot_operator.keys import NAMESPACE_NAME, selector
from cbbot_operator.render.inputs import Inputs

__all__ = ["network_policies", "services"]

Rule = dict[str, Any]

_SCHEMES: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}


def services(inputs: Inputs) -> list[dict[str, Any]]:
    # The bot's status matters most while it recovers, when it is not ready.
    return [
        _service(inputs, "bridge", {"http": BRIDGE_PORT, "metrics": BRIDGE_METRICS_PORT}, unready=False),
        _service(inputs, "bot", {"http": BOT_PORT}, unready=True),
    ]


def _service(inputs: Inputs, component: str, ports: Mapping[str, int], *, unready: bool) -> dict[str, Any]:
    spec: dict[str, Any] = {
        # Said though it is the default: what is said is put back, and a port of every node is open to the world.
        "type": "ClusterIP",
        "selector": selector(inputs.key.name, component),
        # An explicit protocol: server-side apply of 1.20 refuses a port without one.
        "ports": [{"name": name, "port": port, "targetPort": port, "protocol": "TCP"} for name, port in ports.items()],
    }
    if policy := inputs.inherited.ip_family_policy:
        spec["ipFamilyPolicy"] = policy
    if unready:  # a false here is dropped by the API server, and every apply would be a change
        spec["publishNotReadyAddresses"] = True
    return {**inputs.head("Service", inputs.names.of(component), component), "spec": spec}


def network_policies(inputs: Inputs) -> list[dict[str, Any]]:
    """The bridge admits its bot, and the operator, which asks it about its key; both admit scrapers to their metrics.

    A bot has one port: who may scrape it may read its status as well; steering it takes the control token.
    """
    bot = {"podSelector": {"matchLabels": selector(inputs.key.name, "bot")}}
    operator, scrapers = _operator(inputs), _scrapers(inputs)
    return [
        _policy(
            inputs,
            "bridge",
            [_admitted([bot, operator], BRIDGE_PORT), _admitted([scrapers], BRIDGE_METRICS_PORT)],
            list(_reached_by_the_bridge(inputs)),
        ),
        _policy(inputs, "bot", [_admitted([operator, scrapers], BOT_PORT)], list(_reached_by_the_bot(inputs))),
    ]


def _operator(inputs: Inputs) -> Rule:
    operator: Rule = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "cbbot-operator"}}}
    if inputs.operator_namespace != inputs.key.namespace:
        # Without such labels no selector can name one namespace: the operator's pods are then told by theirs alone.
        named = {"matchLabels": {NAMESPACE_NAME: inputs.operator_namespace}}
        operator["namespaceSelector"] = named if inputs.namespaces_named else {}
    return operator


def _scrapers(inputs: Inputs) -> Rule:
    """Every pod of the namespaces that the spec names; without them those that the operator was told."""
    if wanted := inputs.spec.monitoring.namespaceSelector:
        return {"namespaceSelector": {"matchLabels": wanted}}
    inherited = inputs.inherited
    scrapers: Rule = {"namespaceSelector": _matching(inherited.scraper_namespaces)}
    if inherited.scraper_pods:
        scrapers["podSelector"] = _matching(inherited.scraper_pods)
    return scrapers


def _matching(labels: Mapping[str, str]) -> dict[str, Any]:
    return {"matchLabels": dict(labels)} if labels else {}


def _admitted(peers: list[Rule], port: int) -> Rule:
    return {"from": peers, "ports": [{"port": port, "protocol": "TCP"}]}


def _reached_by_the_bot(inputs: Inputs) -> Iterator[Rule]:
    bridge = {"podSelector": {"matchLabels": selector(inputs.key.name, "bridge")}}
    yield {"to": [bridge], "ports": [{"port": BRIDGE_PORT, "protocol": "TCP"}]}
    yield _DNS
    if inputs.spec.notifications.slackWebhookSecretRef is not None:
        yield _world(inputs, set(inputs.inherited.egress_ports))


def _reached_by_the_bridge(inputs: Inputs) -> Iterator[Rule]:
    yield _DNS
    if inputs.simulated:  # it runs beside the bridge in the pod
        return
    exchange = inputs.spec.exchange
    yield _world(inputs, set(inputs.inherited.egress_ports))
    # An exchange of one's own may be a Service of this cluster, which no network of the world contains.
    named = {_port(address) for address in (exchange.apiBase, exchange.websocket.url) if address is not None}
    if named:
        yield {"ports": [{"port": port, "protocol": "TCP"} for port in sorted(named)]}


# Wherever the cluster has its DNS: in pods, on the node, outside. A policy sees the port of the pod behind the Service,
# which is 5353 on OpenShift.
_DNS: Final[Rule] = {"ports": [{"port": port, "protocol": name} for port in (53, 5353) for name in ("UDP", "TCP")]}


def _world(inputs: Inputs, ports: set[int]) -> Rule:
    rule: Rule = {"ports": [{"port": port, "protocol": "TCP"} for port in sorted(ports)]}
    if cidrs := inputs.inherited.egress_cidrs:
        rule["to"] = [{"ipBlock": {"cidr": cidr}} for cidr in cidrs]
    return rule


def _port(address: str) -> int:
    parts = urlsplit(address)
    return parts.port or _SCHEMES[parts.scheme]


def _policy(inputs: Inputs, component: str, ingress: list[Rule], egress: list[Rule]) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "podSelector": {"matchLabels": selector(inputs.key.name, component)},
        "policyTypes": ["Ingress"],
        "ingress": ingress,
    }
    if inputs.inherited.egress_limited:
        spec |= {"policyTypes": ["Ingress", "Egress"], "egress": egress}
    return {**inputs.head("NetworkPolicy", inputs.names.of(component), component), "spec": spec}
