"""What a look costs: requests, reading, rendering, memory."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from prometheus_client import REGISTRY

from cbbot_operator import gather, wanted
from cbbot_operator.configuration import Configuration
from cbbot_operator.reconciler import Reconciler
from cbbot_operator.watch_cache import WatchCache
from unit.operator.memory_cluster import KEY, Clock, Look, MemoryCluster, Run

NAMESPACE = "trading"


def children(cluster: MemoryCluster) -> int:
    return sum(kind not in ("TradingBot", "Event") for kind, _, _ in cluster.objects)


def put(result: str) -> float:
    return REGISTRY.get_sample_value("cbbot_operator_children_total", {"result": result}) or 0


def test_a_new_tradingbot_takes_a_request_for_each_child_and_two(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look
) -> None:
    cluster.monitors = True
    cluster.tradingbot(paper)
    watched_look()
    asked = [request for request in cluster.requests if request != ("get", "Namespace", NAMESPACE)]
    assert children(cluster) == 12
    assert len(asked) == 12 + 2
    assert sorted({verb for verb, _, _ in asked}) == ["apply", "create", "patch_status"]


def test_a_child_that_was_just_made_is_kept_once(
    cluster: MemoryCluster,
    paper: dict[str, Any],
    cache: WatchCache,
    watching_reconciler: Reconciler,
    watched_look: Look,
) -> None:
    cluster.tradingbot(paper)
    watched_look()
    seen = watching_reconciler.known[KEY].seen
    kept = cache.around(KEY, {kind for kind, _ in seen.children})
    assert len(seen.children) == children(cluster)
    assert [entry for entry, child in seen.children.items() if child is not kept[entry].obj] == []
    resource = cache.resource(KEY)
    assert resource is not None
    assert seen.resource["status"] is resource["status"]
    assert seen.written is resource["spec"]


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What of the expensive parts of a look was done."""
    done: list[str] = []

    def count(module: ModuleType, name: str) -> None:
        real = getattr(module, name)

        def counted(given: Any) -> Any:
            done.append(name)
            return real(given)

        monkeypatch.setattr(module, name, counted)

    count(wanted, "render")
    count(gather, "read_spec")
    return done


def test_a_look_at_what_nobody_changed_reads_and_renders_nothing(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look, worked: list[str]
) -> None:
    cluster.tradingbot(paper)
    watched_look()
    worked.clear()
    cluster.roll_out()
    watched_look()
    assert worked == []
    cluster.edit("TradingBot", "btc")["spec"] = {**paper, "exits": {"takeProfitPct": 3}}
    watched_look()
    assert worked.count("read_spec") == 1
    assert worked.count("render") == 2  # to see what differs, and to put it


def test_an_operator_that_starts_reads_and_renders_each_tradingbot_once(
    run: Run,
    cluster: MemoryCluster,
    configuration: Configuration,
    clock: Clock,
    paper: dict[str, Any],
    cache: WatchCache,
    watched_look: Look,
    worked: list[str],
) -> None:
    cluster.tradingbot(paper)
    watched_look()
    worked.clear()
    run(Reconciler(cluster, configuration, clock, cache=cache).reconcile(KEY))
    assert sorted(worked) == ["read_spec", "render"]


def test_where_nothing_changed_nothing_is_asked(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look
) -> None:
    cluster.tradingbot(paper)
    watched_look()
    cluster.roll_out()
    watched_look()
    cluster.requests.clear()
    before = put("unchanged")
    watched_look()
    assert cluster.requests == []
    assert put("unchanged") == before + children(cluster)
