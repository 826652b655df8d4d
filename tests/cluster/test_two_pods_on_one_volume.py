"""Two pods of one bot on one volume, as after a lost node: the epoch decides, and the older one stops.

On one node the lock would keep the second one out; so the second one runs without it, as on another node.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.kubectl import NAMESPACE, Kubectl, run

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

NAME, TWIN = "pair", "pair-twin"
BOT = f"tradingbot/{NAME}"
WITHOUT_THE_LOCK = (
    "import fcntl, runpy, sys; fcntl.flock = lambda *_: None; sys.argv = ['cbbot', 'run']; "
    "runpy.run_module('cbbot', run_name='__main__')"
)
SPEC = {
    "product": {"id": "BTC-USD"},
    "exchange": {"venue": "Simulator", "simulator": {"speed": 60}},
}


@pytest.fixture
def pair(kubectl: Kubectl) -> Iterator[str]:
    """A bot that trades, and its pod's name."""
    manifest = {"apiVersion": "cbbot.io/v1alpha1", "kind": "TradingBot", "metadata": {"name": NAME}, "spec": SPEC}
    create(manifest)
    kubectl.wait(BOT, "condition=Ready", 180)
    (pod,) = kubectl.json("pods", "-l", f"cbbot.io/tradingbot={NAME},app.kubernetes.io/component=bot")["items"]
    yield str(pod["metadata"]["name"])
    kubectl("delete", BOT, f"pod/{TWIN}", "--ignore-not-found", "--timeout=60s", seconds=90)


def create(manifest: dict[str, Any]) -> None:
    command = ["kubectl", "-n", NAMESPACE, "create", "-f", "-"]
    subprocess.run(command, input=json.dumps(manifest), text=True, check=True, timeout=30, capture_output=True)


def twin_of(pod: dict[str, Any]) -> dict[str, Any]:
    """The same pod once more, which no ReplicaSet takes for its own, and never started again."""
    spec = {key: value for key, value in pod["spec"].items() if key not in ("nodeName", "restartPolicy")}
    container = spec["containers"][0] | {"command": ["python", "-c", WITHOUT_THE_LOCK]}
    container.pop("args", None)
    labels = {key: value for key, value in pod["metadata"]["labels"].items() if key != "pod-template-hash"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": TWIN, "labels": labels},
        "spec": {**spec, "containers": [container], "restartPolicy": "Never", "nodeName": pod["spec"]["nodeName"]},
    }


def test_the_older_pod_stops_and_says_why(kubectl: Kubectl, pair: str) -> None:
    epoch = kubectl.json(BOT)["status"]["epoch"]
    create(twin_of(kubectl.json(f"pod/{pair}")))
    ended = "{.status.containerStatuses[0].lastState.terminated.exitCode}"
    kubectl.until(f"pod/{pair}", ended, lambda code: code == "3", 120)
    last = kubectl.json(f"pod/{pair}")["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert "the bridge knows a newer epoch" in last["message"]
    # Started again, the first one is the newer, and the twin stops: never do two trade.
    kubectl.wait(f"pod/{TWIN}", "jsonpath={.status.phase}=Failed", 120)
    log = run("kubectl", "-n", NAMESPACE, "logs", TWIN).stdout
    assert "the bridge knows a newer epoch" in log
    kubectl.until(BOT, "{.status.epoch}", lambda text: int(text or 0) > epoch, 120)
    kubectl.wait(BOT, "condition=Ready", 120)
