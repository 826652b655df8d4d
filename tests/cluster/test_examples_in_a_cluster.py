"""What a person reads before the first TradingBot: the examples, and kubectl explain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cbbot_operator import crd
from cluster.api_server import ApiServer
from cluster.kubectl import ROOT, Kubectl

pytestmark = pytest.mark.cluster

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
EXPLAINED = (
    "spec",
    "spec.risk",
    "spec.scalp.tpDecay",
    "spec.exchange.websocket",
    "spec.state",
    "spec.bot.env",
    "status",
)


def one_line(text: str) -> str:
    return " ".join(text.split())


def schema_of(path: str) -> dict[str, Any]:
    node: dict[str, Any] = crd.crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for part in path.split("."):
        node = node["properties"][part]
        node = node.get("items", node)
    return node


@pytest.mark.usefixtures("api_server")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_taken_by_the_api_server(path: Path) -> None:
    taken = Kubectl("default")("apply", "--dry-run=server", "-f", str(path)).splitlines()
    manifests = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    names = [manifest["metadata"]["name"] for manifest in manifests]
    assert taken == [f"tradingbot.cbbot.io/{name} created (server dry run)" for name in names]


@pytest.mark.usefixtures("api_server")
@pytest.mark.parametrize("path", EXPLAINED)
def test_kubectl_explain_tells_every_field_of_a_section(path: str) -> None:
    shown = one_line(Kubectl("default")("explain", f"tradingbot.{path}"))
    for name, field in schema_of(path)["properties"].items():
        assert f"{name} <" in shown
        assert one_line(field["description"]) in shown, name


@pytest.mark.usefixtures("api_server")
def test_kubectl_explain_tells_one_field(kubectl: Kubectl) -> None:
    shown = one_line(kubectl("explain", "tradingbot.spec.risk.maxOrderUSD"))
    assert "FIELD: maxOrderUSD <number>" in shown
    assert "KIND: TradingBot" in shown
    assert schema_of("spec.risk.maxOrderUSD")["description"] in shown


def test_the_columns_are_those_of_the_definition(api_server: ApiServer) -> None:
    name = "columns"
    body = {
        "apiVersion": "cbbot.io/v1alpha1",
        "kind": "TradingBot",
        "metadata": {"name": name},
        "spec": {"product": {"id": "BTC-USD"}, "suspend": True},
    }
    path = "/apis/cbbot.io/v1alpha1/namespaces/default/tradingbots"
    assert api_server("POST", path, body)[0] == 201
    try:
        shown = Kubectl("default")("get", "tradingbot", name, "-o", "wide").splitlines()
    finally:
        api_server("DELETE", f"{path}/{name}")
    columns = [column["name"].upper() for column in crd.crd()["spec"]["versions"][0]["additionalPrinterColumns"]]
    assert shown[0].split() == ["NAME", *columns]
    assert shown[1].split()[:3] == [name, "BTC-USD", "Paper"]
