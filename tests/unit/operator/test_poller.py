from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cbbot.contract.bot_api import BotStatus
from cbbot_operator.bot_poller import Poller, command_for, of_the_newest
from cbbot_operator.judgement import condition
from cbbot_operator.keys import FINALIZER, Key
from cbbot_operator.observed import Report
from cbbot_operator.operator_metrics import DEGRADED
from cbbot_operator.reconciler import Reconciler
from unit.operator.memory_bridges import MemoryBridges
from unit.operator.memory_cluster import Clock, Look, MakeStatus, MemoryBots, MemoryCluster, Observe, Run

Polled = Callable[[dict[str, Any], BotStatus | str], list[Key]]

PAUSED = {"allowed": False, "paused_by": ["resource"]}
PAUSED_BY_HAND = {"allowed": False, "paused_by": ["hand"]}


@pytest.fixture
def polled(
    run: Run, cluster: MemoryCluster, bots: MemoryBots, reconciler: Reconciler, clock: Clock, key: Key, look: Look
) -> Polled:
    """A TradingBot whose pods run, and a round of polls over it; gives back what was woken."""

    def poll(spec: dict[str, Any], answer: BotStatus | str) -> list[Key]:
        cluster.tradingbot(spec)
        look()
        cluster.roll_out()
        look()
        bots.answers[key] = answer
        woken: list[Key] = []
        run(Poller(reconciler, bots, MemoryBridges(), woken.append, clock).round())
        return woken

    return poll


def test_what_the_bot_says_reaches_the_status(
    polled: Polled, cluster: MemoryCluster, paper: dict[str, Any], bot_status: MakeStatus
) -> None:
    polled(paper, bot_status())
    status = cluster.one("TradingBot", "btc")["status"]
    assert (status["equityUSD"], condition(status, "Ready")["reason"]) == ("1003.46", "Trading")


def test_what_somebody_should_look_at_is_counted_until_it_is_well(
    polled: Polled, live: dict[str, Any], paper: dict[str, Any], bot_status: MakeStatus
) -> None:
    def degraded() -> dict[tuple[str, str], float]:
        samples = [sample for metric in DEGRADED.collect() for sample in metric.samples]
        return {(sample.labels["mode"], sample.labels["reason"]): sample.value for sample in samples}

    polled(live, bot_status())
    assert degraded() == {("Live", "SecretMissing"): 1}
    polled(paper, bot_status())
    assert degraded() == {}


def test_a_silent_bot_is_reported_and_left_to_the_watches(
    polled: Polled, cluster: MemoryCluster, paper: dict[str, Any]
) -> None:
    assert polled(paper, "the bot does not answer: refused") == []
    status = cluster.one("TradingBot", "btc")["status"]
    assert condition(status, "Ready")["reason"] == "StatusUnreadable"


def test_what_no_watch_shows_is_looked_for_again_in_every_round(
    polled: Polled, live: dict[str, Any], key: Key, bot_status: MakeStatus
) -> None:
    assert polled(live, bot_status()) == [key]  # its Secret is missing


def test_between_two_rounds_only_bots_that_are_not_ready_are_asked(
    run: Run,
    cluster: MemoryCluster,
    bots: MemoryBots,
    reconciler: Reconciler,
    clock: Clock,
    key: Key,
    paper: dict[str, Any],
    bot_status: MakeStatus,
    look: Look,
) -> None:
    cluster.tradingbot(paper)
    look()
    cluster.roll_out()
    look()
    woken: list[Key] = []
    poller = Poller(reconciler, bots, MemoryBridges(), woken.append, clock)
    for lots in (1, 2):
        bots.answers[key] = bot_status(open_lots=lots)
        run(poller.round(everyone=False))
    assert cluster.one("TradingBot", "btc")["status"]["openLots"] == 1
    assert woken == []


def test_between_two_rounds_a_bot_without_a_running_pod_costs_nothing(
    run: Run, reconciler: Reconciler, cluster: MemoryCluster, clock: Clock, paper: dict[str, Any], look: Look, key: Key
) -> None:
    cluster.tradingbot(paper)
    look()
    before = reconciler.known[key].seen
    poller = Poller(reconciler, MemoryBots(), MemoryBridges(), lambda _: None, clock)
    run(poller.round(everyone=False))
    assert reconciler.known[key].seen is before
    run(poller.round())
    assert reconciler.known[key].seen is not before  # that it never became ready is said in time


def test_a_pause_of_the_resource_reaches_the_running_bot_with_the_control_token(
    polled: Polled, bots: MemoryBots, paper: dict[str, Any], bot_status: MakeStatus
) -> None:
    polled({**paper, "entries": "Paused"}, bot_status())
    (command,) = bots.commands
    assert command[0] == "pause-entries"
    assert len(command[1]) >= 32


@pytest.mark.parametrize(
    ("entries", "said", "command"),
    [
        ("Paused", {"allowed": True, "paused_by": []}, "pause-entries"),
        ("Paused", PAUSED_BY_HAND, "pause-entries"),
        ("Paused", PAUSED, None),
        ("Allowed", PAUSED, "resume"),
        ("Allowed", PAUSED_BY_HAND, None),
        ("Allowed", {"allowed": True, "paused_by": []}, None),
    ],
)
def test_only_the_resources_own_pause_is_steered(
    observed: Observe,
    paper: dict[str, Any],
    bot_status: MakeStatus,
    entries: dict[str, Any],
    said: bool,
    command: str | None,
) -> None:
    seen = observed({**paper, "entries": entries})
    assert command_for(seen, Report(seen.now, bot_status(entries=said))) == command


def test_flatten_is_asked_for_while_a_deletion_waits(
    observed: Observe, live: dict[str, Any], bot_status: MakeStatus, api_keys: dict[str, bytes]
) -> None:
    report = Report(observed().now, bot_status(open_lots=1))
    seen = observed(
        {**live, "deletionPolicy": "Flatten"},
        metadata={"deletionTimestamp": "2026-01-02T03:00:00Z", "finalizers": [FINALIZER]},
        children={("Deployment", "btc-bot"): {}},
        secrets={"coinbase": api_keys},
        report=report,
    )
    assert command_for(seen, report) == "flatten"
    assert command_for(seen, Report(seen.now, failure="silent")) is None


@pytest.mark.parametrize(
    ("said", "command"),
    [({"allowed": True, "paused_by": []}, "pause-entries"), (PAUSED_BY_HAND, "pause-entries"), (PAUSED, None)],
)
def test_a_bot_that_is_to_go_opens_nothing_more_whatever_the_spec_allows(
    observed: Observe,
    live: dict[str, Any],
    bot_status: MakeStatus,
    api_keys: dict[str, bytes],
    said: dict[str, Any],
    command: str | None,
) -> None:
    report = Report(observed().now, bot_status(open_lots=1, mode="live", entries=said))
    seen = observed(
        {**live, "entries": "Allowed", "deletionPolicy": "Refuse"},
        metadata={"deletionTimestamp": "2026-01-02T03:00:00Z", "finalizers": [FINALIZER]},
        children={("Deployment", "btc-bot"): {}},
        secrets={"coinbase": api_keys},
        report=report,
    )
    assert command_for(seen, report) == command
    assert command_for(replace(seen, spec=None), report) == command


def test_a_live_bot_that_is_to_turn_to_paper_is_paused_first(
    observed: Observe, live: dict[str, Any], bot_status: MakeStatus
) -> None:
    marked = {"metadata": {"annotations": {"cbbot.io/mode": "Live"}}}
    seen = observed({**live, "mode": "Paper"}, children={("ConfigMap", "btc-settings"): marked}, status={"epoch": 3})
    assert command_for(seen, Report(seen.now, bot_status(open_lots=0, mode="live"))) == "pause-entries"
    assert command_for(seen, Report(seen.now, bot_status(open_lots=0, mode="live", entries=PAUSED))) is None


@pytest.mark.parametrize(
    ("epoch", "phases", "believed"),
    [(2, ("Running", "Running"), False), (2, ("Running", "Failed"), True), (3, ("Running", "Running"), True)],
)
def test_the_word_of_an_older_process_of_the_bot_is_none(
    observed: Observe, bot_status: MakeStatus, epoch: int, phases: tuple[str, ...], *, believed: bool
) -> None:
    labels = {"app.kubernetes.io/component": "bot"}
    pods = tuple({"metadata": {"name": phase, "labels": labels}, "status": {"phase": phase}} for phase in phases)
    seen = observed(status={"epoch": 3}, pods=pods)
    heard = of_the_newest(seen, Report(seen.now, bot_status(epoch=epoch)))
    assert (heard.status is not None) is believed
    assert believed or "an older process of the bot answers (epoch 2, and 3 has been heard)" in heard.failure


def test_a_suspended_bot_is_not_asked(
    polled: Polled, cluster: MemoryCluster, paper: dict[str, Any], bot_status: MakeStatus
) -> None:
    polled({**paper, "suspend": True}, bot_status(open_lots=9))
    assert "openLots" not in cluster.one("TradingBot", "btc")["status"]


def test_a_status_that_cannot_be_written_does_not_stop_the_round(
    run: Run,
    cluster: MemoryCluster,
    bots: MemoryBots,
    reconciler: Reconciler,
    clock: Clock,
    key: Key,
    paper: dict[str, Any],
    bot_status: MakeStatus,
    look: Look,
) -> None:
    cluster.tradingbot(paper)
    look()
    cluster.roll_out()
    look()
    cluster.refused = {("patch_status", "TradingBot"): "no"}
    bots.answers[key] = bot_status(open_lots=5)
    woken: list[Key] = []
    run(Poller(reconciler, bots, MemoryBridges(), woken.append, clock).round())
    assert woken == [key]


def test_a_bug_with_what_one_bot_says_does_not_stop_the_round(
    polled: Polled, paper: dict[str, Any], reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch,
    bot_status: MakeStatus, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    async def broken(*_: object) -> None:
        raise OverflowError("int too large")

    monkeypatch.setattr(reconciler, "refresh", broken)
    assert polled(paper, bot_status()) == []
    assert "asking the bot broke" in caplog.text


@pytest.mark.parametrize(("phase", "command"), [("starting", None), ("reconciling", "pause-entries")])
def test_a_bot_that_takes_no_commands_yet_is_told_nothing(
    observed: Observe, paper: dict[str, Any], bot_status: MakeStatus, phase: str, command: str | None
) -> None:
    seen = observed({**paper, "entries": "Paused"})
    assert command_for(seen, Report(seen.now, bot_status(ready=False, phase=phase))) == command
