"""Each child on its own: what protects first, what cannot be applied put back otherwise, no request for what stands."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from prometheus_client import REGISTRY

from cbbot.errors import Retryable
from cbbot_operator.conditions import condition
from cbbot_operator.configuration import Configuration
from cbbot_operator.keys import Key
from cbbot_operator.kinds import CACHED
from cbbot_operator.reconciler import Reconciler
from cbbot_operator.watch_cache import WatchCache
from unit.operator.memory_cluster import Clock, Hear, Look, MemoryCluster, Run, reason

NAMESPACE = "trading"
IMMUTABLE = "spec.selector: Invalid value: field is immutable"
INVALID = "spec.template.spec.containers[0].resources.requests: must be less than or equal to cpu limit"


def children(cluster: MemoryCluster) -> int:
    return sum(kind not in ("TradingBot", "Event") for kind, _, _ in cluster.objects)


def put(result: str) -> float:
    return REGISTRY.get_sample_value("cbbot_operator_children_total", {"result": result}) or 0


def failing(look: Look) -> str:
    with pytest.raises(Retryable) as raised:
        look()
    return str(raised.value)


def messages(cluster: MemoryCluster) -> str:
    return str(condition(cluster.one("TradingBot", "btc")["status"], "Ready")["message"])


def volume_that_cannot_grow(cluster: MemoryCluster) -> None:
    cluster.unprocessable["PersistentVolumeClaim", "btc-state"] = "only dynamically provisioned pvc can be resized"


def test_another_operator_finds_what_the_first_has_made_and_writes_nothing(
    run: Run,
    cluster: MemoryCluster,
    configuration: Configuration,
    clock: Clock,
    key: Key,
    paper: dict[str, Any],
    watched_look: Look,
) -> None:
    cluster.tradingbot(paper)
    watched_look()
    cluster.requests.clear()
    fresh = WatchCache()
    run(fresh.list_anew(cluster, CACHED, [NAMESPACE]))
    run(Reconciler(cluster, configuration, clock, cache=fresh).reconcile(key))
    assert {verb for verb, _, _ in cluster.requests} == {"list", "get"}


def test_only_the_child_that_was_changed_by_hand_is_put_back(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look
) -> None:
    cluster.tradingbot(paper)
    watched_look()
    cluster.edit("NetworkPolicy", "btc-bridge")["spec"]["ingress"] = [{}]
    cluster.requests.clear()
    watched_look()
    assert cluster.one("NetworkPolicy", "btc-bridge")["spec"]["ingress"] != [{}]
    assert cluster.requests == [("apply", "NetworkPolicy", "btc-bridge")]


def test_no_pod_is_begun_without_its_network_policy_and_those_that_run_go_on(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look
) -> None:
    cluster.tradingbot(paper)
    for name in ("btc-bot", "btc-bridge"):
        cluster.unprocessable["NetworkPolicy", name] = "exceeded quota"
    assert "exceeded quota" in failing(watched_look)
    assert cluster.names("Deployment") == []
    assert cluster.names("PersistentVolumeClaim") == ["btc-state"]
    cluster.unprocessable.clear()
    watched_look()
    assert cluster.names("Deployment") == ["btc-bot", "btc-bridge"]
    del cluster.objects["NetworkPolicy", NAMESPACE, "btc-bot"]
    cluster.unprocessable["NetworkPolicy", "btc-bot"] = "exceeded quota"
    cluster.tradingbot({**paper, "risk": {"maxOrderUSD": 7}})
    assert "exceeded quota" in failing(watched_look)
    assert cluster.one("ConfigMap", "btc-settings")["data"]["MAX_ORDER_USD"] == "7"


def test_a_live_bots_child_without_its_labels_is_still_its_own(
    cluster: MemoryCluster, live: dict[str, Any], api_keys: dict[str, bytes], watched_look: Look
) -> None:
    """It has no owner reference; a note says whose it is."""
    cluster.put_secret("coinbase", api_keys)
    cluster.tradingbot(live)
    watched_look()
    for kind, name in (("NetworkPolicy", "btc-bot"), ("Deployment", "btc-bot"), ("Secret", "btc-tokens")):
        labels = cluster.edit(kind, name)["metadata"]["labels"]
        before = dict(labels)
        del labels["app.kubernetes.io/managed-by"], labels["cbbot.io/tradingbot"]
        watched_look()
        assert cluster.one(kind, name)["metadata"]["labels"] == before
    assert reason(cluster) != "NameTaken"


def test_a_value_that_the_server_writes_another_way_is_not_applied_for_ever(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.tradingbot(paper)
    apply = cluster.apply

    async def normalising(obj: dict[str, Any]) -> dict[str, Any]:
        if obj["kind"] == "Service":
            obj = copy.deepcopy(obj)
            obj["spec"]["ports"][0]["targetPort"] = str(obj["spec"]["ports"][0]["targetPort"])
        return await apply(obj)

    monkeypatch.setattr(cluster, "apply", normalising)
    watched_look()
    cluster.requests.clear()
    watched_look()
    assert cluster.requests == []


def test_a_volume_that_cannot_grow_holds_up_neither_the_stop_nor_the_policies(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look
) -> None:
    cluster.tradingbot(paper)
    watched_look()
    volume_that_cannot_grow(cluster)
    cluster.edit("NetworkPolicy", "btc-bot")["spec"]["ingress"] = [{}]
    cluster.tradingbot({**paper, "suspend": True, "state": {"size": "2Gi"}}, generation=2)
    failing(watched_look)
    assert cluster.one("Deployment", "btc-bot")["spec"]["replicas"] == 0
    assert cluster.one("NetworkPolicy", "btc-bot")["spec"]["ingress"] != [{}]
    assert reason(cluster) == "ReconcileFailed"
    assert "PersistentVolumeClaim btc-state: only dynamically provisioned" in messages(cluster)


def test_a_stop_and_the_policies_come_before_everything_else(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look
) -> None:
    cluster.tradingbot(paper)
    watched_look()
    for kind, _, name in list(cluster.objects):
        if kind not in ("TradingBot", "Event"):
            cluster.edit(kind, name)["metadata"]["managedFields"] = []
    cluster.tradingbot({**paper, "suspend": True}, generation=2)
    cluster.requests.clear()
    watched_look()
    applied = [kind for verb, kind, _ in cluster.requests if verb == "apply"]
    assert set(applied[:4]) == {"NetworkPolicy", "Deployment"}
    assert "ConfigMap" in applied[4:]


def test_every_failing_child_is_named(cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look) -> None:
    cluster.tradingbot(paper)
    watched_look()
    for name in ("btc-bot", "btc-bridge"):
        cluster.edit("Service", name)["metadata"]["managedFields"] = []
        cluster.unprocessable["Service", name] = "spec.type: Unsupported value"
    said = failing(watched_look)
    assert "Service btc-bot: spec.type" in said
    assert "Service btc-bridge: spec.type" in said
    assert messages(cluster) == said


def test_pods_are_not_replaced_before_what_they_read_is_there(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look
) -> None:
    cluster.tradingbot(paper)
    watched_look()
    before = copy.deepcopy(cluster.one("Deployment", "btc-bot")["spec"])
    cluster.refused = {("apply", "ConfigMap"): "no rights"}
    cluster.tradingbot({**paper, "exits": {"takeProfitPct": 3}}, generation=2)
    failing(watched_look)
    assert cluster.one("Deployment", "btc-bot")["spec"] == before
    cluster.refused = {}
    watched_look()
    assert cluster.one("Deployment", "btc-bot")["spec"] != before


def test_a_server_in_trouble_is_not_asked_for_every_child(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.tradingbot(paper)

    async def unreachable(obj: dict[str, Any]) -> dict[str, Any]:
        cluster.requests.append(("apply", obj["kind"], obj["metadata"]["name"]))
        raise Retryable("the API server did not answer")

    monkeypatch.setattr(cluster, "apply", unreachable)
    failing(watched_look)
    assert {kind for verb, kind, _ in cluster.requests if verb == "apply"} == {"NetworkPolicy"}


@pytest.mark.parametrize("kind", ["Service", "ConfigMap", "Secret", "Deployment"])
def test_a_child_with_a_field_that_can_never_change_is_made_anew(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look, kind: str
) -> None:
    cluster.tradingbot(paper)
    watched_look()
    name = next(name for name in cluster.names(kind) if name.startswith("btc"))
    before = cluster.one(kind, name)["metadata"]["uid"]
    cluster.edit(kind, name)["metadata"]["managedFields"] = []
    cluster.unprocessable[kind, name] = IMMUTABLE
    assert f"{kind} {name} cannot be changed" in failing(watched_look)
    watched_look()
    assert cluster.one(kind, name)["metadata"]["uid"] != before


def test_a_deployment_that_the_spec_made_invalid_goes_on_running(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look
) -> None:
    cluster.tradingbot(paper)
    watched_look()
    cluster.unprocessable["Deployment", "btc-bot"] = INVALID
    cluster.tradingbot({**paper, "exits": {"takeProfitPct": 3}}, generation=2)
    assert INVALID in failing(watched_look)
    assert "btc-bot" in cluster.names("Deployment")
    assert not [request for request in cluster.requests if request[0] == "delete"]


def test_a_volume_is_never_deleted_whatever_cannot_change(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look
) -> None:
    cluster.tradingbot(paper)
    watched_look()
    cluster.edit("PersistentVolumeClaim", "btc-state")["metadata"]["managedFields"] = []
    cluster.unprocessable["PersistentVolumeClaim", "btc-state"] = IMMUTABLE
    failing(watched_look)
    failing(watched_look)
    assert cluster.names("PersistentVolumeClaim") == ["btc-state"]
    assert not [request for request in cluster.requests if request[0] == "delete"]


def test_a_service_whose_port_was_changed_by_hand_is_overwritten(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port is keyed by its number: applying adds ours beside theirs, and both have one name."""
    cluster.tradingbot(paper)
    watched_look()
    ports = copy.deepcopy(cluster.one("Service", "btc-bot")["spec"]["ports"])
    service = cluster.edit("Service", "btc-bot")
    service["spec"] |= {"ports": [{**ports[0], "port": 9999}], "clusterIP": "10.0.0.1", "type": "NodePort"}
    service["metadata"]["managedFields"] = []
    cluster.unprocessable["Service", "btc-bot"] = "spec.ports[1].name: Duplicate value"
    patch = cluster.patch

    async def patched(kind: str, *where: Any) -> dict[str, Any]:
        cluster.unprocessable.clear()
        return await patch(kind, *where)

    monkeypatch.setattr(cluster, "patch", patched)
    watched_look()
    spec = cluster.one("Service", "btc-bot")["spec"]
    assert (spec["ports"], spec["clusterIP"], spec["type"]) == (ports, "10.0.0.1", "ClusterIP")


def test_a_container_added_by_hand_is_removed_and_what_restricted_allows_stays(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look
) -> None:
    cluster.tradingbot(paper)
    watched_look()
    template = cluster.edit("Deployment", "btc-bot")["spec"]["template"]
    template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = "now"
    template["spec"]["containers"][0]["env"].append({"name": "MAX_DAILY_LOSS_PCT", "value": "90"})
    template["spec"]["containers"].append({"name": "sidecar", "image": "x"})
    template["spec"]["hostNetwork"] = True
    watched_look()
    template = cluster.one("Deployment", "btc-bot")["spec"]["template"]
    (bot,) = template["spec"]["containers"]
    assert {variable["name"] for variable in bot["env"]} == {"BOT_NAME", "POD_NAMESPACE", "BOT_VENUE"}
    assert "hostNetwork" not in template["spec"]
    assert template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] == "now"
    cluster.requests.clear()
    watched_look()
    assert cluster.requests == []


def test_a_refused_change_still_lets_the_policies_and_the_stop_through(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look
) -> None:
    cluster.tradingbot(paper)
    watched_look()
    cluster.edit("NetworkPolicy", "btc-bot")["spec"]["ingress"] = [{}]
    settings = copy.deepcopy(cluster.one("ConfigMap", "btc-settings")["data"])
    cluster.tradingbot({"product": {"id": "ETH-USD"}, "suspend": True}, generation=2)
    watched_look()
    assert reason(cluster) == "ProductChanged"
    assert cluster.one("NetworkPolicy", "btc-bot")["spec"]["ingress"] != [{}]
    assert cluster.one("Deployment", "btc-bot")["spec"]["replicas"] == 0
    assert cluster.one("ConfigMap", "btc-settings")["data"] == settings


def test_a_child_on_its_way_out_is_left_until_it_is_gone(
    cluster: MemoryCluster, paper: dict[str, Any], watched_look: Look
) -> None:
    cluster.tradingbot(paper)
    watched_look()
    metadata = cluster.edit("Deployment", "btc-bot")["metadata"]
    metadata |= {"deletionTimestamp": "2026-01-02T03:00:00Z", "managedFields": []}
    cluster.requests.clear()
    watched_look()
    assert cluster.requests == []


def test_a_status_that_is_refused_is_not_tried_at_every_poll(
    cluster: MemoryCluster, paper: dict[str, Any], look: Look, hear: Hear
) -> None:
    cluster.tradingbot(paper)
    look()
    cluster.roll_out()
    cluster.refused = {("patch_status", "TradingBot"): "no rights"}
    with pytest.raises(Exception, match="no rights"):
        look()
    cluster.requests.clear()
    hear(open_lots=1)
    assert cluster.requests == []
    cluster.refused = {}
    look()
    assert cluster.one("TradingBot", "btc")["status"]["openLots"] == 1
