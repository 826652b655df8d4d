"""More than one release of the chart in a cluster, and one that comes after another: who holds the definition.

By now a TradingBot definition is there that neither of them made. No operator is started.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator

import pytest
import yaml

from cluster.kubectl import ROOT, Kubectl, run

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("api_server")]

RELEASE = "another"
FLAGS = ("--set=replicas=0", *shlex.split(os.environ.get("CBBOT_HELM_FLAGS", "")))


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    if "tradingbots.cbbot.io" not in run("kubectl", "get", "crd", "--output=name").stdout:
        # The tests of the operations' page have removed it. An older server's schema does not know its CEL rules.
        run("kubectl", "create", "--validate=false", "-f", "crds/tradingbots.yaml")
    name = f"cbbot-another-{os.getpid()}"
    run("kubectl", "create", "namespace", name)
    yield name
    run("kubectl", "delete", "namespace", name, "--wait=false")


@pytest.fixture
def elsewhere(namespace: str) -> Iterator[Kubectl]:
    kubectl = Kubectl(namespace)
    yield kubectl
    kubectl.helm("uninstall", RELEASE, "--ignore-not-found")


def test_a_second_release_leaves_the_definition_to_the_first(elsewhere: Kubectl) -> None:
    command = ("helm", "-n", elsewhere.namespace, "install", RELEASE, "charts", *FLAGS)
    refusal = run(*command, check=False).stderr
    assert 'CustomResourceDefinition "tradingbots.cbbot.io" in namespace "" exists' in refusal
    assert "invalid ownership metadata" in refusal
    told = run(*command, "--set=crds.enabled=false").stdout
    assert "(crds.enabled is false): another release holds it" in told


def test_a_release_of_another_name_takes_the_definition_over_and_leaves_it(elsewhere: Kubectl) -> None:
    told = elsewhere.helm("install", RELEASE, "charts", "--take-ownership", *FLAGS)
    assert "This release holds the TradingBot definition." in told
    owner = elsewhere.json("crd/tradingbots.cbbot.io")["metadata"]["annotations"]["meta.helm.sh/release-name"]
    assert owner == RELEASE
    elsewhere.helm("uninstall", RELEASE, "--wait")
    assert elsewhere.json("crd/tradingbots.cbbot.io")["metadata"]["name"] == "tradingbots.cbbot.io"


def test_the_first_bot_of_the_notes_can_be_pasted(elsewhere: Kubectl) -> None:
    told = elsewhere.helm("install", RELEASE, "charts", "--set=crds.enabled=false", *FLAGS)
    start, end = told.index("kubectl apply"), told.index("\nEND\n") + len("\nEND\n")
    subprocess.run(["bash", "-euc", told[start:end]], check=True, timeout=30, capture_output=True)
    example = yaml.safe_load((ROOT / "examples/try.yaml").read_text(encoding="utf-8"))
    made = elsewhere.json("tradingbot/try")
    assert made["metadata"]["labels"] == example["metadata"]["labels"]
    assert made["spec"]["exchange"]["simulator"]["speed"] == example["spec"]["exchange"]["simulator"]["speed"]
    assert made["spec"]["strategy"]["buyThreshold"] == example["spec"]["strategy"]["buyThreshold"]
    elsewhere("delete", "tradingbot/try")
