"""How far back a start lists the account's orders, and what it makes of two of them under one id."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cbbot.domain.instrument import BTC_USD
from cbbot.trader.commands import ListOrders
from cbbot.trader.corrections import explained
from cbbot.trader.events import OrdersListed
from cbbot.trader.startup import UNEXPLAINED
from unit.bot.trader.live_trader_harness import PYRAMID, LiveTraderHarness
from unit.bot.trader.restarted_traders import begun, bought, ended, finished, holding, listed


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
