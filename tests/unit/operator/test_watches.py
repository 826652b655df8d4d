from __future__ import annotations

from typing import Any

import pytest

from cbbot_operator.keys import Key
from cbbot_operator.kinds import CACHED
from cbbot_operator.watch_cache import WatchCache
from cbbot_operator.watches import Watches
from cbbot_operator.workqueue import Urgency
from unit.operator.memory_cluster import MemoryCluster, Run

OURS = {"app.kubernetes.io/managed-by": "cbbot-operator", "cbbot.io/tradingbot": "btc"}


class Seen:
    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.urgencies: list[Urgency] = []
        self.leases = 0
        self.asked_for_users: list[str] = []
        self.cache = WatchCache()
        self.watches = Watches(self.add, self.cache, self.users, "cbbot-operator", self.lease)

    def add(self, key: Key, urgency: Urgency) -> None:
        self.keys.append(key)
        self.urgencies.append(urgency)

    def users(self, namespace: str, name: str) -> list[Key]:
        self.asked_for_users.append(name)
        return [Key(namespace, "other")] if name == "coinbase" else []

    def lease(self) -> None:
        self.leases += 1


@pytest.fixture
def seen() -> Seen:
    return Seen()


def event(kind: str | None, **metadata: Any) -> Any:
    return {"type": kind, "object": {"metadata": {"namespace": "trading", "name": "btc", "uid": "1", **metadata}}}


def test_a_change_of_a_tradingbot_becomes_its_key(run: Run, seen: Seen) -> None:
    run(seen.watches.tradingbot(event=event(None, generation=1)))
    run(seen.watches.tradingbot(event=event("MODIFIED", generation=2)))
    assert seen.keys == [Key("trading", "btc")] * 2


@pytest.mark.parametrize(
    "change",
    [
        {"annotations": {"cbbot.io/force-delete": "true"}},
        {"deletionTimestamp": "now"},
        {"finalizers": ["x"]},
        {"uid": "2"},
    ],
)
def test_annotations_deletion_and_finalizers_wake(run: Run, seen: Seen, change: dict[str, Any]) -> None:
    run(seen.watches.tradingbot(event=event("ADDED", generation=1)))
    run(seen.watches.tradingbot(event=event("MODIFIED", generation=1, **change)))
    assert len(seen.keys) == 2


def test_the_operators_own_writes_of_status_wake_nothing(run: Run, seen: Seen) -> None:
    run(seen.watches.tradingbot(event=event("ADDED", generation=1, resourceVersion="1")))
    run(seen.watches.tradingbot(event=event("MODIFIED", generation=1, resourceVersion="2")))
    assert len(seen.keys) == 1


def test_a_tradingbot_deleted_and_made_again_wakes_each_time(run: Run, seen: Seen) -> None:
    for kind in ("ADDED", "DELETED", "ADDED"):
        run(seen.watches.tradingbot(event=event(kind, generation=1)))
    assert len(seen.keys) == 3


def test_a_child_wakes_its_tradingbot_by_label_or_owner(run: Run, seen: Seen) -> None:
    run(seen.watches.child(kind="Deployment", event=event("DELETED", name="btc-bot", labels=OURS)))
    owner = {"apiVersion": "cbbot.io/v1alpha1", "kind": "TradingBot", "name": "eth", "uid": "3"}
    run(seen.watches.child(kind="Deployment", event=event("MODIFIED", name="eth-bot", ownerReferences=[owner])))
    run(seen.watches.child(kind="Deployment", event=event("MODIFIED", name="stranger")))
    assert seen.keys == [Key("trading", "btc"), Key("trading", "eth")]


def test_a_secret_wakes_everyone_who_names_it(run: Run, seen: Seen) -> None:
    run(seen.watches.secret(event=event("MODIFIED", name="coinbase", labels={"cbbot.io/watch": "true"})))
    run(seen.watches.secret(event=event("MODIFIED", name="btc-tokens", labels=OURS)))
    assert seen.keys == [Key("trading", "other"), Key("trading", "btc")]
    # Who names a Secret takes a look at every TradingBot: a fleet that is made has as many tokens.
    assert seen.asked_for_users == ["coinbase"]


def test_only_our_own_lease_proves_that_the_watch_lives(run: Run, seen: Seen) -> None:
    run(seen.watches.lease(event=event("MODIFIED", name="other")))
    assert seen.leases == 0
    run(seen.watches.lease(event=event("MODIFIED", name="cbbot-operator")))
    assert seen.leases == 1


def test_what_a_person_changed_is_urgent_and_a_listing_is_not(run: Run, seen: Seen) -> None:
    run(seen.watches.tradingbot(event=event(None, generation=1)))
    run(seen.watches.tradingbot(event=event("MODIFIED", generation=2)))
    run(seen.watches.child(kind="Deployment", event=event("MODIFIED", name="btc-bot", labels=OURS)))
    run(seen.watches.secret(event=event(None, name="coinbase", labels={"cbbot.io/watch": "true"})))
    run(seen.watches.secret(event=event("MODIFIED", name="coinbase", labels={"cbbot.io/watch": "true"})))
    assert seen.urgencies[:4] == [Urgency.RESYNC, Urgency.PERSON, Urgency.CHILD, Urgency.RESYNC]
    assert seen.urgencies[4:] == [Urgency.PERSON]


def test_a_change_that_the_watch_missed_is_a_persons_though_a_listing_shows_it(run: Run, seen: Seen) -> None:
    run(seen.watches.tradingbot(event=event("ADDED", generation=1)))
    run(seen.watches.tradingbot(event=event(None, generation=2)))
    assert seen.urgencies == [Urgency.PERSON, Urgency.PERSON]


def test_a_child_wakes_nobody_with_what_our_own_request_has_brought(
    run: Run, seen: Seen, cluster: MemoryCluster
) -> None:
    run(seen.cache.list_anew(cluster, CACHED, ["trading"]))
    change = event("MODIFIED", name="btc-bot", labels=OURS, resourceVersion="5")
    seen.cache.take("Service", change["object"])
    run(seen.watches.child(kind="Service", event=change))
    assert seen.keys == []
    change["object"]["metadata"] |= {"resourceVersion": "6", "deletionTimestamp": "now"}
    run(seen.watches.child(kind="Service", event=change))
    run(seen.watches.child(kind="Service", event={**change, "type": "DELETED"}))
    assert seen.keys == [Key("trading", "btc")] * 2
