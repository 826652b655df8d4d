"""A bot of a simulated world may say that it cannot go on where the faults that it met explain that, and only there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cbbot.soak.explained_words import ExplainedWords
from cbbot.soak.violated import Violated
from cbbot.trader.startup import UNEXPLAINED
from unit.bot.trader.live_trader_harness import LiveTraderHarness

STALE = "UnsafeStart: the bridge knows a newer epoch of soak than 7"
UNSAVED = "CbbotError: stopped, but the last state is not saved: No space left on device"


@pytest.mark.parametrize(
    ("words", "met"),
    [
        ("", []),
        (UNSAVED, [("disk.write state", "disk_full")]),
        (STALE, [("second", "stale_folder")]),
        (STALE, [("bot>bridge.GET fees", "late_effect"), ("disk.sync state", "machine_lost_power")]),
    ],
)
def test_words_that_faults_explain_are_let_pass(words: str, met: list[tuple[str, str]]) -> None:
    ExplainedWords(lambda: met).ended(words)


def paused(met: list[tuple[str, str]]) -> None:
    state = LiveTraderHarness().state
    words = ExplainedWords(lambda: met)
    words.began()
    words.changed(replace(state, paused_by=frozenset({UNEXPLAINED})))


def test_an_order_that_nobody_can_know_of_may_have_to_be_explained() -> None:
    unseen, second = ("bridge>venue.create", "unseen"), ("second", "stale_folder")
    for death in (("bridge", "killed"), ("disk.sync state", "bridge_killed")):
        paused([unseen, second, death])
        for left_out in ([unseen, death], [second, death], [unseen, second]):
            with pytest.raises(Violated, match="paused by unexplained_orders"):
                paused(left_out)


@pytest.mark.parametrize("taken", ["withdraw_base", "sell_by_hand"])
def test_an_exit_of_what_people_left_in_the_account_may_have_to_be_explained(taken: str) -> None:
    for older in (("disk.rename state", "read_only"), ("second", "stale_folder")):
        paused([("exchange", taken), older])
        for left_out in ([("exchange", taken)], [older]):
            with pytest.raises(Violated, match="paused by unexplained_orders"):
                paused(left_out)


@pytest.mark.parametrize(
    ("words", "met"),
    [
        (UNSAVED, [("bridge", "killed")]),
        (STALE, []),
        (STALE, [("bot>bridge.GET fees", "late_effect")]),
        (STALE, [("bridge>venue.fees", "late_effect"), ("bot", "lost_power")]),
        ("TypeError: something else", [("second", "stale_folder"), ("disk.write state", "disk_full")]),
    ],
)
def test_words_that_nothing_explains_break_the_run(words: str, met: list[tuple[str, str]]) -> None:
    with pytest.raises(Violated, match="words have a reason"):
        ExplainedWords(lambda: met).ended(words)
