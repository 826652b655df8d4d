"""API servers that make Services in a way of their own, as those before 1.24 do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from cbbot.errors import Refused, Retryable
from cbbot_operator.configuration import Configuration
from cbbot_operator.keys import Key
from cbbot_operator.kinds import CACHED
from cbbot_operator.reconciler import Reconciler
from cbbot_operator.watch_cache import WatchCache
from unit.operator.memory_cluster import Clock, MemoryCluster, Run, reason

NAMESPACE = "trading"
SERVICE = "btc-bot"


class OldCluster(MemoryCluster):
    """It answers as Kubernetes 1.20 does."""

    async def apply(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        metadata = dict(obj["metadata"])
        there = (obj["kind"], metadata["namespace"], metadata["name"]) in self.objects
        if obj["kind"] == "Service" and not there and "resourceVersion" in metadata:
            self.requests.append(("apply", "Service", metadata["name"]))
            await asyncio.sleep(0)  # the TradingBot's other Service is asked for meanwhile
            raise Retryable("resourceVersion should not be set on objects to be created")
        if metadata.pop("deletionGracePeriodSeconds", None) is not None and there:
            self.requests.append(("apply", obj["kind"], metadata["name"]))
            raise Refused("422", "metadata.deletionGracePeriodSeconds: Invalid value: 0: field is immutable")
        return await super().apply({**obj, "metadata": metadata})


@pytest.fixture
def old_cluster() -> OldCluster:
    return OldCluster()


@pytest.fixture
def reconciler(run: Run, old_cluster: OldCluster, configuration: Configuration, clock: Clock) -> Reconciler:
    """It has made a TradingBot already, and looks through a cache."""
    cache = WatchCache()
    run(cache.list_anew(old_cluster, CACHED, [NAMESPACE]))
    made = Reconciler(old_cluster, configuration, clock, cache=cache)
    create(run, old_cluster, made, "first")
    return made


def create(run: Run, cluster: OldCluster, reconciler: Reconciler, name: str) -> list[tuple[str, str, str]]:
    """Make a TradingBot; the requests that it took."""
    reconciler.cache.take("TradingBot", cluster.tradingbot({"product": {"id": "BTC-USD"}}, name=name, uid=name))
    before = len(cluster.requests)
    run(reconciler.reconcile(Key(NAMESPACE, name)))
    return cluster.requests[before:]


def test_a_service_is_made_by_one_request(run: Run, old_cluster: OldCluster, reconciler: Reconciler) -> None:
    asked = [request for request in create(run, old_cluster, reconciler, "btc") if request[1] != "Namespace"]
    made = [
        kind for kind, _, name in old_cluster.objects if name.startswith("btc") and kind not in ("TradingBot", "Event")
    ]
    assert made.count("Service") == 2
    assert len(asked) == len(made) + 2
    assert "get" not in {verb for verb, _, _ in asked}


def test_a_service_of_somebody_else_is_not_taken_over(
    run: Run, old_cluster: OldCluster, reconciler: Reconciler
) -> None:
    theirs = {"metadata": {"namespace": NAMESPACE, "name": SERVICE}, "spec": {"selector": {"app": "theirs"}}}
    old_cluster.put({"kind": "Service", **theirs})
    create(run, old_cluster, reconciler, "btc")
    assert old_cluster.one("Service", SERVICE)["spec"] == theirs["spec"]
    assert reason(old_cluster) == "NameTaken"


def test_a_service_of_ours_that_no_watch_has_shown_is_taken_over(
    run: Run, old_cluster: OldCluster, reconciler: Reconciler
) -> None:
    marks = {"app.kubernetes.io/managed-by": "cbbot-operator", "cbbot.io/tradingbot": "btc"}
    old_cluster.put({"kind": "Service", "metadata": {"namespace": NAMESPACE, "name": SERVICE, "labels": marks}})
    create(run, old_cluster, reconciler, "btc")
    assert old_cluster.one("Service", SERVICE)["spec"]["ports"]
