"""Orders of the run before of which a start is told that they have left, and not whether the venue has them."""

from __future__ import annotations

from dataclasses import replace

from cbbot.domain.order import Side
from cbbot.trader.commands import Command, Place
from cbbot.trader.events import OrderAbsent, OrderAccepted
from cbbot.trader.intent import Progress
from cbbot.trader.listed_order import ListedOrder
from unit.bot.trader.live_trader_harness import LiveTraderHarness
from unit.bot.trader.restarted_traders import begun, bought, ended, finished, holding, listed, order


def left(trader: LiveTraderHarness, sequence: int, base: str = "0", **changed: object) -> ListedOrder:
    """An order as a list tells of it that does not have it yet."""
    sale = order(sequence, base, "0", order_id="", in_doubt=True, sent_ms=trader.now_ms)
    return replace(sale, created_ms=trader.now_ms - 1_000, **changed)  # type: ignore[arg-type]  # a test's own fields


def not_found_after(trader: LiveTraderHarness, seconds: int) -> list[Command]:
    """What follows when a complete look, so long after the list, finds no order number 3."""
    trader.now_ms += seconds * 1000
    return trader.feed(OrderAbsent(trader.now_ms, "bot-7-3", complete=True))


def test_a_lot_whose_exit_may_be_at_the_venue_is_not_sold_under_another_id() -> None:
    trader = holding()
    begun(trader)
    assert listed(trader, left(trader, 3, "0.19")) == ["bot-7-3"]
    (intent,) = trader.state.intents
    assert (intent.progress, intent.lot, intent.order_id) == (Progress.UNKNOWN, 2, "")
    assert [exit_.lot for exit_ in trader.tick("95")] == [1], "the other lot is watched"
    trader.feed(OrderAccepted(trader.now_ms, "bot-7-3", "v-3"))
    ended(trader, "bot-7-3", "101", "0.19")
    assert [lot.id for lot in trader.state.lots] == [1]


def test_an_exit_in_doubt_that_is_not_found_is_sent_again_under_its_own_id() -> None:
    trader = holding()
    begun(trader)
    listed(trader, left(trader, 3, "0.19"))
    again = not_found_after(trader, 29)
    assert [command.intent.client_order_id for command in again if isinstance(command, Place)] == ["bot-7-3"]


def test_an_order_in_doubt_is_absent_half_a_minute_after_the_list_that_told_of_it() -> None:
    trader = holding()
    begun(trader)
    listed(trader, left(trader, 3, "0.19"))
    not_found_after(trader, 30)
    assert (trader.state.intents, [each.intent.client_order_id for each in trader.state.given_up]) == ((), ["bot-7-3"])
    assert [(exit_.lot, exit_.client_order_id) for exit_ in trader.tick("95")][1] == (2, "bot-7-3")


def test_an_entry_in_doubt_is_not_made_once_more() -> None:
    trader = holding(1)
    begun(trader)
    assert listed(trader, left(trader, 2, side=Side.BUY, quote_units=2_000)) == ["bot-7-2"]
    trader.balances()
    assert trader.tick("97") == [], "entries wait"
    assert not trader.state.reconciled
    trader.feed(OrderAccepted(trader.now_ms, "bot-7-2", "v-2"))
    ended(trader, "bot-7-2", "99", "0.15")
    finished(trader, bought(2))
    assert ([lot.id for lot in trader.state.lots], trader.state.reconciled) == ([1, 2], True)


def test_an_order_in_doubt_that_explains_nothing_is_told_only_when_it_is_listed() -> None:
    trader = holding(1)
    begun(trader)
    assert listed(trader, left(trader, 3, "0.7")) == []
    assert (trader.state.unexplained, trader.state.paused_by, trader.state.watching) == ("", frozenset(), True)
    finished(trader, order(3, "0.7"))
    assert "bot-7-3" in trader.state.unexplained


def test_an_order_in_doubt_that_had_to_wait_is_adopted_as_the_next_list_has_it() -> None:
    trader = holding(1)
    begun(trader)
    bought_then = bought(2)
    assert listed(trader, bought_then, left(trader, 3, "0.15")) == ["bot-7-2"]
    assert listed(trader, bought_then, order(3, "0.15", "101")) == []
    assert ended(trader, "bot-7-2", "99", "0.15") == ["bot-7-3"]
    (intent,) = trader.state.intents
    assert (intent.progress, intent.order_id) == (Progress.ACCEPTED, "v-3")


def test_an_exit_that_was_given_up_is_not_adopted_because_its_request_is_in_doubt_again() -> None:
    trader = holding()
    begun(trader)
    listed(trader, left(trader, 3, "0.19"))
    not_found_after(trader, 30)
    assert listed(trader, left(trader, 3, "0.19")) == []
    assert [each.intent.client_order_id for each in trader.state.given_up] == ["bot-7-3"]
