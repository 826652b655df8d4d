"""What is said of pods that do not become ready is read when they are late, and seldom then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cbbot_operator.judgement import condition
from cbbot_operator.keys import Key, labels
from unit.operator.memory_cluster import Clock, Look, MemoryCluster


@pytest.fixture
def slow_pod(cluster: MemoryCluster, paper: dict[str, Any], clock: Clock, key: Key) -> None:
    created = (clock.now - timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = {"namespace": key.namespace, "name": "slow", "labels": labels(key.name, "bot")}
    cluster.tradingbot(paper)
    cluster.put({"kind": "Pod", "metadata": {**metadata, "creationTimestamp": created}})


def asked(cluster: MemoryCluster) -> int:
    return sum(request[:2] == ("list", "Event") for request in cluster.requests)


@pytest.mark.usefixtures("slow_pod")
def test_warnings_are_read_once_a_pod_is_late_and_once_a_minute_then(
    cluster: MemoryCluster, clock: Clock, look: Look
) -> None:
    counts = []
    for seconds in (0, 40, 10, 40, 15):
        clock.advance(seconds)
        look()
        counts.append(asked(cluster))
    assert counts == [0, 1, 1, 1, 2]


@pytest.mark.usefixtures("slow_pod")
def test_a_pod_that_became_ready_costs_no_question(cluster: MemoryCluster, clock: Clock, look: Look) -> None:
    look()
    pod = cluster.one("Pod", "slow")
    pod["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    clock.advance(600)
    look()
    assert asked(cluster) == 0


@pytest.mark.usefixtures("slow_pod")
def test_what_keeps_a_claim_from_being_bound_is_said_and_events_that_cannot_be_read_hold_nothing_back(
    cluster: MemoryCluster, clock: Clock, look: Look
) -> None:
    look()
    cluster.edit("PersistentVolumeClaim", "btc-state")["status"] = {"phase": "Pending"}
    about = {"involvedObject": {"name": "btc-state"}, "type": "Warning", "reason": "ProvisioningFailed"}
    metadata = {"namespace": "trading", "name": "btc-state.1"}
    cluster.put({"kind": "Event", "metadata": metadata, "message": 'storageclass "fast" not found', **about})
    clock.advance(40)
    look()
    found = condition(cluster.one("TradingBot", "btc")["status"], "StorageBound")
    assert (found["reason"], found["message"]) == (
        "Pending",
        'PersistentVolumeClaim btc-state is Pending: ProvisioningFailed: storageclass "fast" not found',
    )
    cluster.refused = {("list", "Event"): "no rights"}
    clock.advance(61)
    look()
    found = condition(cluster.one("TradingBot", "btc")["status"], "StorageBound")
    assert found["message"].endswith("see kubectl describe pvc btc-state")
