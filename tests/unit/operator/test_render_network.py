from __future__ import annotations

from typing import Any

import pytest

from cbbot.contract.ports import BOT_PORT, BRIDGE_METRICS_PORT, BRIDGE_PORT
from cbbot_operator.inherited import Inherited
from cbbot_operator.keys import selector
from unit.operator.rendered_tradingbots import SIMULATED, rendered

# UDP and TCP each; a policy sees the port of the pod behind the Service, and OpenShift's DNS pods have 5353.
DNS = [53, 53, 5353, 5353]


def test_services_are_of_both_families_where_the_operator_was_told_so(paper: dict[str, Any]) -> None:
    told = Inherited(ip_family_policy="PreferDualStack")
    for name in ("btc-bot", "btc-bridge"):
        assert rendered(paper, inherited=told)["Service", name]["spec"]["ipFamilyPolicy"] == "PreferDualStack"
        assert "ipFamilyPolicy" not in rendered(paper)["Service", name]["spec"]


def ingress(objects: dict[tuple[str, str], dict[str, Any]], component: str) -> list[tuple[list[Any], list[int]]]:
    rules = objects["NetworkPolicy", f"btc-{component}"]["spec"]["ingress"]
    return [(rule["from"], [port["port"] for port in rule["ports"]]) for rule in rules]


def egress(objects: dict[tuple[str, str], dict[str, Any]], component: str) -> list[tuple[Any, list[int]]]:
    rules = objects["NetworkPolicy", f"btc-{component}"]["spec"]["egress"]
    return [(rule.get("to"), [port["port"] for port in rule["ports"]]) for rule in rules]


def test_the_port_that_takes_orders_admits_the_bot_and_the_operator_and_nobody_else(paper: dict[str, Any]) -> None:
    orders, metrics = ingress(rendered(paper), "bridge")
    bot, operator = orders[0]
    assert bot == {"podSelector": {"matchLabels": selector("btc", "bot")}}
    assert operator == {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "cbbot-operator"}},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "operators"}},
    }
    assert orders[1] == [BRIDGE_PORT]
    assert metrics[1] == [BRIDGE_METRICS_PORT]


@pytest.mark.parametrize(
    ("spec", "inherited", "scrapers"),
    [
        ({}, Inherited(), {"namespaceSelector": {}}),
        (
            {},
            Inherited(scraper_pods={"app": "prometheus"}),
            {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "prometheus"}}},
        ),
        (
            {},
            Inherited(scraper_namespaces={"team": "ours"}, scraper_pods={"app": "prometheus"}),
            {
                "namespaceSelector": {"matchLabels": {"team": "ours"}},
                "podSelector": {"matchLabels": {"app": "prometheus"}},
            },
        ),
        (
            {"namespaceSelector": {"team": "metrics"}},
            Inherited(scraper_namespaces={"team": "ours"}, scraper_pods={"app": "prometheus"}),
            {"namespaceSelector": {"matchLabels": {"team": "metrics"}}},
        ),
    ],
)
def test_who_may_scrape_is_inherited_unless_the_spec_says_it(
    paper: dict[str, Any], spec: dict[str, Any], inherited: Inherited, scrapers: dict[str, Any]
) -> None:
    objects = rendered({**paper, "monitoring": spec}, inherited=inherited)
    assert ingress(objects, "bridge")[1][0] == [scrapers]
    ((_, of_the_bot), ports) = ingress(objects, "bot")[0]
    assert (of_the_bot, ports) == (scrapers, [BOT_PORT])


def test_service_monitors_carry_the_operators_labels_and_the_specs_win(paper: dict[str, Any]) -> None:
    paper["monitoring"] = {"serviceMonitor": {"labels": {"release": "mine", "cbbot.io/tradingbot": "other"}}}
    inherited = Inherited(monitor_labels={"release": "stack", "team": "trading"})
    objects = rendered(paper, monitors_known=True, inherited=inherited)
    for component, port in (("bot", "http"), ("bridge", "metrics")):
        monitor = objects["ServiceMonitor", f"btc-{component}"]
        own = {"release": "mine", "team": "trading", "cbbot.io/tradingbot": "btc"}
        assert own.items() <= monitor["metadata"]["labels"].items()
        assert [endpoint["port"] for endpoint in monitor["spec"]["endpoints"]] == [port]
        served = objects["Service", f"btc-{component}"]["spec"]["ports"]
        assert port in {each["name"] for each in served}


def test_what_is_scraped_has_the_names_that_the_alerts_ask_for(paper: dict[str, Any]) -> None:
    objects = rendered(paper, monitors_known=True)
    for component in ("bot", "bridge"):
        (endpoint,) = objects["ServiceMonitor", f"btc-{component}"]["spec"]["endpoints"]
        named = {each["targetLabel"]: each["replacement"] for each in endpoint["relabelings"]}
        assert named == {"job": f"cbbot-{component}", "tradingbot": "btc"}


def test_what_pods_may_reach_is_not_limited_unless_the_operator_was_told(paper: dict[str, Any]) -> None:
    for component in ("bot", "bridge"):
        spec = rendered(paper)["NetworkPolicy", f"btc-{component}"]["spec"]
        assert spec["policyTypes"] == ["Ingress"]
        assert "egress" not in spec


def test_with_limits_pods_reach_dns_each_other_and_the_world_where_they_need_it(paper: dict[str, Any]) -> None:
    inherited = Inherited(egress_limited=True, egress_cidrs=("203.0.113.0/24",), egress_ports=(443, 3128))
    objects = rendered(paper, inherited=inherited)
    bridge_alone = [{"podSelector": {"matchLabels": selector("btc", "bridge")}}]
    world = ([{"ipBlock": {"cidr": "203.0.113.0/24"}}], [443, 3128])
    dns = (None, DNS)
    assert objects["NetworkPolicy", "btc-bot"]["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert egress(objects, "bot") == [(bridge_alone, [BRIDGE_PORT]), dns]
    assert egress(objects, "bridge") == [dns, world]
    paper["notifications"] = {"slackWebhookSecretRef": {"name": "slack", "key": "url"}}
    assert egress(rendered(paper, inherited=inherited), "bot")[2:] == [world]


def test_with_limits_a_simulated_bridge_reaches_dns_alone_and_an_exchange_of_ones_own_is_reached() -> None:
    inherited = Inherited(egress_limited=True, egress_cidrs=("203.0.113.0/24",))
    assert egress(rendered(SIMULATED, inherited=inherited), "bridge") == [(None, DNS)]
    own = {"apiBase": "http://sim.trading.svc:8788", "websocket": {"url": "ws://sim.trading.svc/stream"}}
    objects = rendered({"product": {"id": "BTC-USD"}, "exchange": own}, inherited=inherited)
    assert egress(objects, "bridge")[2:] == [(None, [80, 8788])]


def test_services_say_that_no_port_of_a_node_leads_to_them(paper: dict[str, Any]) -> None:
    for name in ("btc-bot", "btc-bridge"):
        assert rendered(paper)["Service", name]["spec"]["type"] == "ClusterIP"
