"""The chart is upgraded to watch a second namespace, then the whole cluster; then it goes, and what trades stays.

By its name this file comes after those that need the operator.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections.abc import Iterator

import pytest

from cluster.kubectl import Kubectl, Note, run

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

BOT = "tradingbot/try"


def upgrade(kubectl: Kubectl, *values: str) -> None:
    flags = shlex.split(os.environ.get("CBBOT_HELM_FLAGS", ""))
    wanted = (*(f"--set={value}" for value in values), *flags, "--wait", "--timeout=120s")
    kubectl.helm("upgrade", "cbbot", "charts", "--reuse-values", *wanted, seconds=150)


@pytest.fixture
def other() -> Iterator[Kubectl]:
    """A namespace besides the release's."""
    name = f"cbbot-other-{os.getpid()}"
    run("kubectl", "create", "namespace", name)
    yield Kubectl(name)
    run("kubectl", "delete", "namespace", name, "--ignore-not-found", "--wait=false")


def test_a_namespace_goes_though_a_live_bot_in_it_has_lots(kubectl: Kubectl, other: Kubectl, note: Note) -> None:
    """The operator's rights in that namespace are objects of it, and go before the bot or after it."""
    upgrade(kubectl, f"namespaces={{{kubectl.namespace},{other.namespace}}}", "namespaceDeletion=true")
    other("apply", "-f", "tests/cluster/live.yaml")
    other.wait("tradingbot/live", "condition=PositionsOpen", 240)
    started = time.monotonic()
    run("kubectl", "delete", "namespace", other.namespace, "--timeout=150s", seconds=180)
    note(f"a namespace with a live bot that has lots was gone after {time.monotonic() - started:.1f} s")
    assert "let go: the namespace is being deleted" in kubectl("logs", "deployment/cbbot-operator", "--tail=-1")


def test_watching_the_whole_cluster_is_a_choice(kubectl: Kubectl, other: Kubectl) -> None:
    upgrade(kubectl, "namespaces=null", "namespaceDeletion=false", "scope=cluster")
    spec = {"product": {"id": "BTC-USD"}, "suspend": True}
    bot = {"apiVersion": "cbbot.io/v1alpha1", "kind": "TradingBot", "metadata": {"name": "any"}, "spec": spec}
    command = ["kubectl", "-n", other.namespace, "create", "-f", "-"]
    subprocess.run(command, input=json.dumps(bot), text=True, check=True, timeout=30, capture_output=True)
    other.wait("tradingbot/any", "jsonpath={.status.conditions[?(@.type=='Ready')].reason}=Suspended", 60)


def test_bots_volumes_and_the_definition_stay(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "examples/try.yaml")
    kubectl.wait(BOT, "condition=Ready", 180)
    kubectl.helm("uninstall", "cbbot", "--wait", seconds=120)
    assert kubectl.json("deployments", "-l", "app.kubernetes.io/name=cbbot-operator")["items"] == []
    assert kubectl.json(BOT)["spec"]["product"]["id"] == "BTC-USD"
    assert kubectl.json("pvc/try-state")["status"]["phase"] == "Bound"
    pods = kubectl.json("pods", "-l", "cbbot.io/tradingbot=try")["items"]
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}
