"""What is newer than a cluster is not asked of it, and the TradingBot says what was chosen instead."""

from __future__ import annotations

from typing import Any

import pytest

from cbbot_operator.access_mode import ASKED_MODE
from cbbot_operator.conditions import condition
from cbbot_operator.keys import Key
from cbbot_operator.reconciler import Reconciler
from unit.operator.memory_cluster import MemoryCluster, Run

CLAIM = "btc-state"


@pytest.fixture
def single_pod(paper: dict[str, Any]) -> dict[str, Any]:
    return {**paper, "state": {"accessMode": "ReadWriteOncePod"}}


def modes(cluster: MemoryCluster) -> list[str]:
    given: list[str] = cluster.one("PersistentVolumeClaim", CLAIM)["spec"]["accessModes"]
    return given


@pytest.mark.parametrize(("version", "mode"), [((1, 20), "ReadWriteOnce"), ((1, 27), "ReadWriteOncePod")])
def test_a_claim_gets_the_mode_that_the_cluster_has(
    run: Run,
    key: Key,
    cluster: MemoryCluster,
    reconciler: Reconciler,
    single_pod: dict[str, Any],
    version: tuple[int, int],
    mode: str,
) -> None:
    cluster.kubernetes = version
    cluster.tradingbot(single_pod)
    run(reconciler.reconcile(key))
    assert modes(cluster) == [mode]


def test_a_claim_keeps_its_mode_when_the_cluster_learns_the_other(
    run: Run, key: Key, cluster: MemoryCluster, reconciler: Reconciler, single_pod: dict[str, Any]
) -> None:
    cluster.kubernetes = (1, 20)
    cluster.tradingbot(single_pod)
    run(reconciler.reconcile(key))
    cluster.one("PersistentVolumeClaim", CLAIM)["status"] = {"phase": "Bound"}
    cluster.kubernetes = (1, 30)
    run(reconciler.reconcile(key))
    assert modes(cluster) == ["ReadWriteOnce"]
    assert cluster.one("PersistentVolumeClaim", CLAIM)["metadata"]["annotations"][ASKED_MODE] == "ReadWriteOncePod"
    bound = condition(cluster.one("TradingBot", "btc")["status"], "StorageBound")
    assert bound["message"] == (
        "PersistentVolumeClaim btc-state; it is ReadWriteOnce: ReadWriteOncePod needs Kubernetes 1.27, and the "
        "cluster was older when the claim was made"
    )


def test_a_bot_that_asks_for_nothing_new_costs_no_question(
    run: Run, key: Key, cluster: MemoryCluster, reconciler: Reconciler, paper: dict[str, Any]
) -> None:
    cluster.tradingbot(paper)
    run(reconciler.reconcile(key))
    assert ("get", "Version", "") not in cluster.requests


def test_the_younger_of_two_bots_on_one_claim_is_refused(
    run: Run, cluster: MemoryCluster, reconciler: Reconciler, paper: dict[str, Any]
) -> None:
    spec = {**paper, "state": {"existingClaim": "mine"}}
    head = {"namespace": "trading", "name": "mine"}
    cluster.put({"kind": "PersistentVolumeClaim", "metadata": head, "spec": {"accessModes": ["ReadWriteOnce"]}})
    for name, day in (("old", 1), ("new", 2)):
        cluster.tradingbot(spec, name=name, uid=name, creationTimestamp=f"2026-01-0{day}T00:00:00Z")
        run(reconciler.reconcile(Key("trading", name)))
    assert condition(cluster.one("TradingBot", "new")["status"], "Ready")["reason"] == "ClaimInUse"
    assert condition(cluster.one("TradingBot", "old")["status"], "Ready")["reason"] != "ClaimInUse"


def test_another_bots_own_claim_is_refused_however_old_one_is(
    run: Run, cluster: MemoryCluster, reconciler: Reconciler, paper: dict[str, Any]
) -> None:
    cluster.tradingbot(paper, name="eth", uid="eth", creationTimestamp="2026-01-03T00:00:00Z")
    run(reconciler.reconcile(Key("trading", "eth")))
    spec = {**paper, "state": {"existingClaim": "eth-state"}}
    cluster.tradingbot(spec, creationTimestamp="2026-01-01T00:00:00Z")
    run(reconciler.reconcile(Key("trading", "btc")))
    assert condition(cluster.one("TradingBot", "btc")["status"], "Ready")["reason"] == "ClaimInUse"
