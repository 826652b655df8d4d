"""What the reconciler does when something is wrong, missing, held back or gone."""

from __future__ import annotations

import base64
import copy
from dataclasses import replace
from typing import Any

import pytest

from cbbot.errors import Retryable
from cbbot_operator.conditions import condition
from cbbot_operator.configuration import Configuration
from cbbot_operator.keys import FINALIZER, RECONCILE, Key
from cbbot_operator.observed import Report
from cbbot_operator.reconciler import Reconciler
from unit.operator.memory_cluster import Clock, MakeStatus, MemoryCluster, Run

NAMESPACE = "trading"


@pytest.fixture
def reconciler(cluster: MemoryCluster, configuration: Configuration, clock: Clock) -> Reconciler:
    return Reconciler(cluster, configuration, clock)


def secret(name: str, data: dict[str, bytes]) -> dict[str, Any]:
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    return {"kind": "Secret", "metadata": {"namespace": NAMESPACE, "name": name}, "data": encoded}


def reason(cluster: MemoryCluster, kind: str = "Ready") -> str:
    return str(condition(cluster.one("TradingBot", "btc")["status"], kind)["reason"])


def verbs(cluster: MemoryCluster, *wanted: str) -> list[tuple[str, str, str]]:
    return [request for request in cluster.requests if request[0] in wanted]


def test_an_invalid_spec_changes_no_running_bot(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    cluster.tradingbot(paper)
    run(reconciler.reconcile(key))
    cluster.requests.clear()
    cluster.tradingbot({**paper, "strategy": {"maFast": 40}}, generation=2)
    run(reconciler.reconcile(key))
    assert verbs(cluster, "apply", "delete") == []
    assert reason(cluster) == "InvalidSpec"
    assert "maFast" in condition(cluster.one("TradingBot", "btc")["status"], "Ready")["message"]


def test_a_missing_secret_leaves_running_pods_alone_and_is_reported(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, live: dict[str, Any], api_keys: dict[str, bytes]
) -> None:
    cluster.put(secret("coinbase", api_keys))
    cluster.tradingbot(live)
    run(reconciler.reconcile(key))
    before = copy.deepcopy(cluster.one("Deployment", "btc-bridge")["spec"])
    del cluster.objects["Secret", NAMESPACE, "coinbase"]
    run(reconciler.reconcile(key))
    assert cluster.one("Deployment", "btc-bridge")["spec"] == before
    assert reason(cluster, "CredentialsValid") == "SecretMissing"
    cluster.put(secret("coinbase", {**api_keys, "COINBASE_API_PRIVATE_KEY": b"rotated"}))
    run(reconciler.reconcile(key))
    assert cluster.one("Deployment", "btc-bridge")["spec"] != before
    assert reason(cluster, "CredentialsValid") == "Present"


def test_a_refusing_api_server_is_reported_and_tried_again(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    cluster.tradingbot(paper)
    cluster.refused = {("apply", "Service"): "no rights"}
    with pytest.raises(Retryable, match="no rights"):
        run(reconciler.reconcile(key))
    assert reason(cluster) == "ReconcileFailed"
    with pytest.raises(Retryable):
        run(reconciler.reconcile(key))
    reasons = [obj["reason"] for (kind, _, _), obj in cluster.objects.items() if kind == "Event"]
    assert reasons.count("ReconcileFailed") == 1


def test_hands_off_means_nothing_is_touched(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    cluster.tradingbot(paper, annotations={RECONCILE: "disabled"})
    run(reconciler.reconcile(key))
    assert verbs(cluster, "apply", "patch", "patch_status", "delete", "create") == []
    assert "status" not in cluster.one("TradingBot", "btc")


def test_suspending_scales_down_and_keeps_volume_and_tokens(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    cluster.tradingbot(paper)
    run(reconciler.reconcile(key))
    tokens = cluster.one("Secret", "btc-tokens")["data"]
    cluster.tradingbot({**paper, "suspend": True}, generation=2)
    run(reconciler.reconcile(key))
    assert cluster.one("Deployment", "btc-bot")["spec"]["replicas"] == 0
    assert cluster.one("Secret", "btc-tokens")["data"] == tokens
    assert cluster.names("PersistentVolumeClaim") == ["btc-state"]
    assert reason(cluster) == "Suspended"


def test_a_lost_event_does_not_hold_a_tradingbot_back(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    cluster.tradingbot(paper)
    cluster.refused = {("create", "Event"): "no rights"}
    run(reconciler.reconcile(key))
    assert reason(cluster) == "BridgeNotReady"


def test_unwise_settings_are_warned_about_in_the_status(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    cluster.tradingbot({**paper, "exits": {"takeProfitPct": 0.1}})
    run(reconciler.reconcile(key))
    assert "does not cover the fees" in cluster.one("TradingBot", "btc")["status"]["warnings"][0]


def test_a_tradingbot_that_is_gone_is_forgotten(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, paper: dict[str, Any]
) -> None:
    cluster.tradingbot(paper)
    run(reconciler.reconcile(key))
    del cluster.objects["TradingBot", NAMESPACE, "btc"]
    run(reconciler.reconcile(key))
    assert reconciler.known == {}


def test_figures_are_taken_in_without_a_look_at_the_cluster(
    run: Run,
    reconciler: Reconciler,
    cluster: MemoryCluster,
    key: Key,
    paper: dict[str, Any],
    bot_status: MakeStatus,
    clock: Clock,
) -> None:
    cluster.tradingbot(paper)
    run(reconciler.reconcile(key))
    cluster.roll_out()
    run(reconciler.reconcile(key))
    cluster.requests.clear()
    run(reconciler.refresh(key, Report(clock(), bot_status(open_lots=1))))
    assert {kind for _, kind, _ in verbs(cluster, "get", "list", "apply")} == set()
    status = cluster.one("TradingBot", "btc")["status"]
    assert (status["openLots"], condition(status, "Ready")["status"]) == (1, "True")


def test_drifting_figures_are_written_at_most_every_thirty_seconds(
    run: Run,
    reconciler: Reconciler,
    cluster: MemoryCluster,
    key: Key,
    paper: dict[str, Any],
    bot_status: MakeStatus,
    clock: Clock,
) -> None:
    cluster.tradingbot(paper)
    run(reconciler.reconcile(key))
    run(reconciler.refresh(key, Report(clock(), bot_status())))
    written = len(verbs(cluster, "patch_status"))
    for step in range(1, 7):
        clock.advance(10)
        run(reconciler.refresh(key, Report(clock(), bot_status(equity_usd=str(1000 + step)))))
    assert len(verbs(cluster, "patch_status")) == written + 2
    run(reconciler.refresh(key, Report(clock(), bot_status(equity_usd="1006", open_lots=5))))
    assert len(verbs(cluster, "patch_status")) == written + 3


class TestLiveDeletion:
    @pytest.fixture
    def held(
        self,
        run: Run,
        reconciler: Reconciler,
        cluster: MemoryCluster,
        key: Key,
        live: dict[str, Any],
        api_keys: dict[str, bytes],
        bot_status: MakeStatus,
        clock: Clock,
    ) -> None:
        """A live bot with two lots that a person has deleted."""
        cluster.put(secret("coinbase", api_keys))
        cluster.tradingbot(live)
        run(reconciler.reconcile(key))
        run(reconciler.refresh(key, Report(clock(), bot_status(open_lots=2, mode="live"))))
        cluster.one("TradingBot", "btc")["metadata"]["deletionTimestamp"] = "now"
        run(reconciler.reconcile(key))

    def finalizers(self, cluster: MemoryCluster) -> list[str]:
        return list(cluster.one("TradingBot", "btc")["metadata"]["finalizers"])

    @pytest.mark.usefixtures("held")
    def test_it_is_held_and_says_so(self, cluster: MemoryCluster) -> None:
        assert self.finalizers(cluster) == [FINALIZER]
        assert reason(cluster, "PositionsOpen") == "DeletionRefused"
        assert "DeletionRefused" in [obj.get("reason") for obj in cluster.objects.values() if obj["kind"] == "Event"]

    @pytest.mark.usefixtures("held")
    def test_it_is_still_cared_for_while_held(
        self, run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key
    ) -> None:
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
        run(reconciler.reconcile(key))
        assert cluster.one("Deployment", "btc-bot")["spec"]["replicas"] == 1

    @pytest.mark.usefixtures("held")
    def test_it_goes_when_flat(
        self, run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key, bot_status: MakeStatus, clock: Clock
    ) -> None:
        run(reconciler.refresh(key, Report(clock(), bot_status(open_lots=0, mode="live"))))
        run(reconciler.reconcile(key))
        assert self.finalizers(cluster) == []

    @pytest.mark.usefixtures("held")
    def test_other_peoples_finalizers_stay(
        self, run: Run, reconciler: Reconciler, cluster: MemoryCluster, key: Key
    ) -> None:
        cluster.terminating = True
        cluster.one("TradingBot", "btc")["metadata"]["finalizers"].append("example.org/theirs")
        run(reconciler.reconcile(key))
        assert self.finalizers(cluster) == ["example.org/theirs"]

    def test_turning_to_paper_takes_the_finalizer_away(
        self,
        run: Run,
        reconciler: Reconciler,
        cluster: MemoryCluster,
        key: Key,
        live: dict[str, Any],
        api_keys: dict[str, bytes],
    ) -> None:
        cluster.put(secret("coinbase", api_keys))
        cluster.tradingbot(live)
        run(reconciler.reconcile(key))
        assert self.finalizers(cluster) == [FINALIZER]
        cluster.tradingbot({**live, "mode": "Paper"}, generation=2, finalizers=[FINALIZER])
        run(reconciler.reconcile(key))
        assert self.finalizers(cluster) == []
