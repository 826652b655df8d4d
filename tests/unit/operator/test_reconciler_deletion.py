"""A live bot that a person has deleted: held while it has lots, cared for until it is let go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cbbot_operator.keys import FINALIZER, Key
from cbbot_operator.reconciler import Reconciler
from unit.operator.memory_cluster import Hear, Look, MemoryCluster, reason

NAMESPACE = "trading"


@pytest.fixture
def held(cluster: MemoryCluster, live: dict[str, Any], api_keys: dict[str, bytes], look: Look, hear: Hear) -> None:
    """A live bot with two lots that a person has deleted."""
    cluster.put_secret("coinbase", api_keys)
    cluster.tradingbot(live)
    look()
    hear(open_lots=2, mode="live")
    cluster.one("TradingBot", "btc")["metadata"]["deletionTimestamp"] = "2026-01-02T03:00:00Z"
    look()


def finalizers(cluster: MemoryCluster) -> list[str]:
    return list(cluster.one("TradingBot", "btc")["metadata"]["finalizers"])


@pytest.mark.usefixtures("held")
def test_it_is_held_and_says_so(cluster: MemoryCluster) -> None:
    assert finalizers(cluster) == [FINALIZER]
    assert reason(cluster, "PositionsOpen") == "DeletionRefused"
    assert "DeletionRefused" in [obj.get("reason") for obj in cluster.objects.values() if obj["kind"] == "Event"]


@pytest.mark.usefixtures("held")
def test_it_is_still_cared_for_while_held(reconciler: Reconciler, cluster: MemoryCluster, key: Key, look: Look) -> None:
    del cluster.objects["Deployment", NAMESPACE, "btc-bot"]
    with pytest.raises(KeyError):
        cluster.one("Deployment", "btc-bot")
    reconciler.known[key].seen = replace(reconciler.known[key].seen, report=None)
    cluster.put(
        {
            "kind": "Deployment",
            "metadata": {
                "namespace": NAMESPACE,
                "name": "btc-bot",
                "labels": {"app.kubernetes.io/managed-by": "cbbot-operator", "cbbot.io/tradingbot": "btc"},
            },
            "spec": {"replicas": 0},
        }
    )
    look()
    assert cluster.one("Deployment", "btc-bot")["spec"]["replicas"] == 1


@pytest.mark.usefixtures("held")
def test_it_goes_when_flat(cluster: MemoryCluster, look: Look, hear: Hear) -> None:
    hear(open_lots=0, mode="live")
    look()
    assert finalizers(cluster) == []


@pytest.mark.usefixtures("held")
def test_other_peoples_finalizers_stay(cluster: MemoryCluster, look: Look) -> None:
    cluster.terminating = True
    cluster.one("TradingBot", "btc")["metadata"]["finalizers"].append("example.org/theirs")
    look()
    assert finalizers(cluster) == ["example.org/theirs"]


def test_turning_to_paper_takes_the_finalizer_away(
    cluster: MemoryCluster, live: dict[str, Any], api_keys: dict[str, bytes], look: Look
) -> None:
    cluster.put_secret("coinbase", api_keys)
    cluster.tradingbot(live)
    look()
    assert finalizers(cluster) == [FINALIZER]
    cluster.tradingbot({**live, "mode": "Paper"}, generation=2, finalizers=[FINALIZER])
    look()
    assert finalizers(cluster) == []
