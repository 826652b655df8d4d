from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cbbot.errors import BadInput
from cbbot_operator.configuration import read_configuration
from cbbot_operator.inherited import Inherited

GOOD = {"CBBOT_BOT_IMAGE": "bot:1", "CBBOT_BRIDGE_IMAGE": "bridge:1", "POD_NAMESPACE": "ops"}


def test_the_default_scope_is_the_operators_own_namespace() -> None:
    assert read_configuration(GOOD).namespaces == ("ops",)


def test_a_star_is_the_whole_cluster() -> None:
    configuration = read_configuration(GOOD | {"CBBOT_NAMESPACES": "*"})
    assert configuration.namespaces == ()
    assert configuration.lease_namespace == "ops"


def test_the_lease_stands_in_a_watched_namespace() -> None:
    assert read_configuration(GOOD | {"CBBOT_NAMESPACES": "a, b"}).lease_namespace == "a"
    assert read_configuration(GOOD | {"CBBOT_NAMESPACES": "a,ops"}).lease_namespace == "ops"


def test_what_every_tradingbot_inherits_is_read() -> None:
    told = {
        "CBBOT_MONITOR_LABELS": "release=kube-prometheus-stack, example.org/team=t",
        "CBBOT_SCRAPER_NAMESPACES": "kubernetes.io/metadata.name=monitoring",
        "CBBOT_SCRAPER_PODS": "app.kubernetes.io/name=prometheus,empty=",
        "CBBOT_EGRESS_LIMITED": "true",
        "CBBOT_EGRESS_CIDRS": "203.0.113.0/24,2001:db8::/32",
        "CBBOT_EGRESS_PORTS": "443,8443",
        "CBBOT_IP_FAMILY_POLICY": "PreferDualStack",
    }
    assert read_configuration(GOOD | told).inherited == Inherited(
        monitor_labels={"release": "kube-prometheus-stack", "example.org/team": "t"},
        scraper_namespaces={"kubernetes.io/metadata.name": "monitoring"},
        scraper_pods={"app.kubernetes.io/name": "prometheus", "empty": ""},
        egress_limited=True,
        egress_cidrs=("203.0.113.0/24", "2001:db8::/32"),
        egress_ports=(443, 8443),
        ip_family_policy="PreferDualStack",
    )
    assert read_configuration(GOOD).inherited == Inherited()


def test_two_operators_outside_of_pods_never_hold_the_lease_under_one_name() -> None:
    first, second = (read_configuration(GOOD).identity for _ in range(2))
    assert first != second
    assert read_configuration(GOOD | {"POD_NAME": "cbbot-operator-abc"}).identity == "cbbot-operator-abc"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("CBBOT_MONITOR_LABELS", "release"),
        ("CBBOT_SCRAPER_PODS", "a=b=c"),
        ("CBBOT_SCRAPER_NAMESPACES", "-a=b"),
        ("CBBOT_EGRESS_CIDRS", "example.org"),
        ("CBBOT_EGRESS_PORTS", "https"),
        ("CBBOT_IP_FAMILY_POLICY", "Both"),
        ("CBBOT_WATCH_SECRETS", "sometimes"),
        ("CBBOT_BOT_IMAGE", ""),
        ("CBBOT_BRIDGE_IMAGE", "a b"),
        ("CBBOT_NAMESPACES", "a,*"),
        ("CBBOT_NAMESPACES", "Upper"),
        ("LOG_LEVEL", "LOUD"),
        ("CBBOT_WORKERS", "0"),
        ("CBBOT_WORKERS", "many"),
        ("CBBOT_RESYNC_SECONDS", "nan"),
        ("PORT", "70000"),
        ("CBBOT_LEASE_NAME", "a/b"),
    ],
)
def test_a_bad_value_is_reported_with_key_value_and_what_is_accepted(key: str, value: str) -> None:
    with pytest.raises(BadInput, match=key) as caught:
        read_configuration(GOOD | {key: value})
    assert repr(value) in str(caught.value)
    assert "is not accepted" in str(caught.value)


def test_every_problem_is_reported_at_once_and_the_exit_code_is_2() -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CBBOT_")}
    ended = subprocess.run(
        [sys.executable, "-m", "cbbot_operator"],
        env=environment | {"LOG_LEVEL": "LOUD"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    lines = ended.stderr.splitlines()
    assert [line.split("=")[0] for line in lines] == [
        "cbbot-operator: CBBOT_BOT_IMAGE",
        "cbbot-operator: CBBOT_BRIDGE_IMAGE",
        "cbbot-operator: LOG_LEVEL",
    ]
