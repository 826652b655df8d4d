"""Two bots that trade one product with one API key: both say so, for as long as both are there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cbbot_operator.judgement import condition
from cbbot_operator.keys import Key
from cbbot_operator.observed import Report
from cbbot_operator.reconciler import Reconciler
from unit.operator.memory_cluster import API_KEYS, Clock, MakeStatus, MemoryCluster, Run

FIRST, SECOND = Key("trading", "btc"), Key("elsewhere", "btc-again")


@pytest.fixture
def two(cluster: MemoryCluster, live: dict[str, Any]) -> MemoryCluster:
    for key in (FIRST, SECOND):
        cluster.put_secret("coinbase", API_KEYS, namespace=key.namespace)
        make(cluster, key, live)
    return cluster


def make(cluster: MemoryCluster, key: Key, spec: dict[str, Any], **metadata: Any) -> None:
    named = {"namespace": key.namespace, "name": key.name, "uid": f"{key.name}-uid", **metadata}
    cluster.put({"kind": "TradingBot", "metadata": named, "spec": spec})


def degraded(cluster: MemoryCluster, key: Key) -> dict[str, Any]:
    found: dict[str, Any] = condition(cluster.objects["TradingBot", *key]["status"], "Degraded")
    return found


def test_both_say_it_with_an_event_and_neither_once_one_has_gone(
    run: Run, two: MemoryCluster, reconciler: Reconciler, clock: Clock, bot_status: MakeStatus
) -> None:
    for key in (FIRST, SECOND):
        run(reconciler.reconcile(key))
    clock.advance(10)
    run(reconciler.refresh(FIRST, Report(clock(), bot_status())))
    for key, other in ((FIRST, SECOND), (SECOND, FIRST)):
        found = degraded(two, key)
        assert (found["status"], found["reason"]) == ("True", "AccountShared")
        assert f"{other} trades BTC-USD with the same API key" in found["message"]
    events = [obj for obj in two.objects.values() if obj.get("reason") == "AccountShared"]
    assert sorted((obj["type"], obj["involvedObject"]["name"]) for obj in events) == [
        ("Warning", "btc"),
        ("Warning", "btc-again"),
    ]
    del two.objects["TradingBot", *SECOND]
    run(reconciler.reconcile(SECOND))
    clock.advance(10)
    run(reconciler.refresh(FIRST, Report(clock(), bot_status())))
    assert degraded(two, FIRST)["reason"] == "AsExpected"


@pytest.mark.parametrize(
    "change",
    [{"mode": "Paper"}, {"product": {"id": "ETH-USD"}}, {"exchange": {"venue": "Simulator"}}],
)
def test_another_product_paper_or_the_simulator_share_nothing(
    run: Run, two: MemoryCluster, reconciler: Reconciler, live: dict[str, Any], change: dict[str, Any]
) -> None:
    make(two, SECOND, {**live, **change})
    for key in (FIRST, SECOND, FIRST):
        run(reconciler.reconcile(key))
    assert degraded(two, FIRST)["reason"] == "AsExpected"


def test_another_key_shares_nothing(run: Run, two: MemoryCluster, reconciler: Reconciler) -> None:
    two.put_secret("coinbase", {**API_KEYS, "COINBASE_API_KEY_NAME": b"mine"}, namespace=SECOND.namespace)
    for key in (FIRST, SECOND, FIRST):
        run(reconciler.reconcile(key))
    assert degraded(two, FIRST)["reason"] == "AsExpected"


def test_it_is_not_said_for_ever_once_one_trades_something_else(
    run: Run, two: MemoryCluster, reconciler: Reconciler, live: dict[str, Any], clock: Clock
) -> None:
    for key in (FIRST, SECOND, FIRST):
        run(reconciler.reconcile(key))
    assert degraded(two, FIRST)["reason"] == "AccountShared"
    make(two, SECOND, {**live, "deletionPolicy": "Orphan", "mode": "Paper"}, generation=2)
    clock.now += timedelta(minutes=1)
    for key in (SECOND, FIRST):
        run(reconciler.reconcile(key))
    assert degraded(two, FIRST)["reason"] == "AsExpected"
