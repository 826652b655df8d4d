from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from cbbot.errors import Refused
from cbbot_operator.bounded_answers import AnswerTooLarge
from cbbot_operator.keys import Key
from cbbot_operator.kinds import CACHED, KINDS
from cbbot_operator.operating import queue_gone
from cbbot_operator.watch_cache import WatchCache
from cbbot_operator.workqueue import WorkQueue
from unit.operator.memory_cluster import KEY, Look, MemoryCluster, Run

NAMESPACE = "trading"
DEPLOYMENT = "Deployment", "btc-bot"


@pytest.fixture
def cache(run: Run, cluster: MemoryCluster, paper: dict[str, Any], look: Look) -> WatchCache:
    """Of a cluster in which a TradingBot has its children."""
    cluster.tradingbot(paper)
    look()
    cache = WatchCache()
    run(cache.list_anew(cluster, CACHED, [NAMESPACE]))
    return cache


def version_of(cache: WatchCache) -> str:
    return str(cache.around(KEY, ["Deployment"])[DEPLOYMENT].obj["metadata"]["resourceVersion"])


def newer(obj: dict[str, Any], by: int = 1) -> dict[str, Any]:
    changed = copy.deepcopy(obj)
    changed["metadata"]["resourceVersion"] = str(int(obj["metadata"]["resourceVersion"]) + by)
    return changed


def test_a_listing_in_several_pages_shows_everything(cache: WatchCache, cluster: MemoryCluster) -> None:
    assert cache.resources() == [KEY]
    shown = {entry for kind in CACHED for entry in cache.around(KEY, [kind.name])}
    there = {(kind, name) for kind, _, name in cluster.objects if KINDS[kind] in CACHED}
    assert shown == there
    assert len(shown) == 11


def test_whose_they_are_is_kept_once_for_all_children(cache: WatchCache) -> None:
    metadata = [found.obj["metadata"] for found in cache.around(KEY, [kind.name for kind in CACHED]).values()]
    owned = [child["ownerReferences"] for child in metadata if "ownerReferences" in child]
    assert len(owned) > 5
    assert len({id(owners) for owners in owned}) == 1


def test_what_is_not_listed_is_not_held_and_always_news(cluster: MemoryCluster, cache: WatchCache) -> None:
    assert not cache.holds("Deployment", "elsewhere")
    deployment = copy.deepcopy(cluster.one(*DEPLOYMENT))
    deployment["metadata"]["namespace"] = "elsewhere"
    assert cache.take("Deployment", deployment)
    assert cache.around(Key("elsewhere", "btc"), ["Deployment"]) == {}


def test_an_answer_of_our_own_is_no_news_when_the_watch_brings_it(cluster: MemoryCluster, cache: WatchCache) -> None:
    changed = newer(cluster.one(*DEPLOYMENT))
    changed["spec"]["replicas"] = 0
    assert cache.take("Deployment", changed)
    assert not cache.take("Deployment", changed)


def test_an_older_object_that_comes_later_changes_nothing(cluster: MemoryCluster, cache: WatchCache) -> None:
    cache.take("Deployment", newer(cluster.one(*DEPLOYMENT), by=7))
    before = version_of(cache)
    assert not cache.take("Deployment", newer(cluster.one(*DEPLOYMENT), by=3))
    assert version_of(cache) == before


def test_a_version_that_changes_nothing_anybody_reads_is_kept_and_is_no_news(
    cluster: MemoryCluster, cache: WatchCache
) -> None:
    changed = newer(cluster.one(*DEPLOYMENT))
    changed["metadata"]["annotations"] |= {"deployment.kubernetes.io/revision": "2"}
    assert not cache.take("Deployment", changed)
    assert version_of(cache) == changed["metadata"]["resourceVersion"]


def test_a_deletion_removes_the_object_but_not_the_one_made_since(cluster: MemoryCluster, cache: WatchCache) -> None:
    gone = cluster.one(*DEPLOYMENT)
    again = newer(gone)
    again["metadata"]["uid"] = "another"
    cache.take("Deployment", again)
    cache.drop("Deployment", gone)
    assert DEPLOYMENT in cache.around(KEY, ["Deployment"])
    cache.drop("Deployment", again)
    assert DEPLOYMENT not in cache.around(KEY, ["Deployment"])


def test_an_answer_that_comes_after_the_end_of_its_object_brings_nothing_back(
    cluster: MemoryCluster, cache: WatchCache
) -> None:
    gone = newer(cluster.one(*DEPLOYMENT), by=5)
    cache.drop("Deployment", gone)
    assert not cache.take("Deployment", newer(cluster.one(*DEPLOYMENT), by=4))
    assert DEPLOYMENT not in cache.around(KEY, ["Deployment"])
    # To the watch it ended as well when it only lost its label, and then it comes back.
    assert cache.take("Deployment", newer(gone))
    assert DEPLOYMENT in cache.around(KEY, ["Deployment"])


def test_pages_that_are_too_large_are_asked_for_smaller(
    run: Run, cluster: MemoryCluster, cache: WatchCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = cluster.page

    async def large(kind: str, namespace: str | None, selector: str, limit: int, token: str) -> Any:
        if kind == "ConfigMap" and limit > 5:
            raise AnswerTooLarge("the answer is longer than 16000000 bytes")
        return await page(kind, namespace, selector, limit, token)

    monkeypatch.setattr(cluster, "page", large)
    del cluster.objects["ConfigMap", NAMESPACE, "btc-settings"]
    run(cache.list_anew(cluster, CACHED, [NAMESPACE]))
    assert cache.around(KEY, ["ConfigMap"]) == {}


def test_a_new_listing_forgets_what_is_gone(run: Run, cluster: MemoryCluster, cache: WatchCache) -> None:
    del cluster.objects["Deployment", NAMESPACE, "btc-bot"]
    run(cache.list_anew(cluster, CACHED, [NAMESPACE]))
    assert list(cache.around(KEY, ["Deployment"])) == [("Deployment", "btc-bridge")]


def test_whose_end_was_missed_is_looked_at_once_more(run: Run, cluster: MemoryCluster, cache: WatchCache) -> None:
    async def scenario() -> list[Key]:
        queue: WorkQueue[Key] = WorkQueue()
        known = cache.resources()
        del cluster.objects["TradingBot", NAMESPACE, "btc"]
        await cache.list_anew(cluster, CACHED, [NAMESPACE])
        queue_gone(cache, queue, known)
        return [(await queue.get())[0] for _ in range(len(queue))]

    assert run(scenario()) == [KEY]


def test_what_the_watch_brings_during_a_listing_is_not_forgotten(
    run: Run, cluster: MemoryCluster, cache: WatchCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = newer(cluster.one(*DEPLOYMENT))
    del cluster.objects["Deployment", NAMESPACE, "btc-bot"]
    page = cluster.page

    async def meanwhile(kind: str, *rest: Any) -> Any:
        found = await page(kind, *rest)
        if kind == "Deployment":
            cache.take("Deployment", kept)
        return found

    monkeypatch.setattr(cluster, "page", meanwhile)
    run(cache.list_anew(cluster, CACHED, [NAMESPACE]))
    assert DEPLOYMENT in cache.around(KEY, ["Deployment"])


def test_a_namespace_without_rights_is_not_held_and_the_others_are(
    run: Run, cluster: MemoryCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = cluster.page

    async def no_rights_there(kind: str, namespace: str | None, *rest: Any) -> Any:
        if namespace == "closed":
            raise Refused("403", "no rights")
        return await page(kind, namespace, *rest)

    monkeypatch.setattr(cluster, "page", no_rights_there)
    cache = WatchCache()
    run(cache.list_anew(cluster, CACHED, ["closed", NAMESPACE]))
    assert [cache.holds("Deployment", namespace) for namespace in ("closed", NAMESPACE)] == [False, True]


def test_neither_settings_nor_secrets_nor_pod_templates_are_kept(cluster: MemoryCluster, cache: WatchCache) -> None:
    cluster.put_secret("btc-tokens", {"bridge-token": b"t", "other": b"private"})
    secret = cluster.one("Secret", "btc-tokens")
    secret["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "cbbot-operator", "cbbot.io/tradingbot": "btc"}
    cache.take("Secret", secret)
    kept = json.dumps([found.obj for found in cache.around(KEY, [kind.name for kind in CACHED]).values()])
    for content in ("RISK_PER_TRADE_PCT", "containers", "other", "managedFields"):
        assert content not in kept


def test_a_tradingbot_that_is_gone_with_its_children_leaves_nothing(cluster: MemoryCluster, cache: WatchCache) -> None:
    for (kind, _, _), obj in cluster.objects.items():
        cache.drop(kind, obj)
    assert cache.resources() == []
    assert cache.around(KEY, [kind.name for kind in CACHED]) == {}
