"""Values that are unusual and right give objects that a cluster takes; those that are wrong are refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest

from chart.rendered_charts import PROMETHEUS_OPERATOR, of_kind, one, rendered, template

pytestmark = pytest.mark.usefixtures("needs_helm")

NEWEST = list(kubernetes_validate.utils.all_versions())[-1]
# Everything that takes a name or a namespace of its own.
ALL_KINDS: dict[str, Any] = {
    "crds": {"enabled": False},
    "replicas": 2,
    "namespaceDeletion": True,
    "aggregateRoles": True,
    "networkPolicy": {"egress": {"enabled": True}},
    "monitoring": {"slack": {"enabled": True, "secretName": "slack"}},
}


def names(objects: list[dict[str, Any]]) -> Iterator[Any]:
    """Every name of an object, and of a namespace, that stands in them."""
    for obj in objects:
        metadata, ref = obj["metadata"], obj.get("roleRef", {})
        yield from (metadata["name"], metadata.get("namespace", "-"), ref.get("name", "-"))
        for subject in obj.get("subjects", ()):
            yield from (subject["name"], subject["namespace"])
        for rule in obj.get("rules", ()):
            yield from rule.get("resourceNames", ())


@pytest.mark.parametrize("override", ["", "true", "null", "off", "0x1f", "20250101", "~"])
@pytest.mark.parametrize("namespaces", [[], [42, "7"], ["a", 20250101]])
def test_names_that_yaml_takes_for_something_else_are_text_everywhere(override: str, namespaces: list[Any]) -> None:
    values = {**ALL_KINDS, "fullnameOverride": override, "namespaces": namespaces}
    objects = rendered(*PROMETHEUS_OPERATOR, values=values, namespace="42")
    assert len(of_kind(objects, "ClusterRoleBinding")) == 1
    assert [name for name in names(objects) if not isinstance(name, str)] == []
    for obj in objects:
        if "coreos" not in obj["apiVersion"]:
            kubernetes_validate.validate(obj, NEWEST, strict=True)


def own_variables() -> list[str]:
    (container,) = one(rendered(), "Deployment")["spec"]["template"]["spec"]["containers"]
    return [entry["name"] for entry in container["env"]]


def test_a_variable_that_the_chart_writes_itself_is_not_written_a_second_time() -> None:
    """Server-side apply refuses a name that stands twice, and without it the later one wins unseen."""
    assert {"PORT", "CBBOT_NAMESPACES"} <= set(own_variables())
    for name in own_variables():
        ended = template(values={"extraEnv": [{"name": name, "value": "x"}]})
        assert ended.returncode != 0, name
        assert f"extraEnv: {name} is there already" in ended.stderr


def test_a_further_variable_stands_once() -> None:
    proxy = {"name": "HTTPS_PROXY", "value": "http://proxy:3128"}
    (container,) = one(rendered(values={"extraEnv": [proxy]}), "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["env"][-1] == proxy
    assert "extraEnv: HTTPS_PROXY is there already" in template(values={"extraEnv": [proxy, proxy]}).stderr


@pytest.mark.parametrize(
    "values",
    [
        {"extraEnv": [{"name": "A", "value": 20250101}]},
        {"extraEnv": [{"name": "A", "valeu": "x"}]},
        {"image": {"registry": "https://ghcr.io/me"}},
        {"global": {"imageRegistry": "ghcr.io/Me /x"}},
        {"image": {"bot": "Cbbot-Bot"}},
        {"image": {"bot": "cbbot-bot:"}},
        {"image": {"bridge": "cbbot-bridge@sha256:12"}},
        {"image": {"operator": "a//b"}},
        {"image": {"digests": {"bot": "latest"}}},
        {"image": {"pullSecrets": ["Bad Name"]}},
        {"image": {"pullSecrets": ["one,two"]}},
        {"serviceAccount": {"name": "Bad Name"}},
        {"monitoring": {"slack": {"secretName": "https://hooks.slack.com/services/x"}}},
        {"networkPolicy": {"egress": {"cidrs": ["10.0.0.0/33"]}}},
        {"networkPolicy": {"egress": {"cidrs": ["256.0.0.0/8"]}}},
        {"networkPolicy": {"egress": {"cidrs": ["2001:db8::/129"]}}},
        {"networkPolicy": {"egress": {"apiServerCidrs": ["10.0.0.1"]}}},
        {"namespaces": [-1]},
        {"resources": {"limit": {"memory": "1Gi"}}},
        {"resources": {"limits": "1Gi"}},
    ],
    ids=str,
)
def test_what_no_cluster_would_take_is_refused_before_one_sees_it(values: dict[str, Any]) -> None:
    ended = template(values=values)
    assert ended.returncode != 0
    assert "values don't meet the specifications" in ended.stderr


@pytest.mark.parametrize(
    "values",
    [
        {"image": {"registry": "registry.example:5000/team/x_y"}},
        {"image": {"registry": "[2001:db8::1]:5000/x"}},
        {"image": {"bot": f"localhost:5000/a/b.c__d:V1.2_x@sha256:{'0' * 64}"}},
        {"image": {"bot": f"a@sha512:{'0' * 128}"}},
        {"image": {"pullSecrets": ["a.b-c"]}},
        {"serviceAccount": {"create": False, "name": "given.by-others"}},
        {"networkPolicy": {"egress": {"cidrs": ["0.0.0.0/0", "::/0", "2001:db8::/32", "::ffff:192.0.2.0/120"]}}},
        {"resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"memory": None, "example.org/gpu": "1"}}},
        {"extraEnv": [{"name": "A"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}]},
    ],
    ids=str,
)
def test_what_a_cluster_takes_is_not_refused(values: dict[str, Any]) -> None:
    for obj in rendered("--set=crds.enabled=false", values=values):
        kubernetes_validate.validate(obj, NEWEST, strict=True)


def test_alerts_of_which_a_whole_group_is_left_out_are_a_rule_that_is_valid() -> None:
    (rule,) = of_kind(rendered(*PROMETHEUS_OPERATOR), "PrometheusRule")
    groups = {group["name"]: [one["alert"] for one in group["rules"]] for group in rule["spec"]["groups"]}
    of_bridges = groups.pop("cbbot-bridge")
    values = {"monitoring": {"prometheusRule": {"disabled": of_bridges}}}
    left = one(rendered(*PROMETHEUS_OPERATOR, values=values), "PrometheusRule")["spec"]["groups"]
    assert [group["name"] for group in left] == list(groups)
    assert all(group["rules"] for group in left)
    every = [alert for alerts in groups.values() for alert in alerts]
    values = {"monitoring": {"prometheusRule": {"disabled": [*of_bridges, *every]}}}
    assert one(rendered(*PROMETHEUS_OPERATOR, values=values), "PrometheusRule")["spec"] == {"groups": []}


def test_an_alert_that_is_to_be_left_out_and_does_not_exist_is_named() -> None:
    values = {"monitoring": {"prometheusRule": {"disabled": ["CbbotBotDwon"]}}}
    ended = template(*PROMETHEUS_OPERATOR, values=values)
    assert ended.returncode != 0
    assert "prometheusRule.disabled: no alert is called CbbotBotDwon; there are CbbotBotDown, " in ended.stderr


@pytest.mark.parametrize(
    ("interval", "timeout", "sound"), [("1m", "60s", True), ("30s", "1m", False), ("5s", "10s", False)]
)
def test_a_scrape_may_not_take_longer_than_the_interval(interval: str, timeout: str, *, sound: bool) -> None:
    values = {"monitoring": {"serviceMonitor": {"interval": interval, "scrapeTimeout": timeout}}}
    ended = template(*PROMETHEUS_OPERATOR, values=values)
    assert (ended.returncode == 0) is sound
    assert sound or "scrapeTimeout must not be above monitoring.serviceMonitor.interval" in ended.stderr


def test_labels_of_one_object_win_over_those_of_every_object() -> None:
    every = {"release": "mine", "grafana_dashboard": "0", "team": "every", "further": "x"}
    values = {
        "commonLabels": every,
        "podLabels": {"team": "pod"},
        "service": {"labels": {"team": "service"}},
        "monitoring": {"slack": {"enabled": True, "secretName": "slack"}},
    }
    objects = rendered(*PROMETHEUS_OPERATOR, values=values)
    for kind in ("ServiceMonitor", "PrometheusRule", "AlertmanagerConfig"):
        assert one(objects, kind)["metadata"]["labels"]["release"] == "kube-prometheus-stack", "else none selects it"
    assert one(objects, "ConfigMap")["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert one(objects, "Service")["metadata"]["labels"]["team"] == "service"
    assert one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]["team"] == "pod"
    assert one(objects, "Deployment")["metadata"]["labels"]["team"] == "every"
    ours = [obj for obj in objects if obj["kind"] != "CustomResourceDefinition"]
    assert {obj["metadata"]["labels"]["further"] for obj in ours} == {"x"}


def test_nothing_is_written_that_the_api_server_drops() -> None:
    """Else every kubectl apply finds something to change. Seen in a cluster with a variable whose value is empty."""
    empty = {"labels": {"release": None}, "podSelector": {"app.kubernetes.io/name": None}}
    for values in (ALL_KINDS, {"monitoring": empty, "service": {"ipFamilyPolicy": ""}}):
        for obj in rendered("--set=crds.enabled=false", *PROMETHEUS_OPERATOR, values=values):
            assert list(dropped(obj, obj["kind"])) == []


def dropped(value: Any, path: str) -> Iterator[str]:
    """Where a null stands, or the empty text of a variable."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from dropped(inner, f"{path}.{key}")
        if "name" in value and value.get("value") == "":
            yield f"{path}.value of {value['name']}"
    elif isinstance(value, list):
        for inner in value:
            yield from dropped(inner, path)
    elif value is None:
        yield path
