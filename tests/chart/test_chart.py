"""The chart, rendered by helm.

The cluster suite (``.ci/cluster``) runs these too, and brings helm along where there is none.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from chart.rendered_charts import ROOT, helm, of_kind, rendered
from prerequisites import missing

pytestmark = pytest.mark.usefixtures("needs_helm")


def environment(objects: list[dict[str, Any]]) -> dict[str, str | None]:
    (deployment,) = of_kind(objects, "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value") for entry in container["env"]}


@pytest.mark.parametrize(
    "values", [(), ("--set", "scope=cluster"), ("--set", "namespaces={a,b}"), ("--set", "crds.enabled=false")]
)
def test_lint_finds_nothing(values: tuple[str, ...]) -> None:
    ended = helm("lint", "charts", "--strict", *values)
    assert ended.returncode == 0, ended.stdout


def test_the_definition_is_the_generated_file_to_the_byte() -> None:
    text = helm("template", "cbbot", "charts", "--show-only", "templates/crd.yaml").stdout
    assert (ROOT / "crds/tradingbots.yaml").read_text(encoding="utf-8").strip() in text
    assert of_kind(rendered("--set", "crds.enabled=false"), "CustomResourceDefinition") == []


def test_by_default_rights_are_in_the_releases_namespace_alone() -> None:
    objects = rendered()
    assert {role["metadata"]["namespace"] for role in of_kind(objects, "Role")} == {"trading"}
    assert of_kind(objects, "ClusterRoleBinding") == []
    assert environment(objects)["CBBOT_NAMESPACES"] == "trading"


def test_listed_namespaces_get_a_role_each_and_the_lease_stands_in_the_first() -> None:
    objects = rendered("--set", "namespaces={a,b}")
    roles = [(role["metadata"]["namespace"], role["metadata"]["name"]) for role in of_kind(objects, "Role")]
    assert sorted(roles) == [("a", "cbbot-operator"), ("a", "cbbot-operator-lease"), ("b", "cbbot-operator")]
    assert environment(objects)["CBBOT_NAMESPACES"] == "a,b"
    subjects = {binding["subjects"][0]["namespace"] for binding in of_kind(objects, "RoleBinding")}
    assert subjects == {"trading"}


def test_cluster_wide_is_a_choice() -> None:
    objects = rendered("--set", "scope=cluster")
    assert [role["metadata"]["name"] for role in of_kind(objects, "ClusterRoleBinding")] == ["trading:cbbot-operator"]
    assert environment(objects)["CBBOT_NAMESPACES"] == "*"
    assert [role["metadata"]["name"] for role in of_kind(objects, "Role")] == ["cbbot-operator-lease"]


def test_the_operators_pod_meets_pod_security_restricted() -> None:
    (deployment,) = of_kind(rendered(), "Deployment")
    body = deployment["spec"]["template"]["spec"]
    assert body["securityContext"]["runAsNonRoot"] is True
    assert body["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = body["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_one_tag_and_registry_serve_all_three_images() -> None:
    values = ("--set", "image.tag=ci", "--set", "image.registry=ghcr.io/example/", "--set", "image.pullSecrets={reg}")
    objects = rendered(*values)
    (deployment,) = of_kind(objects, "Deployment")
    body = deployment["spec"]["template"]["spec"]
    assert body["containers"][0]["image"] == "ghcr.io/example/cbbot-operator:ci"
    assert body["imagePullSecrets"] == [{"name": "reg"}]
    settings = environment(objects)
    assert settings["CBBOT_BOT_IMAGE"] == "ghcr.io/example/cbbot-bot:ci"
    assert settings["CBBOT_BRIDGE_IMAGE"] == "ghcr.io/example/cbbot-bridge:ci"
    assert settings["CBBOT_IMAGE_PULL_SECRETS"] == "reg"


@pytest.mark.parametrize(
    "values",
    ["nonsense=1", "image.tags=x", "scope=everywhere", "replicas=-1", "operator.workers=0", "namespaces={Bad}"],
)
def test_values_that_mean_nothing_are_refused(values: str) -> None:
    ended = helm("template", "cbbot", "charts", "--set", values)
    assert ended.returncode != 0
    assert values.split("=", maxsplit=1)[0].rsplit(".", maxsplit=1)[-1] in ended.stderr


def notes(*values: str) -> str:
    """What helm prints after an install."""
    wanted = ("--namespace", "trading", "--dry-run=client", "--set=crds.enabled=false", *values)
    ended = helm("install", "cbbot", "charts", *wanted)
    if ended.returncode:  # helm wants a cluster even for this where no kubeconfig is found
        why = f"helm install --dry-run wants a cluster here: {ended.stderr.strip()}"
        missing(why, required_by="CBBOT_CLUSTER_SUITE")
    return ended.stdout.partition("\nNOTES:\n")[2]


def test_the_notes_name_the_next_command() -> None:
    text = notes()
    assert "kubectl wait -n trading --for=condition=Ready tradingbot/try" in text
    document = text.split("<<'END'\n")[1].split("\nEND\n")[0]
    assert yaml.safe_load(document) == yaml.safe_load((ROOT / "examples/try.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("namespaces", "warned"),
    [("--set=scope=cluster", True), ("--set=namespaces={a}", True), ("--set=replicas=1", False)],
)
def test_the_notes_say_whose_alerts_slack_does_not_hear(namespaces: str, *, warned: bool) -> None:
    slack = "--set=monitoring.slack.enabled=true,monitoring.slack.secretName=slack"
    assert ("alertmanagerConfigMatcherStrategy" in notes(slack, namespaces)) is warned
    assert "alertmanagerConfigMatcherStrategy" not in notes(namespaces)
