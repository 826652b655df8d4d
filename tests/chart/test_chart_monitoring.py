"""What the chart brings for Prometheus and Grafana: the alerts, the dashboards, and names that both ask for."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest
import yaml

from chart.rendered_charts import PROMETHEUS_OPERATOR, ROOT, of_kind, one, rendered

pytestmark = pytest.mark.usefixtures("needs_helm")

FILES: Final = ROOT / "charts" / "files"
OFF: Final = ("monitoring.prometheusRule.enabled=false", "monitoring.dashboards.enabled=false")


def alerts() -> dict[str, Any]:
    return dict(yaml.safe_load((FILES / "alerts.yaml").read_text(encoding="utf-8")))


def test_the_rule_holds_the_alerts_as_they_stand_in_the_file() -> None:
    rule = one(rendered(*PROMETHEUS_OPERATOR), "PrometheusRule")
    assert rule["spec"] == alerts()


def test_alerts_can_be_left_out_by_name_and_their_runbooks_put_behind_an_address() -> None:
    given = {"disabled": ["CbbotNoDecisions", "CbbotClockSkew"], "runbookBase": "https://runbooks.example/"}
    values = {"monitoring": {"prometheusRule": given}}
    groups = one(rendered(*PROMETHEUS_OPERATOR, values=values), "PrometheusRule")["spec"]["groups"]
    rules = {rule["alert"]: rule for group in groups for rule in group["rules"]}
    every = {rule["alert"] for group in alerts()["groups"] for rule in group["rules"]}
    assert set(rules) == every - set(given["disabled"])
    assert rules["CbbotBotDown"]["annotations"]["runbook_url"] == (
        "https://runbooks.example/docs/runbooks/bot-alerts.md#cbbotbotdown"
    )


def test_the_dashboards_are_where_grafanas_sidecar_looks() -> None:
    made = one(rendered(), "ConfigMap")
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    files = sorted((FILES / "dashboards").glob("*.json"))
    assert {name: json.loads(text) for name, text in made["data"].items()} == {
        file.name: json.loads(file.read_text(encoding="utf-8")) for file in files
    }
    assert sum(map(len, made["data"].values())) < 500_000, "a ConfigMap holds a mebibyte"


@pytest.mark.parametrize(("kind", "value"), [("PrometheusRule", OFF[0]), ("ConfigMap", OFF[1])])
def test_each_can_be_left_out(kind: str, value: str) -> None:
    objects: list[dict[str, Any]] = rendered(*PROMETHEUS_OPERATOR, f"--set={value}")
    assert of_kind(objects, kind) == []


def test_the_operators_series_have_the_job_that_the_alerts_ask_for() -> None:
    (endpoint,) = one(rendered(*PROMETHEUS_OPERATOR), "ServiceMonitor")["spec"]["endpoints"]
    job = {"action": "replace", "targetLabel": "job", "replacement": "cbbot-operator"}
    assert endpoint["relabelings"] == [job]


def test_slack_is_worded_as_by_an_alertmanager_without_the_operator() -> None:
    values = {"monitoring": {"slack": {"enabled": True, "secretName": "slack"}}}
    (receiver,) = one(rendered(*PROMETHEUS_OPERATOR, values=values), "AlertmanagerConfig")["spec"]["receivers"]
    (sent,) = receiver["slackConfigs"]
    named = (ROOT / "examples" / "monitoring" / "slack.tmpl").read_text(encoding="utf-8")
    for name in ("color", "title", "text"):
        assert f'{{{{ define "cbbot.{name}" }}}}{sent[name]}' in named


def test_the_page_about_monitoring_names_values_that_there_are() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\bmonitoring\.[a-zA-Z.]+[a-zA-Z]", page))
    assert len(named) > 3
    values = yaml.safe_load((ROOT / "charts" / "values.yaml").read_text(encoding="utf-8"))
    for name in named - {"monitoring.md", "monitoring.labels.release"}:
        found: Any = values
        for part in name.split("."):
            assert part in found, name
            found = found[part]
