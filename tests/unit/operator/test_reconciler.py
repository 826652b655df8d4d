from __future__ import annotations

import copy
from typing import Any

import pytest
from prometheus_client import REGISTRY

from cbbot.errors import Retryable
from cbbot_operator.configuration import Configuration
from cbbot_operator.judgement import condition
from cbbot_operator.keys import FINALIZER, RECONCILE, Key
from cbbot_operator.reconciler import Reconciler
from unit.operator.memory_cluster import Clock, Hear, Look, MemoryCluster, Run, reason

NAMESPACE = "trading"


def verbs(cluster: MemoryCluster, *wanted: str) -> list[tuple[str, str, str]]:
    return [request for request in cluster.requests if request[0] in wanted]


def drift(kind: str) -> float:
    return REGISTRY.get_sample_value("cbbot_operator_drift_corrections_total", {"kind": kind}) or 0


def test_a_tradingbot_becomes_its_objects_and_a_status(
    cluster: MemoryCluster, paper: dict[str, Any], look: Look
) -> None:
    cluster.tradingbot(paper)
    look()
    assert cluster.names("Deployment") == ["btc-bot", "btc-bridge"]
    assert cluster.names("PersistentVolumeClaim") == ["btc-state"]
    assert reason(cluster) == "BridgeNotReady"
    assert cluster.one("TradingBot", "btc")["status"]["observedGeneration"] == 1
    assert "finalizers" not in cluster.one("TradingBot", "btc")["metadata"]


def test_a_second_look_changes_nothing_and_writes_nothing(
    cluster: MemoryCluster, paper: dict[str, Any], look: Look
) -> None:
    cluster.tradingbot(paper)
    look()
    versions = {entry: obj["metadata"]["resourceVersion"] for entry, obj in cluster.objects.items()}
    look()
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
    cluster: MemoryCluster, paper: dict[str, Any], look: Look
) -> None:
    cluster.tradingbot(paper)
    look()
    before = drift("ConfigMap"), drift("Service")
    cluster.one("ConfigMap", "btc-settings")["data"]["RISK_PER_TRADE_PCT"] = "100"
    look()
    assert cluster.one("ConfigMap", "btc-settings")["data"]["RISK_PER_TRADE_PCT"] == "1"
    assert (drift("ConfigMap"), drift("Service")) == (before[0] + 1, before[1])


def test_a_child_deleted_by_hand_comes_back(cluster: MemoryCluster, paper: dict[str, Any], look: Look) -> None:
    cluster.tradingbot(paper)
    look()
    before = drift("Deployment")
    del cluster.objects["Deployment", NAMESPACE, "btc-bridge"]
    look()
    assert "btc-bridge" in cluster.names("Deployment")
    assert drift("Deployment") == before + 1


def test_what_a_person_adds_beside_ours_stays(cluster: MemoryCluster, paper: dict[str, Any], look: Look) -> None:
    cluster.tradingbot(paper)
    look()
    template = cluster.one("Deployment", "btc-bot")["spec"]["template"]
    template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = "now"
    look()
    template = cluster.one("Deployment", "btc-bot")["spec"]["template"]
    assert template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] == "now"


def test_a_change_of_settings_is_no_drift(cluster: MemoryCluster, paper: dict[str, Any], look: Look) -> None:
    cluster.tradingbot(paper)
    look()
    before = drift("ConfigMap")
    cluster.tradingbot({**paper, "exits": {"takeProfitPct": 3}}, generation=2)
    look()
    assert cluster.one("ConfigMap", "btc-settings")["data"]["TAKE_PROFIT_PCT"] == "3"
    assert drift("ConfigMap") == before


def test_what_is_no_longer_wanted_is_pruned_but_never_a_volume(
    cluster: MemoryCluster, paper: dict[str, Any], look: Look
) -> None:
    cluster.monitors = True
    cluster.tradingbot(paper)
    look()
    assert cluster.names("ServiceMonitor") == ["btc-bot", "btc-bridge"]
    changed = {"monitoring": {"serviceMonitor": {"enabled": False}}, "state": {"existingClaim": "mine"}}
    cluster.put({"kind": "PersistentVolumeClaim", "metadata": {"namespace": NAMESPACE, "name": "mine"}, "spec": {}})
    cluster.tradingbot({**paper, **changed}, generation=2)
    look()
    assert cluster.names("ServiceMonitor") == []
    assert cluster.names("PersistentVolumeClaim") == ["btc-state", "mine"]


def test_a_volume_that_would_be_deleted_with_the_bot_is_still_not_pruned(
    cluster: MemoryCluster, paper: dict[str, Any], look: Look
) -> None:
    cluster.tradingbot({**paper, "state": {"reclaimPolicy": "Delete"}})
    look()
    cluster.put({"kind": "PersistentVolumeClaim", "metadata": {"namespace": NAMESPACE, "name": "mine"}, "spec": {}})
    cluster.tradingbot({**paper, "state": {"reclaimPolicy": "Delete", "existingClaim": "mine"}}, generation=2)
    look()
    assert cluster.names("PersistentVolumeClaim") == ["btc-state", "mine"]


def test_a_copy_with_our_owner_reference_is_reported_and_left_alone(
    cluster: MemoryCluster, paper: dict[str, Any], look: Look
) -> None:
    cluster.tradingbot(paper)
    look()
    copied = copy.deepcopy(cluster.one("Deployment", "btc-bot"))
    copied["metadata"]["name"] = "btc-copy"
    cluster.put(copied)
    with pytest.raises(Retryable, match="Deployment btc-copy: it has this TradingBot as its owner"):
        look()
    assert "btc-copy" in cluster.names("Deployment")
    assert verbs(cluster, "delete") == []
    assert reason(cluster) == "ReconcileFailed"


def test_an_object_of_ours_that_lost_its_labels_is_found_though_the_spec_cannot_be_read(
    cluster: MemoryCluster, live: dict[str, Any], api_keys: dict[str, bytes], look: Look
) -> None:
    cluster.put_secret("coinbase", api_keys)
    cluster.tradingbot(live)
    look()
    cluster.roll_out()
    del cluster.one("Deployment", "btc-bot")["metadata"]["labels"]
    metadata = {"finalizers": [FINALIZER], "deletionTimestamp": "2026-01-02T03:00:00Z", "generation": 2}
    cluster.tradingbot({**live, "strategy": {"maFast": 40}}, **metadata)
    look()
    assert cluster.one("TradingBot", "btc")["metadata"]["finalizers"] == [FINALIZER]


def test_a_finalizer_added_by_someone_else_meanwhile_is_not_lost(
    cluster: MemoryCluster,
    live: dict[str, Any],
    api_keys: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    look: Look,
) -> None:
    cluster.put_secret("coinbase", api_keys)
    cluster.tradingbot(live)
    patch = cluster.patch

    async def someone_was_faster(kind: str, namespace: str, name: str, change: dict[str, Any]) -> dict[str, Any]:
        theirs = cluster.one("TradingBot", "btc")["metadata"]
        theirs["finalizers"] = ["example.org/theirs"]
        theirs["resourceVersion"] = "another"
        return await patch(kind, namespace, name, change)

    monkeypatch.setattr(cluster, "patch", someone_was_faster)
    with pytest.raises(Retryable, match="conflict"):
        look()
    monkeypatch.undo()
    look()
    assert cluster.one("TradingBot", "btc")["metadata"]["finalizers"] == ["example.org/theirs", FINALIZER]


def test_service_monitors_are_made_once_their_definition_appears(
    cluster: MemoryCluster, paper: dict[str, Any], look: Look
) -> None:
    cluster.tradingbot(paper)
    look()
    assert reason(cluster, "MonitoringReady") == "ServiceMonitorCRDMissing"
    cluster.monitors = True
    look()
    assert cluster.names("ServiceMonitor") == ["btc-bot", "btc-bridge"]
    assert reason(cluster, "MonitoringReady") == "Applied"


def test_someone_elses_deployment_is_left_alone(cluster: MemoryCluster, paper: dict[str, Any], look: Look) -> None:
    theirs = {"kind": "Deployment", "metadata": {"namespace": NAMESPACE, "name": "btc-bot"}, "spec": {"replicas": 7}}
    cluster.put(theirs)
    cluster.tradingbot(paper)
    look()
    assert cluster.one("Deployment", "btc-bot")["spec"] == {"replicas": 7}
    assert cluster.names("Deployment") == ["btc-bot"]
    assert reason(cluster) == "NameTaken"


def test_an_invalid_spec_changes_no_running_bot(cluster: MemoryCluster, paper: dict[str, Any], look: Look) -> None:
    cluster.tradingbot(paper)
    look()
    cluster.requests.clear()
    cluster.tradingbot({**paper, "strategy": {"maFast": 40}}, generation=2)
    look()
    assert verbs(cluster, "apply", "delete") == []
    assert reason(cluster) == "InvalidSpec"
    assert "maFast" in condition(cluster.one("TradingBot", "btc")["status"], "Ready")["message"]


def test_a_missing_secret_leaves_running_pods_alone_and_is_reported(
    cluster: MemoryCluster, live: dict[str, Any], api_keys: dict[str, bytes], look: Look
) -> None:
    cluster.put_secret("coinbase", api_keys)
    cluster.tradingbot(live)
    look()
    before = copy.deepcopy(cluster.one("Deployment", "btc-bridge")["spec"])
    del cluster.objects["Secret", NAMESPACE, "coinbase"]
    look()
    assert cluster.one("Deployment", "btc-bridge")["spec"] == before
    assert reason(cluster, "CredentialsValid") == "SecretMissing"
    cluster.put_secret("coinbase", {**api_keys, "COINBASE_API_PRIVATE_KEY": b"rotated"})
    look()
    assert cluster.one("Deployment", "btc-bridge")["spec"] != before
    assert reason(cluster, "CredentialsValid") == "Present"


def test_a_refusing_api_server_is_reported_and_tried_again(
    cluster: MemoryCluster, paper: dict[str, Any], look: Look
) -> None:
    cluster.tradingbot(paper)
    cluster.refused = {("apply", "Service"): "no rights"}
    with pytest.raises(Retryable, match="no rights"):
        look()
    assert reason(cluster) == "ReconcileFailed"
    with pytest.raises(Retryable):
        look()
    reasons = [obj["reason"] for (kind, _, _), obj in cluster.objects.items() if kind == "Event"]
    assert reasons.count("ReconcileFailed") == 1


def test_hands_off_is_said_once_and_nothing_is_touched(
    cluster: MemoryCluster, paper: dict[str, Any], look: Look, reconciler: Reconciler
) -> None:
    cluster.tradingbot(paper)
    look()
    cluster.requests.clear()
    cluster.tradingbot(paper, annotations={RECONCILE: "disabled"}, generation=2)
    look()
    look()
    assert verbs(cluster, "apply", "patch", "delete") == []
    assert len(verbs(cluster, "patch_status")) == 1
    status = cluster.one("TradingBot", "btc")["status"]
    for kind in ("Ready", "Degraded"):
        assert (condition(status, kind)["status"], condition(status, kind)["reason"]) == (
            "Unknown",
            "ReconcileDisabled",
        )
    assert reconciler.known == {}


def test_suspending_scales_down_and_keeps_volume_and_tokens(
    cluster: MemoryCluster, paper: dict[str, Any], look: Look
) -> None:
    cluster.tradingbot(paper)
    look()
    tokens = cluster.one("Secret", "btc-tokens")["data"]
    cluster.tradingbot({**paper, "suspend": True}, generation=2)
    look()
    assert cluster.one("Deployment", "btc-bot")["spec"]["replicas"] == 0
    assert cluster.one("Secret", "btc-tokens")["data"] == tokens
    assert cluster.names("PersistentVolumeClaim") == ["btc-state"]
    assert reason(cluster) == "Suspended"


def test_a_lost_event_does_not_hold_a_tradingbot_back(
    cluster: MemoryCluster, paper: dict[str, Any], look: Look
) -> None:
    cluster.tradingbot(paper)
    cluster.refused = {("create", "Event"): "no rights"}
    look()
    assert reason(cluster) == "BridgeNotReady"


def test_unwise_settings_are_warned_about_in_the_status(
    cluster: MemoryCluster, paper: dict[str, Any], look: Look
) -> None:
    cluster.tradingbot({**paper, "exits": {"takeProfitPct": 0.1}})
    look()
    assert "does not cover the fees" in cluster.one("TradingBot", "btc")["status"]["warnings"][0]


def test_a_tradingbot_that_is_gone_is_forgotten(
    reconciler: Reconciler, cluster: MemoryCluster, paper: dict[str, Any], look: Look
) -> None:
    cluster.tradingbot(paper)
    look()
    del cluster.objects["TradingBot", NAMESPACE, "btc"]
    look()
    assert reconciler.known == {}


def test_figures_are_taken_in_without_a_look_at_the_cluster(
    cluster: MemoryCluster, paper: dict[str, Any], look: Look, hear: Hear
) -> None:
    cluster.tradingbot(paper)
    look()
    cluster.roll_out()
    look()
    cluster.requests.clear()
    hear(open_lots=1)
    assert {kind for _, kind, _ in verbs(cluster, "get", "list", "apply")} == set()
    status = cluster.one("TradingBot", "btc")["status"]
    assert (status["openLots"], condition(status, "Ready")["status"]) == (1, "True")


def test_drifting_figures_are_written_at_most_every_thirty_seconds(
    cluster: MemoryCluster, paper: dict[str, Any], clock: Clock, look: Look, hear: Hear
) -> None:
    cluster.tradingbot(paper)
    look()
    hear()
    written = len(verbs(cluster, "patch_status"))
    for step in range(1, 7):
        clock.advance(10)
        hear(equity_usd=str(1000 + step))
    assert len(verbs(cluster, "patch_status")) == written + 2
    hear(equity_usd="1006", open_lots=5)
    assert len(verbs(cluster, "patch_status")) == written + 3
