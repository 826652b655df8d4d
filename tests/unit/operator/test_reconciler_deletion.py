"""A live bot that a person has deleted: held while it has lots, cared for until it is let go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cbbot.errors import Refused
from cbbot_operator.keys import FINALIZER, FORCE_DELETE, RECONCILE, Key, annotated_owner
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
    hear(open_lots=0, mode="live", entries={"allowed": False, "paused_by": ["resource"]})
    look()
    assert finalizers(cluster) == []


@pytest.mark.usefixtures("held")
def test_other_peoples_finalizers_stay(cluster: MemoryCluster, look: Look) -> None:
    cluster.terminating = True
    cluster.one("TradingBot", "btc")["metadata"]["finalizers"].append("example.org/theirs")
    look()
    assert finalizers(cluster) == ["example.org/theirs"]


@pytest.mark.usefixtures("held")
def test_in_a_namespace_that_goes_nothing_is_asked_that_it_may_have_forbidden(
    cluster: MemoryCluster, look: Look
) -> None:
    cluster.terminating = True
    for kind in ("Secret", "Deployment", "ConfigMap", "Service", "PersistentVolumeClaim", "Pod"):
        cluster.refused |= {(verb, kind): "the rights went first" for verb in ("get", "list", "patch", "apply")}
    cluster.refused["create", "Event"] = "the namespace is being terminated"
    look()
    assert finalizers(cluster) == []


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


def children(cluster: MemoryCluster) -> list[dict[str, Any]]:
    return [obj for obj in cluster.objects.values() if obj["kind"] not in ("TradingBot", "Event", "Lease")]


def owned(cluster: MemoryCluster) -> dict[str, list[str]]:
    """The owners' uids by name of those children that are made for this TradingBot."""
    return {
        f"{obj['kind']}/{obj['metadata']['name']}": [
            owner["uid"] for owner in obj["metadata"].get("ownerReferences", ())
        ]
        for obj in children(cluster)
        if annotated_owner(obj)
    }


@pytest.mark.usefixtures("held")
def test_nothing_of_it_can_be_collected_before_it_is_let_go_and_everything_after(
    cluster: MemoryCluster, look: Look, hear: Hear
) -> None:
    look()
    assert len(owned(cluster)) == 9
    assert set(map(tuple, owned(cluster).values())) == {()}
    hear(open_lots=0, mode="live", entries={"allowed": False, "paused_by": ["resource"]})
    look()
    assert set(map(tuple, owned(cluster).values())) == {("tb-uid",)}
    assert "ownerReferences" not in cluster.one("PersistentVolumeClaim", "btc-state")["metadata"]
    handed = [at for at, (verb, kind, _) in enumerate(cluster.requests) if verb == "patch" and kind != "TradingBot"]
    let_go = [at for at, (verb, kind, _) in enumerate(cluster.requests) if (verb, kind) == ("patch", "TradingBot")]
    assert max(handed) < max(let_go)


@pytest.mark.usefixtures("held")
def test_a_child_that_cannot_be_handed_over_holds_it_unless_it_is_forced(
    cluster: MemoryCluster, look: Look, hear: Hear
) -> None:
    cluster.refused = {("patch", "Service"): "no rights"}
    hear(open_lots=0, mode="live", entries={"allowed": False, "paused_by": ["resource"]})
    with pytest.raises(Refused, match="no rights"):
        look()
    assert finalizers(cluster) == [FINALIZER]
    cluster.one("TradingBot", "btc")["metadata"]["annotations"] = {FORCE_DELETE: "true"}
    look()
    assert finalizers(cluster) == []


@pytest.mark.usefixtures("held")
def test_what_is_left_of_one_whose_finalizer_a_person_took_off_is_collected(cluster: MemoryCluster, look: Look) -> None:
    del cluster.objects["TradingBot", NAMESPACE, "btc"]
    look()
    assert set(map(tuple, owned(cluster).values())) == {("tb-uid",)}
    cluster.requests.clear()
    look()
    assert [request for request in cluster.requests if request[0] == "patch"] == []


@pytest.mark.usefixtures("held")
def test_its_bot_deleted_by_hand_is_no_proof_that_none_ever_ran(
    reconciler: Reconciler, cluster: MemoryCluster, key: Key, look: Look
) -> None:
    del cluster.objects["Deployment", NAMESPACE, "btc-bot"]
    # Another operator: it has heard nothing yet.
    reconciler.known.pop(key)
    look()
    assert finalizers(cluster) == [FINALIZER]
    assert "btc-bot" in cluster.names("Deployment")


def test_a_bot_that_was_never_heard_is_held_once_it_has_a_volume(
    cluster: MemoryCluster, live: dict[str, Any], api_keys: dict[str, bytes], look: Look
) -> None:
    cluster.put_secret("coinbase", api_keys)
    cluster.tradingbot(live)
    look()
    cluster.roll_out()
    cluster.one("TradingBot", "btc")["metadata"]["deletionTimestamp"] = "2026-01-02T03:00:00Z"
    look()
    assert finalizers(cluster) == [FINALIZER]
    cluster.one("PersistentVolumeClaim", "btc-state")["status"] = {"phase": "Pending"}
    look()
    assert finalizers(cluster) == []


@pytest.mark.usefixtures("held")
def test_turned_to_paper_with_lots_open_it_is_held_as_what_it_was(
    cluster: MemoryCluster, live: dict[str, Any], look: Look
) -> None:
    held = cluster.one("TradingBot", "btc")["metadata"]
    cluster.tradingbot({**live, "mode": "Paper"}, **{**held, "generation": 2, "annotations": {}})
    cluster.one("TradingBot", "btc")["status"] = {"epoch": 3, "openLots": 2}
    look()
    assert finalizers(cluster) == [FINALIZER]
    assert reason(cluster, "PositionsOpen") == "DeletionRefused"


@pytest.mark.usefixtures("held")
def test_hands_off_holds_and_says_so_until_force_or_the_end_of_the_namespace(
    cluster: MemoryCluster, look: Look
) -> None:
    metadata = cluster.one("TradingBot", "btc")["metadata"]
    metadata["annotations"] = {RECONCILE: "disabled"}
    look()
    assert finalizers(cluster) == [FINALIZER]
    assert (reason(cluster), reason(cluster, "PositionsOpen")) == ("ReconcileDisabled", "ReconcileDisabled")
    warned = [obj["message"] for obj in cluster.objects.values() if obj.get("reason") == "ReconcileDisabled"]
    assert any("annotate cbbot.io/force-delete=true" in message for message in warned)
    metadata["annotations"][FORCE_DELETE] = "true"
    look()
    assert finalizers(cluster) == []
