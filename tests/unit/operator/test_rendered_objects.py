"""What a TradingBot becomes is what every Kubernetes since 1.25 takes, by its own published schemas.

Offline, and strict: a field that a version does not know is a failure. The cluster of tests/cluster holds
them against a real, older API server.
"""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest

from cbbot.contract.spec_reader import read_spec
from cbbot_operator.inherited import Inherited
from cbbot_operator.keys import Key
from cbbot_operator.kinds import KINDS
from cbbot_operator.observed import Tokens
from cbbot_operator.render import Inputs, render
from pod_security import forbidden_by_restricted

VERSIONS = list(dict.fromkeys(kubernetes_validate.utils.all_versions()))
OLDEST = "1.25"

EVERYTHING: dict[str, Any] = {
    "mode": "Live",
    "product": {"id": "BTC-USD"},
    "risk": {"maxOrderUSD": 50, "maxExposureUSD": 250},
    "exchange": {"credentialsSecretRef": {"name": "coinbase"}, "websocket": {"enabled": True}},
    "notifications": {"slackWebhookSecretRef": {"name": "slack", "key": "url"}},
    "state": {"storageClassName": "fast", "accessMode": "ReadWriteOncePod", "size": "2Gi"},
    "monitoring": {"namespaceSelector": {"team": "metrics"}},
    "bot": {
        "image": "example.org/bot:1",
        "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "trading", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"podAntiAffinity": {}},
        "podAnnotations": {"example.org/a": "b"},
        "env": [{"name": "TZ", "value": "UTC"}, {"name": "EMPTY"}],
        "podLabels": {"team": "ours"},
        "priorityClassName": "high",
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
        ],
        "securityContext": {"runAsUser": 0, "supplementalGroups": [5]},
        "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["api.coinbase.com"]}],
    },
}
SPECS = {
    "everything": EVERYTHING,
    "simulated": {
        "product": {"id": "BTC-USD"},
        "exchange": {"venue": "Simulator"},
        "state": {"reclaimPolicy": "Delete"},
    },
    "suspended on a claim of its own": {
        "product": {"id": "BTC-USD"},
        "suspend": True,
        "state": {"existingClaim": "mine"},
    },
}


def objects_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return render(
        Inputs(
            key=Key("trading", "btc"),
            uid="tb-uid",
            spec=read_spec(spec),
            tokens=Tokens("b" * 43, "c" * 43),
            secrets={},
            namespace_uid="ns-uid",
            bot_image="bot:1",
            bridge_image="bridge:1",
            image_pull_secrets=("registry",),
            operator_namespace="operators",
            inherited=Inherited(
                ip_family_policy="PreferDualStack",
                egress_limited=True,
                egress_cidrs=("203.0.113.0/24",),
                scraper_pods={"app": "prometheus"},
            ),
            updated_at="2026-01-02T03:04:05+00:00",
        )
    )


def shape(value: Any) -> Any:
    """The fields alone."""
    if isinstance(value, dict):
        return tuple((key, shape(inner)) for key, inner in value.items())
    return tuple(shape(item) for item in value) if isinstance(value, list) else type(value)


def refused(obj: dict[str, Any], version: str) -> str:
    """Why a version does not take it; "" when it does."""
    try:
        kubernetes_validate.validate(obj, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{obj['kind']} {obj['metadata']['name']}: {error.message} at {'.'.join(map(str, error.path))}"
    return ""


def test_the_schemas_begin_with_the_oldest_version_that_is_promised_and_go_on() -> None:
    assert VERSIONS[0].startswith(OLDEST)
    assert len(VERSIONS) >= 13


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_taken(version: str) -> None:
    """Each schema is read from a file: what differs in its values alone is asked once."""
    objects = {(obj["kind"], shape(obj)): obj for spec in SPECS.values() for obj in objects_of(spec)}
    assert [why for obj in objects.values() if (why := refused(obj, version))] == []


@pytest.mark.parametrize("kind", ["Deployment", "NetworkPolicy", "PersistentVolumeClaim", "Service"])
def test_a_field_that_no_version_knows_is_noticed(kind: str) -> None:
    obj = next(obj for obj in objects_of(EVERYTHING) if obj["kind"] == kind)
    obj["spec"]["surprise"] = True
    assert "surprise" in refused(obj, VERSIONS[-1])


@pytest.mark.parametrize("name", SPECS)
def test_every_pod_is_admitted_by_restricted(name: str) -> None:
    pods = [obj["spec"]["template"]["spec"] for obj in objects_of(SPECS[name]) if obj["kind"] == "Deployment"]
    assert len(pods) == 2
    assert [why for pod in pods for why in forbidden_by_restricted(pod)] == []


def test_only_kinds_that_every_cluster_has_are_rendered_unasked() -> None:
    kinds = {obj["kind"] for spec in SPECS.values() for obj in objects_of(spec)}
    assert not [kind for kind in kinds if KINDS[kind].optional]
