"""The chart is upgraded to watch the whole cluster, then goes, and what trades stays.

By its name this file comes after those that need the operator.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator

import pytest

from cluster.kubectl import Kubectl, Note, run

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

BOT = "tradingbot/try"


@pytest.fixture
def doomed() -> Iterator[Kubectl]:
    name = f"cbbot-lots-{os.getpid()}"
    run("kubectl", "create", "namespace", name)
    yield Kubectl(name)
    run("kubectl", "delete", "namespace", name, "--ignore-not-found", "--wait=false")


def test_a_namespace_goes_though_a_live_bot_in_it_has_lots(kubectl: Kubectl, doomed: Kubectl, note: Note) -> None:
    flags = shlex.split(os.environ.get("CBBOT_HELM_FLAGS", ""))
    kubectl.helm("upgrade", "cbbot", "charts", "--reuse-values", "--set=scope=cluster", *flags, "--wait", seconds=150)
    doomed("apply", "-f", "tests/cluster/live.yaml")
    doomed.wait("tradingbot/live", "condition=PositionsOpen", 240)
    started = time.monotonic()
    run("kubectl", "delete", "namespace", doomed.namespace, "--timeout=150s", seconds=180)
    note(f"a namespace with a live bot that has lots was gone after {time.monotonic() - started:.1f} s")
    assert "let go: the namespace is being deleted" in kubectl("logs", "deployment/cbbot-operator", "--tail=-1")


def test_bots_volumes_and_the_definition_stay(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "examples/try.yaml")
    kubectl.wait(BOT, "condition=Ready", 180)
    kubectl.helm("uninstall", "cbbot", "--wait", seconds=120)
    assert kubectl.json("deployments", "-l", "app.kubernetes.io/name=cbbot-operator")["items"] == []
    assert kubectl.json(BOT)["spec"]["product"]["id"] == "BTC-USD"
    assert kubectl.json("pvc/try-state")["status"]["phase"] == "Bound"
    pods = kubectl.json("pods", "-l", "cbbot.io/tradingbot=try")["items"]
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}
