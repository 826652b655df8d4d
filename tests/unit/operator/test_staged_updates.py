"""A newer operator's own changes reach one bot at a time, and none with an order in flight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cbbot.errors import Refused
from cbbot_operator.bot_poller import Poller
from cbbot_operator.configuration import Configuration, read_configuration
from cbbot_operator.judgement import condition
from cbbot_operator.keys import ASKED, TEMPLATE, UPDATED_AT, Key
from cbbot_operator.kinds import CACHED
from cbbot_operator.observed import Report
from cbbot_operator.reconciler import Reconciler
from unit.operator.memory_bridges import MemoryBridges
from unit.operator.memory_cluster import Clock, MakeStatus, MemoryBots, MemoryCluster, Run

BTC, ETH = Key("trading", "btc"), Key("trading", "eth")


def configured(version: str) -> Configuration:
    return read_configuration(
        {"CBBOT_BOT_IMAGE": f"bot:{version}", "CBBOT_BRIDGE_IMAGE": f"bridge:{version}", "POD_NAMESPACE": "operators"}
    )


class Operator:
    """One version of the operator, looking at the cluster's two TradingBots."""

    def __init__(self, run: Run, cluster: MemoryCluster, clock: Clock, status: MakeStatus, version: str) -> None:
        self._run, self._cluster, self._clock, self._status = run, cluster, clock, status
        self.reconciler = Reconciler(cluster, configured(version), clock)

    def look(self, *keys: Key) -> None:
        for key in keys or (BTC, ETH):
            self._run(self.reconciler.reconcile(key))

    def hear(self, *keys: Key, **figures: Any) -> None:
        for key in keys or (BTC, ETH):
            self._run(self.reconciler.refresh(key, Report(self._clock(), self._status(**figures))))

    def images(self) -> dict[str, str]:
        return {
            name: self._cluster.one("Deployment", name)["spec"]["template"]["spec"]["containers"][0]["image"]
            for name in self._cluster.names("Deployment")
        }

    def of(self, key: Key) -> set[str]:
        return {image.partition(":")[2] for name, image in self.images().items() if name.startswith(key.name)}

    def progressing(self, key: Key) -> tuple[str, str]:
        found = condition(self._cluster.one("TradingBot", key.name)["status"], "Progressing")
        return found["reason"], found["message"]


@pytest.fixture
def operator(run: Run, cluster: MemoryCluster, clock: Clock, bot_status: MakeStatus) -> Callable[[str], Operator]:
    return lambda version: Operator(run, cluster, clock, bot_status, version)


@pytest.fixture
def newer(
    operator: Callable[[str], Operator], cluster: MemoryCluster, paper: dict[str, Any]
) -> Callable[..., Operator]:
    """Two bots at work, made by operator 1; operator 2 has looked at both once."""

    def upgrade(**changes: Any) -> Operator:
        spec = {**paper, **changes}
        cluster.tradingbot(spec)
        cluster.tradingbot(spec, name="eth", uid="eth-uid")
        old = operator("1")
        old.look()
        cluster.roll_out()
        old.look()
        old.hear()
        new = operator("2")
        new.look()
        return new

    return upgrade


def test_an_upgrade_moves_one_ready_bot_and_the_next_when_that_one_has_proven_itself(
    newer: Callable[..., Operator], cluster: MemoryCluster, clock: Clock
) -> None:
    new = newer()
    assert set(new.images().values()) == {"bot:1", "bridge:1"}
    assert new.progressing(BTC) == (
        "UpdateWaits",
        "the operator's newer pods wait: the bot has not just said that it is ready",
    )
    new.hear()
    new.look()
    assert (new.of(BTC), new.of(ETH)) == ({"2"}, {"1"})
    assert new.progressing(ETH)[1].endswith("trading/btc was updated and is not ready yet")
    cluster.roll_out()
    clock.advance(9)  # what is said so soon may be the old pod's
    new.hear()
    new.look()
    assert new.of(ETH) == {"1"}
    clock.advance(1)
    new.hear()
    new.look()
    assert UPDATED_AT not in cluster.one("Deployment", "btc-bot")["metadata"]["annotations"]
    assert (new.of(BTC), new.of(ETH)) == ({"2"}, {"2"})


def test_what_an_update_waits_for_is_told_as_it_is_now_and_not_as_it_was_at_the_last_look(
    newer: Callable[..., Operator],
) -> None:
    new = newer()
    new.hear(BTC)
    new.look(BTC)
    new.hear(ETH)
    assert new.progressing(ETH)[1].endswith("trading/btc was updated and is not ready yet")


@pytest.mark.parametrize(
    ("figures", "why"),
    [
        ({"pending_orders": 1}, "an order is in flight"),
        ({"pending_orders": None}, "an order is in flight"),
        ({"ready": False, "phase": "reconciling"}, "the bot has not just said that it is ready"),
    ],
)
def test_no_pod_is_replaced_while_an_order_is_in_flight_or_the_bot_is_not_ready(
    newer: Callable[..., Operator], figures: dict[str, Any], why: str
) -> None:
    new = newer()
    new.hear(**figures)
    new.look()
    assert set(new.images().values()) == {"bot:1", "bridge:1"}
    assert new.progressing(BTC) == ("UpdateWaits", f"the operator's newer pods wait: {why}")


def test_what_the_bot_said_long_ago_tells_nothing_of_orders(newer: Callable[..., Operator], clock: Clock) -> None:
    new = newer()
    new.hear()
    clock.advance(6)
    new.look()
    assert set(new.images().values()) == {"bot:1", "bridge:1"}


def test_a_bot_that_never_becomes_ready_keeps_the_turn_over_a_restart_of_the_operator(
    run: Run,
    newer: Callable[..., Operator],
    operator: Callable[[str], Operator],
    cluster: MemoryCluster,
    clock: Clock,
) -> None:
    new = newer()
    new.hear()
    new.look()
    again = operator("2")
    run(again.reconciler.cache.list_anew(cluster, CACHED, ["trading"]))
    again.look(ETH)
    again.hear(ETH)
    again.look(ETH)
    assert again.of(ETH) == {"1"}
    clock.advance(600)
    again.look(BTC)
    again.hear(ETH)
    again.look(ETH)
    assert again.of(ETH) == {"1"}
    assert again.progressing(ETH)[1].endswith("trading/btc was updated and is not ready yet")


def test_nothing_moves_before_every_tradingbot_that_is_known_was_looked_at(
    run: Run, newer: Callable[..., Operator], operator: Callable[[str], Operator], cluster: MemoryCluster
) -> None:
    newer()
    fresh = operator("2")
    run(fresh.reconciler.cache.list_anew(cluster, CACHED, ["trading"]))
    fresh.look(BTC)
    fresh.hear(BTC)
    fresh.look(BTC)
    assert fresh.of(BTC) == {"1"}
    assert fresh.progressing(BTC)[1].endswith("the operator has not looked at every TradingBot yet")
    fresh.look(ETH)
    fresh.hear(BTC)
    fresh.look(BTC)
    assert fresh.of(BTC) == {"2"}


def test_what_a_person_asks_for_is_done_at_once_and_brings_the_newer_pods_along(
    newer: Callable[..., Operator], cluster: MemoryCluster, paper: dict[str, Any]
) -> None:
    new = newer()
    cluster.tradingbot({**paper, "risk": {"riskPerTradePct": 3}}, generation=2)
    new.look()
    assert (new.of(BTC), new.of(ETH)) == ({"2"}, {"1"})


@pytest.mark.parametrize("hindered", ["a person looks after it", "it cannot be looked at"])
def test_one_that_the_operator_cannot_see_to_holds_up_nobody(
    run: Run, newer: Callable[..., Operator], operator: Callable[[str], Operator], cluster: MemoryCluster, hindered: str
) -> None:
    newer()
    fresh = operator("2")
    if hindered == "a person looks after it":
        cluster.edit("TradingBot", "eth")["metadata"]["annotations"] = {"cbbot.io/reconcile": "disabled"}
    run(fresh.reconciler.cache.list_anew(cluster, CACHED, ["trading"]))
    if hindered == "it cannot be looked at":
        cluster.refused["get", "Namespace"] = "forbidden"
        with pytest.raises(Refused):
            fresh.look(ETH)
        cluster.refused.clear()
    else:
        fresh.look(ETH)
    fresh.look(BTC)
    fresh.hear(BTC)
    fresh.look(BTC)
    assert (fresh.of(BTC), fresh.of(ETH)) == ({"2"}, {"1"})


@pytest.mark.parametrize(
    "change",
    [
        {"entries": "Paused"},
        {"monitoring": {"namespaceSelector": {"team": "ours"}}},
        {"bot": {"imagePolicy": "OneByOne"}},
    ],
)
def test_what_reaches_a_bot_without_a_restart_restarts_none(
    newer: Callable[..., Operator], cluster: MemoryCluster, paper: dict[str, Any], change: dict[str, Any]
) -> None:
    new = newer()
    cluster.tradingbot({**paper, **change}, generation=2)
    new.look()
    assert new.of(BTC) == {"1"}


def test_everything_but_the_pods_is_put_at_once(newer: Callable[..., Operator], cluster: MemoryCluster) -> None:
    new = newer()
    cluster.edit("NetworkPolicy", "btc-bridge")["spec"]["ingress"] = []
    new.look(BTC)
    assert cluster.one("NetworkPolicy", "btc-bridge")["spec"]["ingress"]


def test_a_suspended_bot_has_no_pod_to_disturb(newer: Callable[..., Operator]) -> None:
    new = newer(suspend=True)
    assert new.of(BTC) == new.of(ETH) == {"2"}


def test_a_pinned_bot_stays_on_its_images_whatever_is_asked_of_it(
    newer: Callable[..., Operator], cluster: MemoryCluster, paper: dict[str, Any]
) -> None:
    pinned = {**paper, "bot": {"imagePolicy": "Pinned"}}
    new = newer(bot={"imagePolicy": "Pinned"})
    new.hear()
    new.look()
    assert new.of(BTC) == new.of(ETH) == {"1"}
    assert new.progressing(BTC)[0] == "RolledOut"
    cluster.tradingbot({**pinned, "risk": {"riskPerTradePct": 3}}, generation=2)
    new.look(BTC)
    assert new.of(BTC) == {"1"}
    named = {**pinned, "bot": {"imagePolicy": "Pinned", "image": "bot:9"}}
    cluster.tradingbot(named, generation=3)
    new.look(BTC)
    assert new.of(BTC) == {"9", "1"}
    assert cluster.one("TradingBot", "btc")["status"]["images"] == {"bot": "bot:9", "bridge": "bridge:1"}


def test_one_that_has_not_worked_for_long_is_moved_and_holds_up_nobody(
    newer: Callable[..., Operator], cluster: MemoryCluster, clock: Clock
) -> None:
    new = newer()
    stopped = cluster.edit("Deployment", "btc-bot")
    stopped["status"] = {"observedGeneration": 1}
    new.look(BTC)
    clock.advance(301)
    new.look(BTC)
    new.look(BTC)
    assert new.of(BTC) == {"2"}
    new.hear(ETH)
    new.look(ETH)
    assert new.of(ETH) == {"2"}


def test_what_may_not_be_in_a_pod_goes_at_once(newer: Callable[..., Operator], cluster: MemoryCluster) -> None:
    new = newer()
    cluster.edit("Deployment", "btc-bot")["spec"]["template"]["spec"]["hostNetwork"] = True
    new.look(BTC)
    assert new.of(BTC) == {"2"}


def waits_for_a_person(new: Operator, cluster: MemoryCluster, paper: dict[str, Any]) -> None:
    """No pod is replaced until a person changes the spec; then those of that bot are."""
    new.look()
    assert set(new.images().values()) == {"bot:1", "bridge:1"}
    cluster.tradingbot({**paper, "risk": {"riskPerTradePct": 3}}, generation=2)
    cluster.one("TradingBot", "btc")["status"] = {"observedGeneration": 1}
    new.look(BTC)
    assert (new.of(BTC), new.of(ETH)) == ({"2"}, {"1"})


def test_pods_of_an_operator_from_before_the_marks_wait_too(
    newer: Callable[..., Operator], cluster: MemoryCluster, paper: dict[str, Any]
) -> None:
    new = newer()
    for name in cluster.names("Deployment"):
        marks = cluster.edit("Deployment", name)["metadata"]["annotations"]
        del marks[ASKED], marks[TEMPLATE]
    waits_for_a_person(new, cluster, paper)


def test_a_default_that_is_another_in_the_newer_operator_is_nothing_that_a_person_asked_for(
    newer: Callable[..., Operator], cluster: MemoryCluster, paper: dict[str, Any]
) -> None:
    """The API server has stored the default of before, which now looks like somebody's choice."""
    new = newer()
    for name in cluster.names("Deployment"):
        cluster.edit("Deployment", name)["metadata"]["annotations"][ASKED] = f"{'0' * 12}.{'1' * 32}"
    waits_for_a_person(new, cluster, paper)


def test_the_poll_that_hears_a_bot_ready_wakes_it_for_its_update(
    run: Run, newer: Callable[..., Operator], clock: Clock, bots: MemoryBots, bot_status: MakeStatus
) -> None:
    new = newer()
    woken: list[Key] = []
    poller = Poller(new.reconciler, bots, MemoryBridges(), woken.append, clock)
    bots.answers = {BTC: bot_status(pending_orders=1), ETH: bot_status()}
    run(poller.round())
    assert woken == [ETH]
    new.look()
    assert (new.of(BTC), new.of(ETH)) == ({"1"}, {"2"})
    bots.answers[BTC] = bot_status()
    woken.clear()
    run(poller.round())
    assert woken == []
