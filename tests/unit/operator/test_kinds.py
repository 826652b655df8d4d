from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import cbbot_operator
from cbbot.contract.spec_reader import read_spec
from cbbot.errors import Retryable
from cbbot_operator.cluster import served
from cbbot_operator.configuration import read_configuration
from cbbot_operator.keys import Key, labels
from cbbot_operator.kinds import CACHED, CHILDREN, KINDS, WATCHED, Child, Kind
from cbbot_operator.lease import Lease
from cbbot_operator.observed import Tokens
from cbbot_operator.operating import watched_kinds
from cbbot_operator.reconciler import Reconciler
from cbbot_operator.render import Inputs, render
from cbbot_operator.watch_cache import WatchCache
from syntax_trees import syntax_tree
from unit.operator.memory_cluster import Clock, MemoryCluster, Run

Used = tuple[dict[str, set[str]], dict[tuple[str, str], set[str]]]

PACKAGE = Path(cbbot_operator.__path__[0])
LEAST = {
    "product": {"id": "BTC-USD"},
    "state": {"existingClaim": "mine"},
    "monitoring": {"serviceMonitor": {"enabled": False}},
}
MOST = {"product": {"id": "BTC-USD"}, "exchange": {"venue": "Simulator"}}
# Verbs of the API server, by the operator's own.
VERBS = {
    "get": {"get"},
    "list": {"list"},
    "create": {"create"},
    "apply": {"create", "patch"},
    "replace": {"update"},
    "patch": {"patch"},
    "delete": {"delete"},
}


def rendered(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return render(
        Inputs(
            key=Key("trading", "btc"),
            uid="tb-uid",
            spec=read_spec(spec),
            tokens=Tokens("b" * 43, "c" * 43),
            secrets={},
            namespace_uid="ns-uid",
            bot_image="bot:1",
            bridge_image="bridge:1",
            monitors_known=True,
        )
    )


def names_by_kind(spec: dict[str, Any]) -> dict[str, set[str]]:
    names = defaultdict(set)
    for obj in rendered(spec):
        names[obj["kind"]].add(obj["metadata"]["name"])
    return names


def test_the_tables_children_are_the_kinds_that_are_rendered() -> None:
    found = {(obj["kind"], obj["apiVersion"]) for obj in rendered(MOST)}
    assert found == {(kind.name, kind.api_version) for kind in CHILDREN}


def test_a_kind_is_pruned_or_kept_exactly_when_a_spec_may_do_without_one_of_its_objects() -> None:
    least, most = names_by_kind(LEAST), names_by_kind(MOST)
    spared = {kind for kind in most if least[kind] != most[kind]}
    assert spared == {kind.name for kind in CHILDREN if kind.child is not Child.ALWAYS}


def test_the_watch_of_a_kind_selects_what_is_rendered_of_it() -> None:
    for obj in rendered(MOST):
        selector = KINDS[obj["kind"]].watched
        assert selector
        name, _, value = selector.partition("=")
        assert obj["metadata"]["labels"][name] == (value or "true")


def test_objects_that_are_kept_outlive_their_tradingbot_unless_the_spec_says_otherwise() -> None:
    unowned = {obj["kind"] for obj in rendered(MOST) if "ownerReferences" not in obj["metadata"]}
    assert unowned == {kind.name for kind in CHILDREN if kind.child is Child.KEPT}


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "path"),
    [
        ("Secret", "n", "s", "api/v1/namespaces/n/secrets/s"),
        ("Pod", "n", "", "api/v1/namespaces/n/pods"),
        ("Deployment", "n", "d", "apis/apps/v1/namespaces/n/deployments/d"),
        ("TradingBot", None, "", "apis/cbbot.io/v1alpha1/tradingbots"),
        ("Namespace", None, "n", "api/v1/namespaces/n"),
    ],
)
def test_a_kind_knows_its_path(kind: str, namespace: str | None, name: str, path: str) -> None:
    assert KINDS[kind].path(namespace, name) == path


@pytest.mark.parametrize(("known", "left_out"), [(True, set()), (False, {"ServiceMonitor"})])
def test_optional_kinds_are_left_out_where_the_cluster_does_not_know_them(
    run: Run, cluster: MemoryCluster, known: bool, left_out: set[str]
) -> None:
    cluster.monitors = known
    assert set(WATCHED) - set(run(served(cluster, WATCHED))) == {KINDS[name] for name in left_out}


def test_nothing_else_in_the_operator_spells_an_address() -> None:
    others = [path for path in PACKAGE.rglob("*.py") if path.name != "kinds.py"]
    spelled = {kind.api_version for kind in KINDS.values() if kind.group}
    found = {
        f"{path.name}: {node.value!s}"
        for path in others
        for node in ast.walk(syntax_tree(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and (node.value in spelled or str(node.value).startswith(("api/", "apis/", "/api/", "/apis/")))
    }
    assert others
    # The simulator's own, of another API.
    assert found == {"bridge_deployment.py: /api/v3/brokerage/time"}


@pytest.fixture
def used(
    run: Run, cluster: MemoryCluster, clock: Clock, key: Key, live: dict[str, Any], api_keys: dict[str, bytes]
) -> Used:
    """The verbs asked of each kind while a TradingBot is made, watched over, changed and let go."""
    configuration = read_configuration(
        {"CBBOT_BOT_IMAGE": "bot:1", "CBBOT_BRIDGE_IMAGE": "bridge:1", "CBBOT_NAMESPACES": "trading"}
    )
    reconciler = Reconciler(cluster, configuration, clock)
    lease = Lease(cluster, "trading", "cbbot-operator", "a")
    cluster.put_secret("coinbase", api_keys)
    cluster.monitors = True

    async def story() -> None:
        await lease.acquire()
        cluster.tradingbot(live)
        await reconciler.reconcile(key)
        await WatchCache().list_anew(cluster, CACHED, ["trading"])
        # A volume lost, and everything else such that it cannot be changed back.
        del cluster.objects["PersistentVolumeClaim", "trading", "btc-state"]
        for kind, _, name in list(cluster.objects):
            if KINDS[kind].child not in (None, Child.KEPT) and name.startswith("btc"):
                cluster.one(kind, name)["metadata"]["managedFields"] = []
                cluster.unprocessable[kind, name] = "field is immutable"
        # What pods need is made anew before the pods are.
        for _ in range(2):
            with pytest.raises(Retryable, match="made anew"):
                await reconciler.reconcile(key)
        cluster.unprocessable.clear()
        await reconciler.reconcile(key)
        marks = labels(key.name, "bot")
        metadata = {"namespace": key.namespace, "name": "slow", "labels": marks}
        cluster.put({"kind": "Pod", "metadata": {**metadata, "creationTimestamp": "2026-01-01T00:00:00Z"}})
        cluster.tradingbot({**live, "monitoring": {"serviceMonitor": {"enabled": False}}})
        await reconciler.reconcile(key)
        await lease.release()

    run(story())
    verbs: dict[str, set[str]] = defaultdict(set)
    subresources: dict[tuple[str, str], set[str]] = defaultdict(set)
    for verb, kind, _ in cluster.requests:
        if verb == "patch_status":
            subresources[kind, "status"].add("patch")
        else:
            verbs[kind] |= VERBS[verb]
    return verbs, subresources


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS.values() if not kind.scanning_verbs], ids=lambda kind: kind.name
)
def test_the_rights_are_those_that_the_operator_uses(used: Used, kind: Kind) -> None:
    verbs, subresources = used
    watching = {"list", "watch"} if kind.watched is not None else set()
    assert verbs[kind.name] | watching == kind.rights() | set(kind.named_verbs)
    assert subresources[kind.name, "status"] == set(kind.subresources.get("status", ()))


def test_no_secret_is_listed_unless_it_is_watched(
    run: Run, cluster: MemoryCluster, clock: Clock, key: Key, live: dict[str, Any], api_keys: dict[str, bytes]
) -> None:
    told = {"CBBOT_BOT_IMAGE": "bot:1", "CBBOT_BRIDGE_IMAGE": "bridge:1", "CBBOT_WATCH_SECRETS": "false"}
    configuration = read_configuration(told | {"POD_NAMESPACE": "trading"})
    kinds = watched_kinds(configuration)
    assert {kind.name for kind in WATCHED} - {kind.name for kind in kinds} == {"Secret"}
    cluster.put_secret("coinbase", api_keys)
    cluster.tradingbot(live)
    reconciler = Reconciler(cluster, configuration, clock)

    async def story() -> None:
        await reconciler.reconcile(key)
        await reconciler.cache.list_anew(cluster, [kind for kind in kinds if kind in CACHED], ["trading"])
        before = cluster.one("Secret", "btc-tokens")["data"]
        await reconciler.reconcile(key)
        assert cluster.one("Secret", "btc-tokens")["data"] == before
        del cluster.objects["Secret", "trading", "btc-tokens"]
        await reconciler.reconcile(key)

    run(story())
    assert cluster.one("Secret", "btc-tokens")["data"]
    assert {verb for verb, kind, _ in cluster.requests if kind == "Secret"} == {"get", "apply"}


def test_no_owner_reference_blocks_so_that_no_right_over_finalizers_is_needed() -> None:
    owners = [owner for obj in rendered(MOST) for owner in obj["metadata"].get("ownerReferences", ())]
    assert owners
    assert not [owner for owner in owners if "blockOwnerDeletion" in owner]
    assert not [kind.name for kind in KINDS.values() if "finalizers" in kind.subresources]
