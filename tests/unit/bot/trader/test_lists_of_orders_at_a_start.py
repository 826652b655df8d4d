"""How far back a start lists orders, and what it makes of two of them under one id and of one that it cannot read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.codes import EXITS
from cbbot.trader.commands import ListOrders
from cbbot.trader.corrections import explained
from cbbot.trader.events import OrdersListed
from cbbot.trader.startup import UNEXPLAINED
from unit.bot.trader.live_trader_harness import PYRAMID, LiveTraderHarness
from unit.bot.trader.restarted_traders import (
    asked_after,
    begun,
    bought,
    ended,
    finished,
    holding,
    listed,
    listed_after,
    order,
)

UNREADABLE = order(3, "0", problem="Coinbase contradicts itself", order_id="")


@pytest.mark.parametrize("ahead_hours", [2, 23])
def test_after_a_save_by_a_clock_that_was_ahead_the_list_reaches_back_behind_the_save(ahead_hours: int) -> None:
    """However long after it the next start is: what was placed right after the save must be in the list."""
    for later_hours in (0, 1, 22, 30):
        trader = holding(1)
        saved_ms = trader.state.accounted_ms - ahead_hours * 3_600_000
        trader.now_ms = saved_ms + later_hours * 3_600_000
        (asked,) = (command for command in begun(trader) if isinstance(command, ListOrders))
        assert asked.since_ms <= saved_ms


def test_a_save_of_far_in_the_future_says_nothing_of_when_it_was() -> None:
    trader = holding(1)
    trader.now_ms -= 90_000_000
    (asked,) = (command for command in begun(trader) if isinstance(command, ListOrders))
    assert asked.since_ms == trader.now_ms - 7 * 86_400_000


def test_of_two_orders_under_one_id_the_first_is_booked_and_the_other_is_said() -> None:
    trader = holding(1)
    begun(trader)
    second = replace(bought(2), order_id="v-other", created_ms=bought(2).created_ms + 1)
    assert listed(trader, second, bought(2)) == ["bot-7-2"]
    ended(trader, "bot-7-2", "99", "0.15")
    finished(trader, second, bought(2))
    assert [(lot.id, BTC_USD.base_text(lot.base)) for lot in trader.state.lots] == [
        (1, "0.20000000"),
        (2, "0.15000000"),
    ]
    assert UNEXPLAINED in trader.state.paused_by
    assert "an id used twice" in trader.state.unexplained
    assert "v-other" in trader.state.unexplained
    assert [exit_.lot for exit_ in trader.tick("95")] == [1], "exits go on"


def test_an_id_used_twice_is_said_once_also_when_it_is_that_of_an_order_under_way() -> None:
    trader = LiveTraderHarness(**PYRAMID)
    trader.balances()
    (entry,) = trader.tick("100")
    begun(trader)
    other = replace(bought(1), order_id="v-other", created_ms=bought(1).created_ms + 1)
    listed(trader, other, bought(1))
    assert trader.state.intents[0].order_id == "v-1"
    assert "an id used twice" in trader.state.unexplained
    trader.state = explained(trader.state)
    ended(trader, entry.client_order_id, "100", "0.1")
    begun(trader)
    listed(trader, other, bought(1))
    finished(trader, other, bought(1))
    assert ([lot.id for lot in trader.state.lots], trader.state.unexplained) == ([1], "")


def test_what_was_placed_before_the_save_of_a_whole_account_is_in_the_state_and_not_adopted_again() -> None:
    trader = holding()
    trader.now_ms += 301_000
    trader.pass_time()
    trader.feed(OrdersListed(trader.now_ms, (bought(1), bought(2))))
    assert not trader.state.accounting
    begun(trader)
    assert trader.state.startup.accounted == ()
    assert listed(trader, bought(1), bought(2)) == []
    assert [lot.id for lot in trader.state.lots] == [1, 2]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(("price", "reason"), [("95", "stop_loss"), ("105", "take_profit"), ("100", "flatten")])
def test_why_a_lot_was_sold_is_told_by_the_price_of_an_exit_that_was_under_way_when_it_was_listed(
    price: str, reason: str, restarted: bool
) -> None:
    trader = holding(1)
    begun(trader)
    assert listed(trader, order(2, "0.2", "0")) == ["bot-7-2"]
    if restarted:
        begun(trader)
    ended(trader, "bot-7-2", price, "0.2")
    (trade,) = trader.state.trades
    assert EXITS[trade.closed.reason] == reason


def test_an_order_that_cannot_be_read_yet_is_listed_again_until_it_can_be() -> None:
    """Of a new order the venue says that it is filled before it says how much."""
    trader = holding()
    begun(trader)
    assert listed(trader, UNREADABLE, order(4, "0.19")) == [], "what it did to the lots is needed for the next one"
    assert not trader.state.watching, "it may have sold a lot"
    assert asked_after(trader, 1) == []
    assert len(asked_after(trader, 2)) == 1
    assert listed(trader, UNREADABLE, order(4, "0.19")) == []
    assert len(asked_after(trader, 4)) == 1
    assert listed(trader, order(4, "0.19"), order(3, "0.2")) == ["bot-7-3"]
    assert asked_after(trader, 6) == []
    assert ended(trader, "bot-7-3", "95", "0.2") == ["bot-7-4"]
    ended(trader, "bot-7-4", "95", "0.19")
    finished(trader, order(4, "0.19"), order(3, "0.2"))
    assert (trader.state.lots, trader.state.paused_by, trader.state.reconciled) == ((), frozenset(), True)


def test_an_order_that_stays_unreadable_is_named_and_the_others_are_adopted() -> None:
    trader = holding()
    begun(trader)
    listed(trader, UNREADABLE, order(4, "0.19"))
    listed_after(trader, 29, UNREADABLE, order(4, "0.19"))
    assert trader.state.paused_by == frozenset()
    assert listed_after(trader, 30, UNREADABLE, order(4, "0.19")) == ["bot-7-4"]
    ended(trader, "bot-7-4", "101", "0.19")
    finished(trader, UNREADABLE, order(4, "0.19"))
    assert ([lot.id for lot in trader.state.lots], trader.state.reconciled) == ([1], True)
    assert UNEXPLAINED in trader.state.paused_by
    assert "order bot-7-3 cannot be read: Coinbase contradicts itself" in trader.state.unexplained
    trader.balances(base="1")
    (exit_,) = trader.tick("95")
    assert exit_.client_order_id == "bot-8-5", "its number is not used again, and what is open is watched"
