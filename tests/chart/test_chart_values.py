"""What each value of the chart does, and what is said of values that mean nothing."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from cbbot_operator.configuration import read_configuration
from chart.rendered_charts import (
    FOLDER,
    KEPT,
    PROMETHEUS_OPERATOR,
    ROOT,
    helm,
    kept_text,
    of_kind,
    one,
    rendered,
    template,
)

pytestmark = pytest.mark.usefixtures("needs_helm")

VALUES = yaml.safe_load((ROOT / "charts/values.yaml").read_text(encoding="utf-8"))
VERSIONS = list(dict.fromkeys(kubernetes_validate.utils.all_versions()))
DIGEST = f"sha256:{'d' * 64}"
# Maps of the Kubernetes API and of labels, which are anybody's to fill.
FREE = {
    *("global", "resources", "podSecurityContext", "securityContext", "nodeSelector", "affinity"),
    *("podLabels", "podAnnotations", "commonLabels", "deploymentAnnotations", "labels", "annotations"),
    *("namespaceSelector", "podSelector"),
}


def environment(objects: list[dict[str, Any]]) -> dict[str, str]:
    (container,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_rendered_is_what_is_kept(name: str) -> None:
    assert kept_text(name) == (FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), "python tools/renew_chart.py"


@pytest.mark.parametrize("name", KEPT)
def test_lint_finds_nothing_in_the_kept_values(name: str) -> None:
    ended = helm("lint", "charts", "--strict", values=KEPT[name][1])
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_every_kubernetes_takes_every_object(version: str) -> None:
    core = re.match(r"\d+\.\d+", version)
    assert core is not None
    for name in ("defaults", "everything"):
        arguments, values = KEPT[name]
        for obj in rendered(f"--kube-version={core[0]}.0", "--set=crds.enabled=false", *arguments, values=values):
            if "coreos" not in obj["apiVersion"]:
                kubernetes_validate.validate(obj, version, strict=True)


def test_rendering_twice_gives_the_same_text() -> None:
    assert template().stdout == template().stdout


@pytest.mark.parametrize("name", KEPT)
def test_the_operator_accepts_what_the_chart_tells_it(name: str) -> None:
    arguments, values = KEPT[name]
    told = environment(rendered(*arguments, values=values))
    configuration = read_configuration({**told, "POD_NAMESPACE": "trading", "POD_NAME": "x"})
    egress = (values.get("networkPolicy") or {}).get("egress") or {}
    assert configuration.inherited.egress_limited is egress.get("enabled", False)
    given = {"labels": {}, **VALUES["monitoring"], **(values.get("monitoring") or {})}
    assert configuration.inherited.monitor_labels == given["labels"]
    assert configuration.inherited.scraper_pods == VALUES["monitoring"]["podSelector"]


def test_the_namespaced_scope_holds_no_cluster_role_and_no_cluster_wide_secret_right_is_there_by_default() -> None:
    assert not [obj for obj in rendered() if obj["kind"].startswith("Cluster")]
    role = next(obj for obj in rendered("--set=scope=cluster") if obj["metadata"]["name"] == "trading:cbbot-operator")
    verbs = {verb for rule in role["rules"] if "secrets" in rule["resources"] for verb in rule["verbs"]}
    assert verbs == {"get", "create", "patch", "delete"}
    assert environment(rendered("--set=scope=cluster"))["CBBOT_WATCH_SECRETS"] == "false"
    assert environment(rendered())["CBBOT_WATCH_SECRETS"] == "true"


@pytest.mark.parametrize(
    ("given", "image"),
    [
        ({"image": {"bot": f"cbbot-bot@{DIGEST}"}}, f"cbbot-bot@{DIGEST}"),
        ({"image": {"bot": f"b:1@{DIGEST}", "registry": "r.example"}}, f"r.example/b:1@{DIGEST}"),
        ({"image": {"registry": "r.example:5000/x/", "tag": "ci"}}, "r.example:5000/x/cbbot-bot:ci"),
        ({"image": {"registry": "a"}, "global": {"imageRegistry": "b"}}, "b/cbbot-bot:0.1.0"),
        ({"image": {"bot": "localhost:5000/b:2", "registry": "a"}}, "localhost:5000/b:2"),
        ({"image": {"bot": "team/b", "registry": "a", "tag": 20250101}}, "a/team/b:20250101"),
    ],
)
def test_an_image_is_named_by_tag_or_digest_and_registry(given: dict[str, Any], image: str) -> None:
    assert environment(rendered(values=given))["CBBOT_BOT_IMAGE"] == image


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ("my.trading", "my-trading-cbbot-operator"),
        ("1st", "cbbot-1st-cbbot-operator"),
        ("20250101", "cbbot-20250101-cbbot-operator"),
        ("a" * 53, f"{'a' * 50}-operator"),
    ],
)
def test_any_release_name_gives_names_that_kubernetes_takes_and_labels_that_are_text(release: str, name: str) -> None:
    objects = rendered("--set=crds.enabled=false", release=release, namespace="42")
    service = one(objects, "Service")
    assert service["metadata"]["name"] == name
    for obj in objects:
        assert obj["metadata"]["namespace"] == "42"
        assert obj["metadata"]["labels"]["app.kubernetes.io/instance"] == release
        kubernetes_validate.validate(obj, VERSIONS[-1], strict=True)
    assert environment(objects)["CBBOT_NAMESPACES"] == "42"


def test_more_than_one_replica_is_spread_and_kept_by_a_budget() -> None:
    assert of_kind(rendered(), "PodDisruptionBudget") == []
    assert "topologySpreadConstraints" not in one(rendered(), "Deployment")["spec"]["template"]["spec"]
    objects = rendered("--set=replicas=2")
    (spread,) = one(objects, "Deployment")["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
    assert one(objects, "PodDisruptionBudget")["apiVersion"] == "policy/v1"
    old = rendered("--set=replicas=2", "--kube-version=1.20.0")
    assert one(old, "PodDisruptionBudget")["apiVersion"] == "policy/v1beta1"
    assert of_kind(rendered("--set=replicas=2,podDisruptionBudget.enabled=false"), "PodDisruptionBudget") == []


def test_services_are_of_both_families_where_the_cluster_knows_that() -> None:
    assert one(rendered(), "Service")["spec"]["ipFamilyPolicy"] == "PreferDualStack"
    assert environment(rendered())["CBBOT_IP_FAMILY_POLICY"] == "PreferDualStack"
    old = rendered("--kube-version=1.22.17")
    assert "ipFamilyPolicy" not in one(old, "Service")["spec"]
    assert "CBBOT_IP_FAMILY_POLICY" not in environment(old)


def test_on_openshift_one_value_leaves_the_user_of_every_pod_to_the_cluster() -> None:
    nobody = {"podSecurityContext": dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"))}
    objects = rendered(values=nobody)
    context = one(objects, "Deployment")["spec"]["template"]["spec"]["securityContext"]
    assert context == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert environment(objects)["CBBOT_POD_USER"] == "0"
    assert environment(rendered())["CBBOT_POD_USER"] == "10001"


@pytest.mark.parametrize(
    ("mode", "known", "made"),
    [("skipIfMissing", False, 0), ("skipIfMissing", True, 1), ("alwaysRender", False, 1), ("failIfMissing", True, 1)],
)
def test_monitors_are_made_where_their_kind_is_known(mode: str, known: bool, made: int) -> None:
    found = rendered(f"--set=monitoring.renderMode={mode}", *(PROMETHEUS_OPERATOR if known else ()))
    assert len(of_kind(found, "ServiceMonitor")) == made


def test_a_kind_that_must_be_there_and_is_not_is_said_in_words() -> None:
    ended = template("--set=monitoring.renderMode=failIfMissing")
    assert "does not know monitoring.coreos.com/v1/" in ended.stderr
    assert "monitoring.renderMode" in ended.stderr


def test_the_operator_is_scraped_where_its_service_has_the_port() -> None:
    objects = rendered(*PROMETHEUS_OPERATOR)
    monitor, service = one(objects, "ServiceMonitor"), one(objects, "Service")
    assert monitor["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert {end["port"] for end in monitor["spec"]["endpoints"]} <= {port["name"] for port in service["spec"]["ports"]}


def test_the_operators_policy_admits_scrapers_and_the_test_and_limits_what_it_reaches_when_told() -> None:
    policy = one(rendered(), "NetworkPolicy")
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    (rule,) = policy["spec"]["ingress"]
    assert rule["ports"] == [{"port": 8080, "protocol": "TCP"}]
    assert rule["from"][0] == {
        "namespaceSelector": {},
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
    }
    test = one(rendered(), "Pod")
    assert rule["from"][1]["podSelector"]["matchLabels"].items() <= test["metadata"]["labels"].items()
    limited = one(rendered("--set=networkPolicy.egress.enabled=true"), "NetworkPolicy")
    assert limited["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert len(limited["spec"]["egress"]) == 4
    assert of_kind(rendered("--set=networkPolicy.enabled=false"), "NetworkPolicy") == []


def test_the_pod_of_helm_test_is_no_operator_and_meets_restricted() -> None:
    objects = rendered("--set=podLabels.team=x", "--set-string=commonLabels.cost=7")
    pod = one(objects, "Pod")
    selector = one(objects, "Service")["spec"]["selector"]
    assert not selector.items() <= pod["metadata"]["labels"].items()
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert pod["spec"]["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    compile(pod["spec"]["containers"][0]["args"][0], "helm_test", "exec")


def test_labels_that_are_given_never_replace_those_that_find_the_operator() -> None:
    mine = {"app.kubernetes.io/name": "x", "app.kubernetes.io/instance": "z", "team": "t"}
    objects = rendered(values={"commonLabels": mine, "podLabels": mine, "monitoring": {"labels": mine}})
    deployment = one(objects, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert labels["team"] == "t"


def nulls() -> Iterator[str]:
    """Every value that is not a map of the Kubernetes API, and every map of values."""

    def walk(values: dict[str, Any], path: str) -> Iterator[str]:
        for key, value in values.items():
            yield f"{path}{key}"
            if isinstance(value, dict) and key not in FREE:
                yield from walk(value, f"{path}{key}.")

    return walk(VALUES, "")


def test_a_value_that_is_taken_away_is_an_error_in_words() -> None:
    assert len(list(nulls())) > 80
    for path in nulls():
        values: dict[str, Any] = copy.deepcopy(VALUES)
        *folders, last = path.split(".")
        place = values
        for folder in folders:
            place = place[folder]
        place[last] = None
        ended = template(values=values)
        assert ended.returncode != 0, path
        assert f"{last} is required" in ended.stderr or f"missing property '{last}'" in ended.stderr, ended.stderr
        assert "nil pointer" not in ended.stderr, path


def maps() -> Iterator[str]:
    for path in nulls():
        value: Any = VALUES
        for part in path.split("."):
            value = value[part]
        if isinstance(value, dict) and path.rpartition(".")[2] not in FREE:
            yield path


@pytest.mark.parametrize("path", ["", *maps()])
def test_a_typing_mistake_is_refused_everywhere(path: str) -> None:
    ended = template("--set", f"{path}.surprise=1".removeprefix("."))
    assert ended.returncode != 0
    assert "surprise" in ended.stderr


@pytest.mark.parametrize(
    "value",
    [
        "monitoring.labels.release=1",
        "monitoring.podSelector.app=a b",
        "podLabels.-x=y",
        "networkPolicy.egress.cidrs={example.org}",
        "networkPolicy.egress.ports={}",
        "image.operator=",
        "secrets.watch=sometimes",
        "extraEnv[0].value=x",
        "podSecurityContext.runAsUser=root",
    ],
)
def test_a_value_of_the_wrong_form_is_refused(value: str) -> None:
    ended = template("--set", value)
    assert ended.returncode != 0
    assert "values don't meet the specifications" in ended.stderr


def test_every_value_is_in_the_schema_with_its_default() -> None:
    schema = json.loads((ROOT / "charts/values.schema.json").read_text(encoding="utf-8"))

    def same(values: dict[str, Any], part: dict[str, Any], path: str) -> None:
        for key, value in values.items():
            assert key in part["properties"], f"{path}{key}"
            if isinstance(value, dict) and key not in FREE:
                same(value, part["properties"][key], f"{path}{key}.")
        assert list(part["properties"]) == list(values), path

    same(VALUES, schema, "")
