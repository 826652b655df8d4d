from __future__ import annotations

import base64
import copy
from typing import Any

import pytest
from prometheus_client import REGISTRY

from cbbot.errors import Retryable
from cbbot_operator.conditions import condition
from cbbot_operator.configuration import Configuration
from cbbot_operator.keys import FINALIZER, Key
from cbbot_operator.reconciler import Reconciler
from unit.operator.memory_cluster import Clock, MemoryCluster, Run

NAMESPACE = "trading"


@pytest.fixture
def reconciler(cluster: MemoryCluster, configuration: Configuration, clock: Clock) -> Reconciler:
    return Reconciler(cluster, configuration, clock)


def secret(name: str, data: dict[str, bytes]) -> dict[str, Any]:
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    return {"kind": "Secret", "metadata": {"namespace": NAMESPACE, "name": name}, "data": encoded}


def reason(cluster: MemoryCluster, kind: str = "Ready") -> str:
    return str(condition(cluster.one("TradingBot", "btc")["status"], kind)["reason"])


def verbs(cluster: MemoryCluster, *wanted: str) -> list[tuple[str, str, str]]:
    return [request for request in cluster.requests if request[0] in wanted]


def drift(kind: str) -> float:
    return REGISTRY.get_sample_value("cbbot_operator_drift_corrections_total", {"kind": kind}) or 0


def test_a_tradingbot_becomes_its_objects_and_a_status(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    cluster.tradingbot(paper)
    run(reconciler.reconcile(key))
    assert cluster.names("Deployment") == ["btc-bot", "btc-bridge"]
    assert cluster.names("PersistentVolumeClaim") == ["btc-state"]
    assert reason(cluster) == "BridgeNotReady"
    assert cluster.one("TradingBot", "btc")["status"]["observedGeneration"] == 1
    assert "finalizers" not in cluster.one("TradingBot", "btc")["metadata"]


def test_a_second_look_changes_nothing_and_writes_nothing(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    cluster.tradingbot(paper)
    run(reconciler.reconcile(key))
    versions = {entry: obj["metadata"]["resourceVersion"] for entry, obj in cluster.objects.items()}
    run(reconciler.reconcile(key))
    assert {entry: obj["metadata"]["resourceVersion"] for entry, obj in cluster.objects.items()} == versions
    assert len(verbs(cluster, "patch_status")) == 1


def test_the_tokens_are_made_once_and_kept_by_another_operator(
    run: Run, cluster: MemoryCluster, configuration: Configuration, key: Key, paper: dict[str, Any]
) -> None:
    cluster.tradingbot(paper)
    run(Reconciler(cluster, configuration).reconcile(key))
    tokens = dict(cluster.one("Secret", "btc-tokens")["data"])
    assert len(set(tokens.values())) == 2
    run(Reconciler(cluster, configuration).reconcile(key))
    assert cluster.one("Secret", "btc-tokens")["data"] == tokens


def test_a_child_changed_by_hand_is_put_back_and_counted(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    cluster.tradingbot(paper)
    run(reconciler.reconcile(key))
    before = drift("ConfigMap"), drift("Service")
    cluster.one("ConfigMap", "btc-settings")["data"]["RISK_PER_TRADE_PCT"] = "100"
    run(reconciler.reconcile(key))
    assert cluster.one("ConfigMap", "btc-settings")["data"]["RISK_PER_TRADE_PCT"] == "1"
    assert (drift("ConfigMap"), drift("Service")) == (before[0] + 1, before[1])


def test_a_child_deleted_by_hand_comes_back(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    cluster.tradingbot(paper)
    run(reconciler.reconcile(key))
    before = drift("Deployment")
    del cluster.objects["Deployment", NAMESPACE, "btc-bridge"]
    run(reconciler.reconcile(key))
    assert "btc-bridge" in cluster.names("Deployment")
    assert drift("Deployment") == before + 1


def test_what_a_person_adds_beside_ours_stays(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    cluster.tradingbot(paper)
    run(reconciler.reconcile(key))
    template = cluster.one("Deployment", "btc-bot")["spec"]["template"]
    template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = "now"
    run(reconciler.reconcile(key))
    template = cluster.one("Deployment", "btc-bot")["spec"]["template"]
    assert template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] == "now"


def test_a_change_of_settings_is_no_drift(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    cluster.tradingbot(paper)
    run(reconciler.reconcile(key))
    before = drift("ConfigMap")
    cluster.tradingbot({**paper, "exits": {"takeProfitPct": 3}}, generation=2)
    run(reconciler.reconcile(key))
    assert cluster.one("ConfigMap", "btc-settings")["data"]["TAKE_PROFIT_PCT"] == "3"
    assert drift("ConfigMap") == before


def test_what_is_no_longer_wanted_is_pruned_but_never_a_volume(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    cluster.monitors = True
    cluster.tradingbot(paper)
    run(reconciler.reconcile(key))
    assert cluster.names("ServiceMonitor") == ["btc-bot", "btc-bridge"]
    changed = {"monitoring": {"serviceMonitor": {"enabled": False}}, "state": {"existingClaim": "mine"}}
    cluster.put({"kind": "PersistentVolumeClaim", "metadata": {"namespace": NAMESPACE, "name": "mine"}, "spec": {}})
    cluster.tradingbot({**paper, **changed}, generation=2)
    run(reconciler.reconcile(key))
    assert cluster.names("ServiceMonitor") == []
    assert cluster.names("PersistentVolumeClaim") == ["btc-state", "mine"]


def test_a_volume_that_would_be_deleted_with_the_bot_is_still_not_pruned(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    cluster.tradingbot({**paper, "state": {"reclaimPolicy": "Delete"}})
    run(reconciler.reconcile(key))
    cluster.put({"kind": "PersistentVolumeClaim", "metadata": {"namespace": NAMESPACE, "name": "mine"}, "spec": {}})
    cluster.tradingbot({**paper, "state": {"reclaimPolicy": "Delete", "existingClaim": "mine"}}, generation=2)
    run(reconciler.reconcile(key))
    assert cluster.names("PersistentVolumeClaim") == ["btc-state", "mine"]


def test_a_copy_with_our_owner_reference_is_reported_and_left_alone(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    cluster.tradingbot(paper)
    run(reconciler.reconcile(key))
    copied = copy.deepcopy(cluster.one("Deployment", "btc-bot"))
    copied["metadata"]["name"] = "btc-copy"
    cluster.put(copied)
    with pytest.raises(Retryable, match="Deployment btc-copy has this TradingBot as its owner"):
        run(reconciler.reconcile(key))
    assert "btc-copy" in cluster.names("Deployment")
    assert verbs(cluster, "delete") == []
    assert reason(cluster) == "ReconcileFailed"


def test_an_object_of_ours_that_lost_its_labels_is_found_though_the_spec_cannot_be_read(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, live: dict[str, Any], api_keys: dict[str, bytes]
) -> None:
    cluster.put(secret("coinbase", api_keys))
    cluster.tradingbot(live)
    run(reconciler.reconcile(key))
    del cluster.one("Deployment", "btc-bot")["metadata"]["labels"]
    metadata = {"finalizers": [FINALIZER], "deletionTimestamp": "now", "generation": 2}
    cluster.tradingbot({**live, "strategy": {"maFast": 40}}, **metadata)
    run(reconciler.reconcile(key))
    assert cluster.one("TradingBot", "btc")["metadata"]["finalizers"] == [FINALIZER]


def test_a_finalizer_added_by_someone_else_meanwhile_is_not_lost(
    run: Run,
    reconciler: Reconciler,
    cluster: MemoryCluster,
    key: Key,
    live: dict[str, Any],
    api_keys: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster.put(secret("coinbase", api_keys))
    cluster.tradingbot(live)
    patch = cluster.patch

    async def someone_was_faster(kind: str, namespace: str, name: str, change: dict[str, Any]) -> dict[str, Any]:
        theirs = cluster.one("TradingBot", "btc")["metadata"]
        theirs["finalizers"] = ["example.org/theirs"]
        theirs["resourceVersion"] = "another"
        return await patch(kind, namespace, name, change)

    monkeypatch.setattr(cluster, "patch", someone_was_faster)
    with pytest.raises(Retryable, match="conflict"):
        run(reconciler.reconcile(key))
    monkeypatch.undo()
    run(reconciler.reconcile(key))
    assert cluster.one("TradingBot", "btc")["metadata"]["finalizers"] == ["example.org/theirs", FINALIZER]


def test_service_monitors_are_made_once_their_definition_appears(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    cluster.tradingbot(paper)
    run(reconciler.reconcile(key))
    assert reason(cluster, "MonitoringReady") == "ServiceMonitorCRDMissing"
    cluster.monitors = True
    run(reconciler.reconcile(key))
    assert cluster.names("ServiceMonitor") == ["btc-bot", "btc-bridge"]
    assert reason(cluster, "MonitoringReady") == "Applied"


def test_someone_elses_deployment_is_left_alone(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    theirs = {"kind": "Deployment", "metadata": {"namespace": NAMESPACE, "name": "btc-bot"}, "spec": {"replicas": 7}}
    cluster.put(theirs)
    cluster.tradingbot(paper)
    run(reconciler.reconcile(key))
    assert cluster.one("Deployment", "btc-bot")["spec"] == {"replicas": 7}
    assert cluster.names("Deployment") == ["btc-bot"]
    assert reason(cluster) == "NameTaken"
