"""TradingBots in a namespace of their own, none of whose pods can be placed: what a test asks of them."""

from __future__ import annotations

import json
from typing import Any, Final

from cluster.api_server import ApiServer
from cluster.kubectl import Kubectl

__all__ = ["LIVE", "PAPER", "Place", "of_form"]

_CHILDREN: Final = "serviceaccount,secret,configmap,pvc,service,networkpolicy,deployment"
_NOWHERE: Final = {"nodeSelector": {"cbbot.io/nowhere": "yes"}}
PAPER: Final[dict[str, Any]] = {"product": {"id": "BTC-USD"}, "bot": _NOWHERE, "bridge": _NOWHERE}
LIVE: Final[dict[str, Any]] = {
    **PAPER,
    "mode": "Live",
    "risk": {"maxOrderUSD": 50, "maxExposureUSD": 250},
    "exchange": {"credentialsSecretRef": {"name": "coinbase"}},
}
# What the API server gives each object, and what is made from the TradingBot's name.
_OF_ITS_OWN: Final = frozenset(
    {"clusterIP", "clusterIPs", "volumeName", "BOT_ID", "cbbot.io/settings-hash", "bridge-token", "control-token"}
)


class Place:
    """One namespace, through the API server and kubectl."""

    def __init__(self, api_server: ApiServer, namespace: str) -> None:
        self.namespace = namespace
        self.kubectl = Kubectl(namespace)
        self.bots = f"/apis/cbbot.io/v1alpha1/namespaces/{namespace}/tradingbots"
        self._api_server = api_server

    def ask(self, verb: str, path: str, body: Any = None) -> dict[str, Any]:
        content = "application/merge-patch+json" if verb == "PATCH" else "application/json"
        code, answer = self._api_server(verb, path, body, content)
        assert code < 400, answer
        return answer

    def make(self, name: str, spec: dict[str, Any]) -> None:
        body = {"apiVersion": "cbbot.io/v1alpha1", "kind": "TradingBot", "metadata": {"name": name}, "spec": spec}
        self.ask("POST", self.bots, body)

    def change(self, name: str, spec: dict[str, Any]) -> None:
        self.ask("PATCH", f"{self.bots}/{name}", {"spec": spec})

    def bot(self, name: str) -> dict[str, Any]:
        return self.ask("GET", f"{self.bots}/{name}")

    def secret(self, name: str, **values: str) -> None:
        self.kubectl("delete", "secret", name, "--ignore-not-found")
        self.kubectl("create", "secret", "generic", name, *(f"--from-literal={key}={values[key]}" for key in values))
        self.kubectl("label", "secret", name, "cbbot.io/watch=true")

    def condition(self, name: str, kind: str) -> dict[str, Any]:
        found = self.bot(name).get("status", {}).get("conditions", [])
        return next((one for one in found if one["type"] == kind), {})

    def reason(self, name: str, kind: str = "Ready") -> str:
        return str(self.condition(name, kind).get("reason", ""))

    def comes_to(self, name: str, reason: str, kind: str = "Ready", seconds: int = 40) -> None:
        path = f"jsonpath={{.status.conditions[?(@.type=='{kind}')].reason}}={reason}"
        self.kubectl.wait(f"tradingbot/{name}", path, seconds)

    def children(self, name: str) -> dict[str, dict[str, Any]]:
        items = self.kubectl.json(_CHILDREN, "-l", f"cbbot.io/tradingbot={name}")["items"]
        return {f"{item['kind']}/{item['metadata']['name']}": item for item in items}


def _without_its_own(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "" if key in _OF_ITS_OWN else _without_its_own(inner) for key, inner in value.items()}
    return [_without_its_own(item) for item in value] if isinstance(value, list) else value


def of_form(place: Place, name: str) -> dict[str, Any]:
    """The children without what differs between two TradingBots of one spec."""
    found: dict[str, Any] = {}
    for entry, child in place.children(name).items():
        kept = {key: value for key, value in child.items() if key in ("spec", "data")}
        kept |= {key: child["metadata"].get(key) for key in ("labels", "finalizers")}
        kept["owners"] = len(child["metadata"].get("ownerReferences", ()))
        found[entry.replace(name, "NAME")] = json.loads(json.dumps(_without_its_own(kept)).replace(name, "NAME"))
    return found
