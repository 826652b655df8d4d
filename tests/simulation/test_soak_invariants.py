"""Each invariant of the simulated world is seen to break: by a bot that says, does or writes what it must not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from cbbot.contract.bot_api import BotStatus, Entries, NumberedTrade
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel import account
from cbbot.runtime import live_bot
from cbbot.runtime.status_answer import About, Moment, status_of
from cbbot.soak.exchange_side import BookedOrder, Books
from cbbot.soak.fault_plan import BOT_CLOCK, BRIDGE_CLOCK, JUMPS, SECOND, Injection, Plan
from cbbot.soak.simulated_world import run_plan
from cbbot.soak.trade_rows import check_trade_rows
from cbbot.soak.violated import Violated
from cbbot.trader import account_figures, adoption, late_orders, refused_orders, stepping
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import TraderState
from cbbot.views.json_rows import trade_row
from cbbot.views.last_known import FIRST_START
from cbbot_bridge.in_memory.in_memory_exchange import exchange_side
from cbbot_bridge.in_memory.soak_command import plan_of_seed

SOLD = BookedOrder(
    "bot-1-1",
    "v-1",
    "SELL",
    over=True,
    filled_base=Decimal("0.1"),
    filled_quote=Decimal(10),
    fees=Decimal("0.1"),
    created_ms=0,
)
_KILLS = tuple(Injection(at=at, site="bot", kind="killed") for at in (300.0, 500.0, 700.0, 900.0))


def row(number: int) -> NumberedTrade:
    """The trade that :data:`SOLD` is."""
    told = {"role": "runner", "closed_as": "runner", "side": "BUY", "lot": 1, "number": number}
    unlooked = ("opened_at", "open_price", "cost", "entry_fee", "closed_at", "close_price", "net_pnl", "exit_reason")
    money = {"base_size": "0.10000000", "proceeds": BTC_USD.money_text(BTC_USD.ledger_down(SOLD.filled_quote))}
    fee = BTC_USD.money_text(BTC_USD.ledger_up(SOLD.fees))
    return NumberedTrade.model_validate(dict.fromkeys(unlooked, "") | told | money | {"exit_fee": fee})


def violated(plan: Plan) -> str:
    return run_plan(plan, exchange_side).violated


def killed_now_and_then(seed: int = 3) -> Plan:
    return Plan(seed=seed, hours=0.3, injections=_KILLS)


def test_a_bot_that_is_only_killed_breaks_nothing() -> None:
    assert violated(killed_now_and_then()) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"equity_usd": "1"},
        {"exposure_usd": "0"},
        {"open_lots": 0},
        {"pending_orders": 0},
        {"given_up_orders": 7},
        {"as_of": None},
        {"price_age_seconds": 0.0},
        {"last_price": "1"},
        {"entries": Entries(allowed=True)},
        {"phase": "trading"},
        {"ready": True},
        {"breaker_tripped": True},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_status_that_says_what_is_not_so_is_caught(monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]) -> None:
    def told(about: About, moment: Moment) -> BotStatus:
        return status_of(about, moment).model_copy(update=wrong)

    monkeypatch.setattr(live_bot, "status_of", told)
    assert violated(killed_now_and_then()) == "status is true"


def test_a_start_that_tells_nothing_of_its_lots_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_bot, "last_known", lambda *_, **__: FIRST_START)
    assert violated(killed_now_and_then()) == "status is true"


@pytest.mark.parametrize("wrong", [{"exit_fee": "0"}, {"proceeds": "1"}, {"base_size": "1"}])
def test_a_trade_that_is_not_as_the_exchange_has_it_is_caught(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]
) -> None:
    monkeypatch.setattr("cbbot.runtime.trade_log.trade_row", lambda *of: trade_row(*of).model_copy(update=wrong))
    assert violated(Plan(seed=3, hours=0.3, injections=())) == "trades are the exits that were filled"


def test_one_row_for_each_order_that_has_sold_is_right_and_none_or_two_are_not() -> None:
    books = Books(1, {"bot-1-1": SOLD}, Decimal(0), Decimal(0), Decimal(0), Decimal(0))
    check_trade_rows(BTC_USD, books, [row(1)], 1)
    for rows, count, words in (
        ([], 0, "bot-1-1 has sold"),
        ([row(1), row(2)], 2, "no order of the exchange"),
        ([row(2)], 1, "the state counts 1"),
    ):
        with pytest.raises(Violated, match=words):
            check_trade_rows(BTC_USD, books, rows, count)


# An exit leaves while the disk is full, the power is cut, and the list of the next start has it twice.
_SOLD_UNSAVED = (
    Injection(at=505.892, site="disk.write state", kind="disk_full", times=30),
    Injection(at=505.892, site="bridge>venue.list_orders", kind="page_twice", times=8),
    Injection(at=518.781, site="bot", kind="lost_power", skip=3),
)


def sold_unsaved() -> Plan:
    return Plan(seed=1, hours=0.3, injections=_SOLD_UNSAVED)


def test_an_exit_that_the_state_does_not_know_and_the_list_has_twice_is_one_trade() -> None:
    assert violated(sold_unsaved()) == ""


def test_a_pause_that_no_fault_explains_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "adopted", lambda _rules, _state, order: f"order {order.client_order_id}")
    assert violated(sold_unsaved()) == "words have a reason"


def test_exits_that_wait_for_what_is_unknown_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = refused_orders.exit_waits
    assert violated(plan_of_seed(9, 0.25, "doubt")) == ""
    monkeypatch.setattr(refused_orders, "exit_waits", lambda state, lot: state.outcome_unknown or waits(state, lot))
    assert violated(plan_of_seed(9, 0.25, "doubt")) == "every lot is watched"


def test_entries_that_do_not_wait_for_what_is_unknown_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    sized = vars(stepping)["_size"]

    def as_if_known(rules: Rules, state: TraderState, *others: Any) -> Any:
        return sized(rules, replace(state, intents=()), *others)

    monkeypatch.setattr("cbbot.trader.stepping._size", as_if_known)
    # Balances of before an order in doubt forbid an entry too.
    monkeypatch.setattr(account_figures, "cash", lambda _rules, state, _now_ms: account.cash(state.account))
    assert violated(plan_of_seed(2, 0.25, "doubt")) == "no entry in doubt"


@pytest.mark.parametrize("kind", ["same_folder", "copied_folder", "stale_folder"])
def test_of_two_bots_of_one_name_the_older_ends_and_says_why(kind: str) -> None:
    twice = tuple(Injection(at=at, site=SECOND, kind=kind) for at in (300.0, 600.0, 850.0))

    result = run_plan(Plan(seed=3, hours=0.3, injections=twice), exchange_side, kept=True)

    assert (result.violated, result.detail) == ("", "")
    ended = [line for line in result.lines if "older bot ended" in line]
    assert len(ended) == 3
    assert all("UnsafeStart: the bridge knows a newer epoch of soak" in line for line in ended)


@pytest.mark.parametrize("kind", JUMPS)
@pytest.mark.parametrize("share", [0.0, 1.0], ids=["while it runs", "while it is down"])
def test_clocks_of_machines_that_are_set_break_nothing(kind: str, share: float) -> None:
    set_ = (
        Injection(at=250.0, site=BOT_CLOCK, kind=kind, share=share),
        Injection(at=450.0, site=BRIDGE_CLOCK, kind=kind),
        Injection(at=800.0, site=BOT_CLOCK, kind="right", share=share),
        Injection(at=800.0, site=BRIDGE_CLOCK, kind="right"),
    )
    assert violated(Plan(seed=3, hours=0.3, injections=tuple(sorted((*_KILLS, *set_), key=lambda each: each.at)))) == ""


def test_a_disk_that_hangs_between_any_two_of_its_operations_breaks_nothing() -> None:
    hangs = tuple(
        Injection(at=100.0 + 50 * step, site="disk.thread", kind="hung_within", seconds=7.0, share=step / 16)
        for step in range(16)
    )
    plan = Plan(seed=3, hours=0.3, injections=tuple(sorted((*hangs, *_KILLS), key=lambda each: each.at)))

    first, again = (run_plan(plan, exchange_side) for _ in range(2))

    assert (first.violated, first.detail) == ("", "")
    assert first.hits["disk.thread", "hung_within"] > 10
    assert first.digest == again.digest


def test_a_machine_that_loses_its_power_at_an_append_writes_nothing_more() -> None:
    assert violated(plan_of_seed(3, 0.25)) == ""


def carried_out_late() -> Plan:
    """Every minute one to three orders are carried out a minute or two after they have left."""
    late = tuple(
        Injection(
            at=60.0 * minute,
            site="bridge>venue.create",
            kind="late_effect",
            share=0.4 + 0.15 * (minute % 4),
            times=1 + minute % 3,
        )
        for minute in range(1, 17)
    )
    return Plan(seed=4, hours=0.3, injections=late)


def test_orders_that_are_carried_out_after_their_absence_was_believed_are_in_the_ledger() -> None:
    assert violated(carried_out_late()) == ""


def test_an_absence_that_is_believed_for_good_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_orders, "given_up", lambda state, _: state)
    assert violated(carried_out_late()) == "lots are what was filled"


def test_orders_that_nobody_looks_for_again_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_orders, "due", lambda _: False)
    assert violated(carried_out_late()) == "all comes right"
