"""Warning Events are read once for all who ask, in pages, and only those about pods and claims of ours are kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cbbot_operator.cluster import Page
from cbbot_operator.keys import Key, labels
from cbbot_operator.kinds import CACHED
from cbbot_operator.warning_events import MOST_PAGES, WarningEvents
from cbbot_operator.watch_cache import WatchCache
from unit.operator.memory_cluster import MemoryCluster, MonotonicClock, Run

BOTS = 300


@pytest.fixture
def monotonic() -> MonotonicClock:
    return MonotonicClock()


@pytest.fixture
def cache() -> WatchCache:
    return WatchCache()


@pytest.fixture
def events(cluster: MemoryCluster, cache: WatchCache, monotonic: MonotonicClock) -> WarningEvents:
    return WarningEvents(cluster, cache, 10, monotonic)


def event(about: str, number: int = 1, *, kind: str = "Warning", namespace: str = "trading") -> dict[str, Any]:
    return {
        "kind": "Event",
        "metadata": {"namespace": namespace, "name": f"{about}.{number}"},
        "type": kind,
        "involvedObject": {"kind": "Pod", "name": about},
        "reason": f"Reason{number}",
        "message": "why",
    }


def pages(cluster: MemoryCluster) -> int:
    return cluster.requests.count(("list", "Event", ""))


def reasons(found: tuple[Any, ...]) -> list[tuple[str, str]]:
    return [(each["involvedObject"]["name"], each["reason"]) for each in found]


def test_any_number_of_late_pods_costs_one_reading_of_their_namespace(
    run: Run, cluster: MemoryCluster, events: WarningEvents, monotonic: MonotonicClock
) -> None:
    for name in ("bot-1", "bot-2", "bot-3"):
        cluster.put(event(name))

    async def all_ask() -> list[Any]:
        return await asyncio.gather(*(events.about("trading", [f"bot-{number}"]) for number in range(BOTS)))

    found = run(all_ask())
    assert [reasons(each) for each in found[:4]] == [
        [],
        [("bot-1", "Reason1")],
        [("bot-2", "Reason1")],
        [("bot-3", "Reason1")],
    ]
    assert pages(cluster) == 2  # of two Events each
    monotonic.advance(9)
    run(all_ask())
    assert pages(cluster) == 2
    monotonic.advance(1)
    run(all_ask())
    assert pages(cluster) == 4


def test_only_warnings_of_that_namespace_about_these_names_are_told(
    run: Run, cluster: MemoryCluster, events: WarningEvents
) -> None:
    cluster.put(event("btc", 1))
    cluster.put(event("btc", 2))
    cluster.put(event("btc", 3, kind="Normal"))
    cluster.put(event("btc", 4, namespace="elsewhere"))
    cluster.put(event("eth", 5))
    cluster.put(event("sol", 6))
    assert reasons(run(events.about("trading", ["btc", "sol"]))) == [
        ("btc", "Reason1"),
        ("btc", "Reason2"),
        ("sol", "Reason6"),
    ]


def test_what_others_than_our_pods_are_warned_of_is_not_kept(
    run: Run, cluster: MemoryCluster, cache: WatchCache, events: WarningEvents, key: Key
) -> None:
    metadata = {"namespace": key.namespace, "name": "ours", "labels": labels(key.name, "bot")}
    cluster.put({"kind": "Pod", "metadata": metadata})
    run(cache.list_anew(cluster, CACHED, (key.namespace,)))
    cluster.put(event("ours"))
    cluster.put(event("a-stranger"))
    assert reasons(run(events.about(key.namespace, ["ours", "a-stranger"]))) == [("ours", "Reason1")]


def test_events_that_may_not_be_read_are_asked_for_once_and_explain_nothing(
    run: Run, cluster: MemoryCluster, events: WarningEvents, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.put(event("btc"))
    cluster.refused = {("list", "Event"): "no rights"}
    for _ in range(5):
        assert run(events.about("trading", ["btc"])) == ()
    assert pages(cluster) == 1
    assert [record.getMessage() for record in caplog.records] == ["warning Events were not read: no rights"]


def test_a_namespace_full_of_events_is_read_up_to_a_bound_and_the_log_says_so(
    run: Run, cluster: MemoryCluster, events: WarningEvents, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(2 * MOST_PAGES + 1):
        cluster.put(event(f"pod-{number:03}"))
    last = 2 * MOST_PAGES
    found = run(events.about("trading", ["pod-000", f"pod-{last - 1:03}", f"pod-{last:03}"]))
    assert reasons(found) == [("pod-000", "Reason1"), (f"pod-{last - 1:03}", "Reason1")]
    assert pages(cluster) == MOST_PAGES
    assert "were read" in caplog.text


class Interrupted(MemoryCluster):
    """Its second page cannot be had."""

    async def page(
        self, kind: str, namespace: str | None, selector: str, limit: int, token: str, *, fields: str = ""
    ) -> Page:
        if token:
            self.refused = {("list", "Event"): "gone"}
        return await super().page(kind, namespace, selector, limit, token, fields=fields)


def test_what_was_read_before_a_page_failed_is_told(run: Run) -> None:
    cluster = Interrupted()
    for name in ("a", "b", "c"):
        cluster.put(event(name))
    events = WarningEvents(cluster, WatchCache(), 10, MonotonicClock())
    assert reasons(run(events.about("trading", ["a", "b", "c"]))) == [("a", "Reason1"), ("b", "Reason1")]
