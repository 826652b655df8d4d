from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cbbot.contract.tradingbot_status import TradingBotStatus
from cbbot_operator.conditions import Outcome
from cbbot_operator.kubernetes_events import changes, event
from cbbot_operator.observed import Observed, Report
from cbbot_operator.resource_status import derive_status, merge_patch, worth_writing
from unit.operator.memory_cluster import MakeStatus, Observe


@pytest.fixture
def heard(observed: Observe, bot_status: MakeStatus) -> Observe:
    def make(status: dict[str, Any] | None = None, **figures: Any) -> Observed:
        return observed(report=Report(observed().now, bot_status(**figures)), status=status or {})

    return make


def test_the_bots_figures_are_printed_with_two_places(heard: Observe) -> None:
    status = derive_status(heard(), Outcome(), [])
    TradingBotStatus.model_validate(status)
    assert (status["equityUSD"], status["dailyPnLUSD"], status["unrealizedPnLUSD"]) == ("1003.46", "3.46", "-0.06")
    assert (status["openLots"], status["epoch"], status["mode"]) == (2, 3, "Paper")
    assert status["lastTickAt"] == "2026-01-02T03:04:03Z"
    assert status["lastDecision"] == {"signal": "buy", "reason": "entered", "at": "2026-01-02T03:04:00Z"}
    assert "lastFitAt" not in status


def test_a_large_sum_is_no_power_of_ten(heard: Observe) -> None:
    assert derive_status(heard(equity_usd="1e8"), Outcome(), [])["equityUSD"] == "100000000.00"


def test_what_the_bot_last_said_stays_while_it_is_silent(heard: Observe, observed: Observe) -> None:
    answered = derive_status(heard(), Outcome(), [])
    silent = derive_status(observed(status=answered, report=Report(observed().now, failure="timeout")), Outcome(), [])
    assert silent["equityUSD"] == "1003.46"
    assert silent["openLots"] == 2


def test_warnings_of_operator_and_bot_are_reported_once_and_go_away(heard: Observe) -> None:
    status = derive_status(heard(warnings=["b", "a"]), Outcome(), ["a"])
    assert status["warnings"] == ["a", "b"]
    assert "warnings" not in derive_status(heard(status=status), Outcome(), [])


def test_drifting_figures_wait_and_lots_do_not(heard: Observe, observed: Observe) -> None:
    now = observed().now
    paused = {"allowed": False, "paused_by": ["hand"]}
    before = derive_status(heard(), Outcome(), [])
    drifted = derive_status(heard(status=before, equity_usd="1004"), Outcome(), [])
    assert not worth_writing(before, before, None, now)
    assert not worth_writing(before, drifted, now - timedelta(seconds=29), now)
    assert worth_writing(before, drifted, now - timedelta(seconds=30), now)
    for change in ({"open_lots": 3}, {"breaker_tripped": True}, {"mode": "live"}, {"entries": paused}):
        after = derive_status(heard(status=before, **change), Outcome(), [])
        assert worth_writing(before, after, now, now), change


def test_a_figure_whose_text_is_the_same_is_not_written(heard: Observe, observed: Observe) -> None:
    before = derive_status(heard(), Outcome(), [])
    after = derive_status(heard(status=before, equity_usd="1003.4568"), Outcome(), [])
    assert not worth_writing(before, after, None, observed().now)


def test_the_patch_names_what_changed_and_what_is_gone() -> None:
    assert merge_patch({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 4}) == {"status": {"b": 4, "c": None}}


def conditions(**kinds: tuple[str, str]) -> dict[str, Any]:
    return {
        "conditions": [
            {"type": kind, "status": status, "reason": reason, "message": "m"}
            for kind, (status, reason) in kinds.items()
        ]
    }


def test_one_event_for_a_change_and_none_for_a_retry() -> None:
    before = conditions(Ready=("True", "Trading"))
    after = conditions(Ready=("False", "BotNotReady"))
    assert changes(before, after) == [("Warning", "BotNotReady", "Ready=False: m")]
    assert changes(after, after) == []
    assert changes(after, before) == [("Normal", "Trading", "Ready=True: m")]
    assert changes(before, conditions(Ready=("True", "Paused"))) == []
    assert changes(before, conditions(Ready=("False", "Suspended"))) == [("Normal", "Suspended", "Ready=False: m")]


def test_a_rollout_is_no_warning_and_open_lots_are_no_news() -> None:
    after = conditions(Ready=("False", "BotNotReady"), Progressing=("True", "RollingOut"))
    assert [level for level, _, _ in changes({}, after)] == ["Normal"]
    lots = conditions(PositionsOpen=("True", "LotsOpen"))
    assert changes(conditions(PositionsOpen=("False", "Flat")), lots) == []
    refused = conditions(PositionsOpen=("True", "DeletionRefused"))
    assert changes(lots, refused) == [("Warning", "DeletionRefused", "PositionsOpen=True: m")]


def test_a_degradation_that_ready_tells_is_reported_once() -> None:
    why = "SecretMissing"
    after = conditions(Ready=("False", why), Degraded=("True", why), CredentialsValid=("False", why))
    assert [reason for _, reason, _ in changes({}, after)] == ["SecretMissing"]


def test_an_event_is_about_the_tradingbot(observed: Observe) -> None:
    made = event(observed(), "Warning", "Reason", "x" * 5000)
    assert made["involvedObject"]["uid"] == "tb-uid"
    assert made["metadata"]["generateName"] == "btc."
    assert len(made["message"]) == 1000


@pytest.mark.parametrize("equity", ["0", None])
def test_figures_of_a_bot_that_is_not_ready_replace_nothing(heard: Observe, equity: str | None) -> None:
    before = derive_status(heard(), Outcome(), [])
    starting = {"ready": False, "phase": "starting", "equity_usd": equity, "open_lots": 0, "epoch": None}
    again = derive_status(heard(status=before, **starting), Outcome(), [])
    assert (again["equityUSD"], again["openLots"], again["epoch"]) == ("1003.46", 2, 3)
    first = derive_status(heard(**starting), Outcome(), [])
    assert not {"equityUSD", "openLots", "epoch"} & first.keys()


def test_what_a_ready_bot_does_not_know_is_absent(heard: Observe) -> None:
    before = derive_status(heard(), Outcome(), [])
    status = derive_status(heard(status=before, equity_usd=None), Outcome(), [])
    assert "equityUSD" not in status
    TradingBotStatus.model_validate(status)


@pytest.mark.parametrize(
    ("figures", "field"),
    [
        ({"price_age_seconds": 1e308}, "lastTickAt"),
        ({"price_age_seconds": -1e12}, "lastTickAt"),
        ({"daily_pnl_usd": "NaN"}, "dailyPnLUSD"),
        ({"equity_usd": "-Infinity"}, "equityUSD"),
        ({"last_price": "1" * 41}, "lastPrice"),
        ({"last_decision": {"signal": "buy", "p_up": 0.6, "reason": "y" * 257, "at": "now"}}, "lastDecision"),
    ],
)
def test_a_figure_that_a_status_cannot_hold_is_absent_and_the_others_are_there(
    heard: Observe, figures: dict[str, Any], field: str
) -> None:
    status = derive_status(heard(**figures), Outcome(), [])
    TradingBotStatus.model_validate(status)
    assert field not in status
    assert status["openLots"] == 2
