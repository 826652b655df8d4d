"""One TradingBot's life in a cluster, told in order: every test begins where the one before it ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cluster.kubectl import Kubectl, Note

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

BOT = "tradingbot/try"
LOTS = "{.status.openLots}"
LAST: dict[str, int] = {}


def pod(kubectl: Kubectl, component: str) -> dict[str, Any]:
    found: dict[str, Any]
    pods = kubectl.json("pods", "-l", f"cbbot.io/tradingbot=try,app.kubernetes.io/component={component}")["items"]
    # One that is on its way out may be there for a while beside the one that has taken its place.
    (found,) = (each for each in pods if "deletionTimestamp" not in each["metadata"])
    return found


def uid(kubectl: Kubectl, component: str) -> str:
    return str(pod(kubectl, component)["metadata"]["uid"])


def condition(kubectl: Kubectl, what: str, kind: str) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = [entry for entry in kubectl.json(what)["status"]["conditions"] if entry["type"] == kind]
    return found


def gone(kubectl: Kubectl, kind: str) -> None:
    """Wait until nothing of that kind is left of the TradingBot."""
    if kubectl.json(kind, "-l", "cbbot.io/tradingbot=try")["items"]:
        kubectl("wait", kind, "-l", "cbbot.io/tradingbot=try", "--for=delete", "--timeout=120s", seconds=150)


def number(text: str) -> int:
    return int(text or 0)


def test_a_tradingbot_becomes_ready(kubectl: Kubectl, note: Note) -> None:
    started = time.monotonic()
    kubectl("apply", "-f", "examples/try.yaml")
    kubectl.wait(BOT, "condition=Ready", 180)
    note(f"kubectl apply to Ready: {time.monotonic() - started:.1f} s")


def test_lots_open_and_close(kubectl: Kubectl, note: Note) -> None:
    kubectl.until(BOT, LOTS, lambda text: number(text) > 0, 120)
    most = 0

    def fewer(text: str) -> bool:
        nonlocal most
        most = max(most, number(text))
        return number(text) < most

    kubectl.until(BOT, LOTS, fewer, 240)
    note(kubectl("get", "tradingbots", "-o", "wide"))
    assert kubectl.bot("try", "trades?limit=100")


def test_pods_run_as_nobody_on_a_root_they_cannot_write(kubectl: Kubectl) -> None:
    for component in ("bot", "bridge"):
        inside = ("exec", f"deployment/try-{component}", "-c", component, "--")
        assert kubectl(*inside, "id", "-u").strip() == "10001"
        assert "Read-only file system" in kubectl.refused(*inside, "touch", "/opt/here")
        assert "No such file" in kubectl.refused(*inside, "ls", "/var/run/secrets/kubernetes.io")


def test_a_deleted_pod_comes_back_with_its_lots(kubectl: Kubectl) -> None:
    kubectl.until(BOT, LOTS, lambda text: number(text) > 0, 120)
    epoch = kubectl.json(BOT)["status"]["epoch"]
    before = kubectl.bot("try", "lots")
    kubectl("delete", "pod", "-l", "cbbot.io/tradingbot=try,app.kubernetes.io/component=bot", "--wait", seconds=120)
    kubectl.until(BOT, "{.status.epoch}", lambda text: number(text) > epoch, 120)
    kubectl.wait(BOT, "condition=Ready", 120)
    assert before
    known = {
        (row["lot"], row["opened_at"], row["open_price"])
        for row in kubectl.bot("try", "lots") + kubectl.bot("try", "trades?limit=1000")
    }
    assert {(row["lot"], row["opened_at"], row["open_price"]) for row in before} <= known


def test_a_changed_setting_replaces_the_bots_pod_and_not_the_bridges(kubectl: Kubectl) -> None:
    bot, bridge = uid(kubectl, "bot"), uid(kubectl, "bridge")
    epoch = kubectl.json(BOT)["status"]["epoch"]
    kubectl("patch", BOT, "--type=merge", "-p", '{"spec": {"exits": {"takeProfitPct": 0.2}}}')
    kubectl.wait("configmap/try-settings", "jsonpath={.data.TAKE_PROFIT_PCT}=0.2", 30)
    kubectl.until(BOT, "{.status.epoch}", lambda text: number(text) > epoch, 120)
    kubectl.wait(BOT, "condition=Ready", 120)
    assert uid(kubectl, "bot") != bot
    assert uid(kubectl, "bridge") == bridge


def test_a_pause_reaches_the_running_bot_and_restarts_nothing(kubectl: Kubectl) -> None:
    bot = uid(kubectl, "bot")
    kubectl("patch", BOT, "--type=merge", "-p", '{"spec": {"entries": "Paused"}}')
    kubectl.wait(BOT, "condition=EntriesAllowed=False", 60)
    assert kubectl.bot("try", "status")["entries"] == {"allowed": False, "paused_by": ["resource"]}
    kubectl("patch", BOT, "--type=merge", "-p", '{"spec": {"entries": "Allowed"}}')
    kubectl.wait(BOT, "condition=EntriesAllowed", 60)
    assert uid(kubectl, "bot") == bot


def test_a_broken_child_is_put_back(kubectl: Kubectl) -> None:
    kubectl("patch", "configmap/try-settings", "--type=merge", "-p", '{"data": {"RISK_PER_TRADE_PCT": "100"}}')
    kubectl.wait("configmap/try-settings", "jsonpath={.data.RISK_PER_TRADE_PCT}=5", 30)
    kubectl("scale", "deployment/try-bridge", "--replicas=0")
    kubectl.wait("deployment/try-bridge", "jsonpath={.spec.replicas}=1", 30)
    kubectl("delete", "service/try-bridge")
    kubectl.wait("service/try-bridge", "create", 30)
    kubectl("delete", "deployment/try-bot", seconds=120)
    kubectl.wait("deployment/try-bot", "create", 30)
    kubectl.wait(BOT, "condition=Ready", 180)


def test_a_restart_by_hand_survives(kubectl: Kubectl) -> None:
    kubectl("rollout", "restart", "deployment/try-bridge")
    kubectl("rollout", "status", "deployment/try-bridge", "--timeout=120s", seconds=150)
    kubectl.wait(BOT, "condition=Ready", 120)
    assert "restartedAt" in str(pod(kubectl, "bridge")["metadata"]["annotations"])


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        ('{"spec": {"product": {"id": "ETH-USD"}}}', "cannot"),
        ('{"spec": {"mode": "Live"}}', "spec.risk.maxOrderUSD must be set"),
        ('{"spec": {"strategy": {"maFast": 30}}}', "spec.strategy.maFast must be below spec.strategy.maSlow"),
        ('{"spec": {"bot": {"env": [{"name": "PORT", "value": "1"}]}}}', "cannot be set through env"),
    ],
)
def test_a_bad_change_is_refused_or_held_back(kubectl: Kubectl, patch: str, reason: str) -> None:
    bot = uid(kubectl, "bot")
    before = kubectl.json(BOT)["spec"]
    refusal = kubectl.refused("patch", BOT, "--type=merge", "-p", patch)
    if not refusal:  # an API server that knows no CEL: the operator says it
        message = '{.status.conditions[?(@.type=="Degraded")].message}'
        refusal = kubectl.until(BOT, message, lambda text: reason in text, 60)[-1]
        kubectl("patch", BOT, "--type=merge", "-p", json.dumps({"spec": before}))
    assert reason in refusal
    assert kubectl.json(BOT)["spec"] == before
    assert uid(kubectl, "bot") == bot


def test_suspending_stops_the_pods_and_resuming_goes_on(kubectl: Kubectl) -> None:
    epoch = kubectl.json(BOT)["status"]["epoch"]
    kubectl("patch", BOT, "--type=merge", "-p", '{"spec": {"suspend": true}}')
    kubectl.wait(BOT, 'jsonpath={.status.conditions[?(@.type=="Ready")].reason}=Suspended', 60)
    gone(kubectl, "pod")
    kubectl("patch", BOT, "--type=merge", "-p", '{"spec": {"suspend": false}}')
    kubectl.wait(BOT, "condition=Ready", 180)
    assert kubectl.json(BOT)["status"]["epoch"] > epoch


@pytest.fixture
def definition(kubectl: Kubectl) -> Iterator[Callable[[], None]]:
    """Makes the definition of ServiceMonitors known."""

    def make() -> None:
        kubectl("apply", "-f", "tests/cluster/servicemonitors.yaml")
        kubectl("wait", "crd/servicemonitors.monitoring.coreos.com", "--for=condition=Established", "--timeout=30s")

    yield make
    kubectl("delete", "-f", "tests/cluster/servicemonitors.yaml", "--ignore-not-found")


def test_service_monitors_are_made_once_their_definition_is_there(
    kubectl: Kubectl, definition: Callable[[], None]
) -> None:
    assert condition(kubectl, BOT, "MonitoringReady")["reason"] == "ServiceMonitorCRDMissing"
    definition()
    kubectl.wait(BOT, "condition=MonitoringReady", 60)
    kubectl("get", "servicemonitors", "try-bot", "try-bridge")


def test_what_a_person_sees(kubectl: Kubectl, note: Note) -> None:
    note(kubectl("describe", BOT))
    metrics = kubectl("get", "--raw", "/api/v1/namespaces/cbbot-e2e/services/cbbot-operator:8080/proxy/metrics")
    (resident,) = [
        line.split()[1] for line in metrics.splitlines() if line.startswith("process_resident_memory_bytes ")
    ]
    note(f"operator RSS: {float(resident) / 2**20:.1f} MiB")
    assert float(resident) < 200 * 2**20
    lines = kubectl("logs", "deployment/cbbot-operator", "--tail=-1").splitlines()
    assert [line for line in lines if '"level": "error"' in line or "Traceback" in line] == []


def test_deleting_it_keeps_the_volume_and_nothing_else(kubectl: Kubectl) -> None:
    LAST["epoch"] = kubectl.json(BOT)["status"]["epoch"]
    kubectl("delete", BOT, "--timeout=60s", seconds=90)
    for kind in ("deployment", "service", "secret", "configmap", "serviceaccount", "networkpolicy"):
        gone(kubectl, kind)
    claims = kubectl.json("pvc", "-l", "cbbot.io/tradingbot=try")["items"]
    assert sorted(claim["metadata"]["name"] for claim in claims) == ["try-simulator", "try-state"]
    assert all("deletionTimestamp" not in claim["metadata"] for claim in claims)


def test_the_same_manifest_goes_on_where_it_stopped(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "examples/try.yaml")
    kubectl.wait(BOT, "condition=Ready", 180)
    assert kubectl.json(BOT)["status"]["epoch"] > LAST["epoch"]
