from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cbbot.contract.key_fingerprint import key_fingerprint
from cbbot_operator.deletion import judge, wants_finalizer
from cbbot_operator.keys import FINALIZER, FORCE_DELETE
from cbbot_operator.observed import KeyReport, Observed, Report
from unit.operator.memory_bridges import upstream_with
from unit.operator.memory_cluster import MakeStatus, Observe

RUNS = {("Deployment", "btc-bot"): {"metadata": {"name": "btc-bot"}, "spec": {"replicas": 1}}}
PAUSED = {"allowed": False, "paused_by": ["resource"]}


def pod(name: str, phase: str = "Running", **metadata: Any) -> dict[str, Any]:
    labels = {"app.kubernetes.io/component": "bot"}
    return {"metadata": {"name": name, "labels": labels, **metadata}, "status": {"phase": phase}}


@pytest.fixture
def deleting(observed: Observe, live: dict[str, Any], bot_status: MakeStatus, api_keys: dict[str, bytes]) -> Observe:
    def make(policy: str = "Refuse", lots: int = 2, *, heard: bool = True, age: float = 0, **changes: Any) -> Observed:
        metadata = {
            "deletionTimestamp": "2026-01-02T03:00:00Z",
            "finalizers": [FINALIZER],
            **changes.pop("metadata", {}),
        }
        now = observed().now
        said = bot_status(open_lots=lots, mode="live", entries=PAUSED)
        report = Report(now - timedelta(seconds=age), said) if heard else None
        spec = {**live, "deletionPolicy": policy, **changes.pop("spec", {})}
        given = {"children": RUNS, "secrets": {"coinbase": api_keys}, "status": {"epoch": 3}, **changes}
        return observed(spec, metadata=metadata, report=report, **given)

    return make


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, True),
        ({"deletionPolicy": "Flatten"}, True),
        ({"deletionPolicy": "Orphan"}, False),
        ({"mode": "Paper"}, False),
    ],
)
def test_only_live_bots_that_must_not_be_orphaned_carry_a_finalizer(
    observed: Observe, live: dict[str, Any], spec: dict[str, Any], wanted: bool
) -> None:
    assert wants_finalizer(observed({**live, **spec})) is wanted


def test_refuse_holds_while_lots_are_open_and_says_how_to_go_on(deleting: Observe) -> None:
    verdict = judge(deleting())
    assert (verdict.release, verdict.reason, verdict.flatten) == (False, "DeletionRefused", False)
    assert "2 lots are open" in verdict.message
    assert f"{FORCE_DELETE}=true" in verdict.message


def test_flatten_asks_the_bot_until_it_is_flat(deleting: Observe) -> None:
    assert judge(deleting("Flatten")).flatten
    assert not judge(deleting("Flatten")).release
    assert judge(deleting("Flatten", lots=0)).release


def test_unknown_lots_are_open_lots(deleting: Observe) -> None:
    assert not judge(deleting(heard=False)).release
    assert not judge(deleting(lots=0, age=61)).release
    assert judge(deleting(lots=0, age=59)).release
    assert judge(deleting("Flatten", heard=False)).flatten


def test_an_order_in_flight_is_something_open(deleting: Observe, observed: Observe, bot_status: MakeStatus) -> None:
    report = Report(observed().now, bot_status(open_lots=0, pending_orders=1, mode="live", entries=PAUSED))
    seen = deleting(lots=0)
    assert judge(seen).release
    assert not judge(replace(seen, report=report)).release


def test_an_order_that_was_given_up_is_waited_for_with_the_bot_closing_what_comes(
    deleting: Observe, observed: Observe, bot_status: MakeStatus
) -> None:
    report = Report(observed().now, bot_status(open_lots=0, given_up_orders=1, mode="live"))
    verdict = judge(replace(deleting("Flatten", lots=0), report=report))
    assert (verdict.release, verdict.reason, verdict.flatten) == (False, "Flattening", True)
    assert verdict.message.startswith("no lot is open, but an order that was given up may still be carried out")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"spec": {"suspend": True}}, "FlattenNeedsBot"),
        ({"secrets": {"coinbase": None}}, "FlattenNeedsKeys"),
    ],
)
def test_flatten_says_what_it_needs(deleting: Observe, changes: dict[str, Any], reason: str) -> None:
    verdict = judge(deleting("Flatten", **changes))
    assert (verdict.release, verdict.reason, verdict.flatten) == (False, reason, False)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metadata": {"annotations": {FORCE_DELETE: "true"}}}, "ForcedDelete"),
        ({"namespace_terminating": True}, "NamespaceTerminating"),
        ({"spec": {"deletionPolicy": "Orphan"}}, "DeletionAllowed"),
        ({"spec": {"mode": "Paper"}}, "DeletionAllowed"),
        ({"children": {}, "status": {}, "heard": False}, "NeverRan"),
    ],
)
def test_what_lets_go_whatever_is_open(deleting: Observe, changes: dict[str, Any], reason: str) -> None:
    verdict = judge(deleting(**changes))
    assert (verdict.release, verdict.reason) == (True, reason)


STARTING = {"ready": False, "phase": "starting", "reason": "the venue's clock"}


@pytest.mark.parametrize("figures", [{"open_lots": 0}, {"open_lots": None, "pending_orders": None}])
def test_nothing_is_let_go_on_the_figures_of_a_bot_that_is_not_ready(
    deleting: Observe, observed: Observe, bot_status: MakeStatus, figures: dict[str, Any]
) -> None:
    report = Report(observed().now, bot_status(mode="live", **STARTING, **figures))
    refused = judge(replace(deleting(lots=0), report=report))
    assert (refused.release, refused.reason, refused.flatten) == (False, "DeletionRefused", False)
    assert "the bot is not ready, its lots are unknown (the venue's clock)" in refused.message
    waits = judge(replace(deleting("Flatten", lots=0), report=report))
    assert (waits.release, waits.reason, waits.flatten) == (False, "FlattenWaits", True)


def test_flatten_says_that_the_key_is_refused(deleting: Observe, api_keys: dict[str, bytes]) -> None:
    seen = deleting("Flatten")
    mark = {"fingerprint": key_fingerprint(*api_keys.values()), "valid": False, "refusal": "401 Unauthorized"}
    verdict = judge(replace(seen, key_report=KeyReport(seen.now, upstream_with(mark))))
    assert (verdict.release, verdict.reason, verdict.flatten) == (False, "FlattenNeedsKeys", False)
    assert "401 Unauthorized" in verdict.message


PHASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "starting": ({"ready": False, "phase": "starting", "reason": "the bridge"}, {}, "not ready"),
    "reconciling": ({"ready": False, "phase": "reconciling", "reason": "2 orders"}, {}, "not ready"),
    "halted": (
        {"phase": "halted", "reason": "an order is not ours", "open_lots": 0},
        {},
        "halted (an order is not ours",
    ),
    "trading": ({"open_lots": 2}, {}, "2 lots are open"),
    "an order in flight": ({"open_lots": 0, "pending_orders": 1}, {}, "1 lot is open"),
    "an order given up": ({"open_lots": 0, "given_up_orders": 1}, {}, "may still be carried out"),
    "figures not known": ({"open_lots": None}, {}, "its lots are unknown"),
    "orders given up not known": ({"open_lots": 0, "given_up_orders": None}, {}, "its lots are unknown"),
    "suspended": ({}, {"spec": {"suspend": True}, "heard": False}, "the bot is suspended"),
    "no Deployment": ({}, {"children": {}, "heard": False}, "no bot runs"),
    "silent": ({}, {"heard": False}, "the bot does not answer"),
    "no Secret": ({}, {"secrets": {"coinbase": None}, "heard": False}, "the bot does not answer"),
    "turned to paper": ({"open_lots": 2}, {"spec": {"mode": "Paper"}, "status": {"mode": "Live"}}, "2 lots are open"),
    "never heard, but with a volume": (
        {},
        {
            "heard": False,
            "status": {},
            "children": {("PersistentVolumeClaim", "btc-state"): {"spec": {"volumeName": "pv-1"}}},
        },
        "no bot runs",
    ),
}


@pytest.mark.parametrize("phase", PHASES)
def test_deleting_with_lots_that_are_open_or_unknown_is_refused_in_every_phase(
    deleting: Observe, bot_status: MakeStatus, phase: str
) -> None:
    figures, changes, words = PHASES[phase]
    seen = deleting(**changes)
    if seen.report is not None:
        seen = replace(seen, report=Report(seen.now, bot_status(mode="live", entries=PAUSED, **figures)))
    verdict = judge(seen)
    assert (verdict.release, verdict.reason, verdict.flatten) == (False, "DeletionRefused", False)
    assert words in verdict.message


def test_a_spec_that_cannot_be_read_lets_nothing_go(deleting: Observe) -> None:
    verdict = judge(replace(deleting(), spec=None))
    assert (verdict.release, verdict.reason) == (False, "DeletionRefused")


@pytest.mark.parametrize(("seconds", "released"), [(-1, False), (0, False), (0.9, False), (1, True)])
def test_a_word_from_before_the_deletion_lets_nothing_go(deleting: Observe, seconds: float, *, released: bool) -> None:
    asked = deleting().now.replace(microsecond=0) - timedelta(seconds=10)
    metadata = {"deletionTimestamp": asked.strftime("%Y-%m-%dT%H:%M:%SZ"), "finalizers": [FINALIZER]}
    verdict = judge(deleting(lots=0, age=10 - seconds, metadata=metadata))
    assert verdict.release is released
    assert released or "has not been asked since the deletion" in verdict.message


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"mode": "paper"}, "a paper bot of BTC-USD answers"),
        ({"mode": "live", "product_id": "ETH-USD"}, "a live bot of ETH-USD answers"),
    ],
)
def test_the_word_of_a_bot_that_trades_something_else_lets_nothing_go(
    deleting: Observe, bot_status: MakeStatus, figures: dict[str, Any], words: str
) -> None:
    seen = deleting()
    verdict = judge(replace(seen, report=Report(seen.now, bot_status(open_lots=0, entries=PAUSED, **figures))))
    assert (verdict.release, verdict.reason) == (False, "DeletionRefused")
    assert words in verdict.message


def test_a_word_from_before_we_saw_the_deletion_lets_nothing_go_whatever_the_api_servers_clock(
    deleting: Observe,
) -> None:
    seen = deleting(lots=0, age=1)  # by our clock, which is far ahead, that is after the time of the deletion
    assert judge(seen).release
    assert not judge(replace(seen, asked_at=seen.now)).release


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"status": {"epoch": 3, "mode": "Live"}}, id="the ConfigMap alone says Paper"),
        pytest.param({"status": {"epoch": 3}}, id="the spec still says Live"),
    ],
)
def test_a_mode_that_was_changed_by_hand_on_the_configmap_lets_nothing_go(
    deleting: Observe, changes: dict[str, Any]
) -> None:
    marked = {"metadata": {"name": "btc-settings", "annotations": {"cbbot.io/mode": "Paper"}}}
    verdict = judge(deleting(children={**RUNS, ("ConfigMap", "btc-settings"): marked}, **changes))
    assert (verdict.release, verdict.reason) == (False, "DeletionRefused")


@pytest.mark.parametrize("policy", ["Refuse", "Flatten"])
@pytest.mark.parametrize(
    ("paused_by", "released"),
    [([], False), (["disk"], False), (["resource"], True), (["hand"], True)],
)
def test_a_bot_that_may_still_open_a_lot_is_not_let_go(
    deleting: Observe, bot_status: MakeStatus, policy: str, paused_by: list[str], *, released: bool
) -> None:
    seen = deleting(policy)
    said = bot_status(open_lots=0, mode="live", entries={"allowed": not paused_by, "paused_by": paused_by})
    verdict = judge(replace(seen, report=Report(seen.now, said)))
    assert (verdict.release, verdict.flatten) == (released, False)
    assert released or verdict.reason == "PausingEntries"


@pytest.mark.parametrize(
    ("other", "released"),
    [
        (pod("btc-bot-0", deletionTimestamp="2026-01-02T02:59:00Z"), False),
        (pod("btc-bot-0", "Pending"), False),
        (pod("btc-bot-0", "Failed"), True),
    ],
    ids=["on its way out", "not placed yet", "evicted"],
)
def test_while_two_pods_of_a_bot_may_answer_none_is_believed(
    deleting: Observe, other: dict[str, Any], *, released: bool
) -> None:
    verdict = judge(deleting(lots=0, pods=(other, pod("btc-bot-1"))))
    assert verdict.release is released
    assert released or "2 pods of the bot" in verdict.message
