"""What a start does about orders that the account has and the state does not, and about base that is not there."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Side
from cbbot.trader.codec import decode, encode
from cbbot.trader.commands import ListOrders, Place
from cbbot.trader.events import (
    BalancesKnown,
    EntriesPaused,
    OrderAbsent,
    OrdersListed,
    OrdersNotListed,
    OrderUnknown,
    TimePassed,
)
from cbbot.trader.intent import Purpose
from cbbot.trader.listed_order import ListedOrder
from cbbot.trader.refused_orders import WITHOUT_BASE
from cbbot.trader.startup import UNEXPLAINED, waits_for
from unit.bot.trader.live_trader_harness import PYRAMID, LiveTraderHarness
from unit.bot.trader.restarted_traders import (
    begun,
    bought,
    ended,
    finished,
    holding,
    listed,
    listed_after,
    looked_up,
    order,
)


def test_two_lots_that_were_sold_while_the_disk_was_full_are_not_open_again() -> None:
    trader = holding()
    sales = order(3, "0.2"), order(4, "0.19")
    begun(trader)
    assert listed(trader, *sales) == ["bot-7-3"]
    assert trader.tick("95") == [], "what may be sold already is not sold"
    assert ended(trader, "bot-7-3", "101", "0.2") == ["bot-7-4"]
    ended(trader, "bot-7-4", "101", "0.19")
    finished(trader, *sales)
    assert (trader.state.lots, trader.state.trade_count, trader.state.reconciled) == ((), 2, True)
    assert trader.state.account.realised == 39 * 10**8 + 0
    assert [trade.closed.lot.id for trade in trader.state.trades] == [1, 2]
    (entry,) = trader.tick("97")
    assert entry.client_order_id == "bot-8-5", "no number of theirs is used again"


def test_lots_that_were_bought_after_a_backup_are_open_and_those_sold_are_not() -> None:
    trader = holding(1)
    after = bought(2), order(3, "0.2", "102.5"), bought(4)
    begun(trader)
    assert listed(trader, *reversed(after)) == ["bot-7-2"]
    assert ended(trader, "bot-7-2", "99", "0.15") == ["bot-7-3"]
    assert ended(trader, "bot-7-3", "102.5", "0.2") == ["bot-7-4"]
    ended(trader, "bot-7-4", "98", "0.16")
    finished(trader, *after)
    assert [(lot.id, BTC_USD.base_text(lot.base)) for lot in trader.state.lots] == [
        (2, "0.15000000"),
        (3, "0.16000000"),
    ]
    (trade,) = trader.state.trades
    assert (trade.closed.lot.id, trader.state.reconciled) == (1, True)


def test_an_order_that_is_in_the_state_is_not_booked_again() -> None:
    trader = holding()
    begun(trader)
    known = bought(1), bought(2)
    assert listed(trader, *known) == []
    finished(trader, *known)
    assert ([lot.id for lot in trader.state.lots], trader.state.reconciled) == ([1, 2], True)


def test_an_order_that_a_list_has_twice_is_booked_once() -> None:
    trader = holding(1)
    begun(trader)
    assert listed(trader, bought(2), order(3, "0.2"), bought(2), order(3, "0.2")) == ["bot-7-2"]
    assert ended(trader, "bot-7-2", "99", "0.15") == ["bot-7-3"]
    assert ended(trader, "bot-7-3", "101", "0.2") == []
    finished(trader, bought(2), bought(2), order(3, "0.2"))
    assert [(lot.id, BTC_USD.base_text(lot.base)) for lot in trader.state.lots] == [(2, "0.15000000")]
    assert (trader.state.trade_count, trader.state.paused_by, trader.state.reconciled) == (1, frozenset(), True)


def test_an_adoption_that_is_cut_short_goes_on_at_the_next_start_and_books_nothing_twice() -> None:
    trader = holding()
    sales = order(3, "0.2"), order(4, "0.19")
    begun(trader)
    assert listed(trader, *sales) == ["bot-7-3"]
    ended(trader, "bot-7-3", "101", "0.2")
    assert looked_up(begun(trader)) == ["bot-7-4"], "it was adopted, and is asked after"
    assert listed(trader, *sales) == []
    ended(trader, "bot-7-4", "101", "0.19")
    finished(trader, *sales)
    assert (trader.state.lots, trader.state.trade_count, trader.state.reconciled) == ((), 2, True)


def test_an_exit_of_a_start_that_was_cut_short_is_not_adopted_by_the_next() -> None:
    trader = holding()
    begun(trader)
    listed(trader)
    exits = trader.tick("95")
    assert [each.client_order_id for each in exits] == ["bot-8-3", "bot-8-4"]
    for each in exits:
        trader.fill(each, "95")
    begun(trader)
    assert listed(trader, order(3, "0.2", epoch=8), order(4, "0.19", epoch=8)) == []
    assert (trader.state.lots, trader.state.trade_count) == ((), 2)


def test_a_start_that_was_cut_short_leaves_the_next_one_to_list_as_far_back() -> None:
    trader = holding(1)
    trader.now_ms += 2 * 86_400_000
    (first,) = (command for command in begun(trader) if isinstance(command, ListOrders))
    trader.feed(EntriesPaused(trader.now_ms, "hand"))
    trader.now_ms += 2 * 86_400_000
    (second,) = (command for command in begun(trader) if isinstance(command, ListOrders))
    assert second.since_ms == first.since_ms


def test_an_order_that_was_invisible_is_found_by_the_second_look_before_entries_are_let_go() -> None:
    trader = holding(1)
    begun(trader)
    assert listed(trader) == []
    assert trader.state.watching
    assert not trader.state.reconciled
    trader.now_ms += 29_000
    assert [c for c in trader.feed(TimePassed(trader.now_ms, 29_000)) if isinstance(c, ListOrders)] == []
    trader.now_ms += 1_000
    (again,) = (c for c in trader.feed(TimePassed(trader.now_ms, 30_000)) if isinstance(c, ListOrders))
    assert again.prefix == "bot-"
    assert listed(trader, order(2, "0.2")) == ["bot-7-2"]
    ended(trader, "bot-7-2", "101", "0.2")
    assert (trader.state.lots, trader.state.trade_count, trader.state.reconciled) == ((), 1, True)


def test_it_asks_from_a_day_before_the_newest_save_and_again_until_it_is_answered() -> None:
    trader = holding()
    accounted_ms = trader.state.accounted_ms
    (asked,) = (command for command in begun(trader) if isinstance(command, ListOrders))
    assert (asked.prefix, asked.since_ms) == ("bot-", accounted_ms - 86_400_000)
    trader.feed(OrdersNotListed(trader.now_ms, "bridge: GET /orders: 503 proof wanted"))
    assert "503 proof wanted" in waits_for(trader.state.startup, ())
    assert trader.tick("95") == []
    assert isinstance(trader.feed(TimePassed(trader.now_ms, 400_000))[-1], ListOrders)
    assert trader.feed(TimePassed(trader.now_ms, 401_999)) == []
    assert isinstance(trader.feed(TimePassed(trader.now_ms, 402_000))[-1], ListOrders)
    listed(trader)
    assert len(trader.tick("95")) == 2


@pytest.mark.parametrize(
    ("unknown", "words"),
    [(order(3, "0.5"), "SELL of 0.50000000 BTC"), (order(3, "0.2", side=Side.BUY), "BUY of 0.20000000 BTC")],
    ids=["no lot of its size", "a BUY that closes nothing"],
)
def test_an_order_that_nothing_explains_pauses_entries_and_says_what_to_do(unknown: ListedOrder, words: str) -> None:
    trader = holding()
    begun(trader)
    assert listed(trader, unknown) == []
    finished(trader, unknown)
    assert trader.state.reconciled
    assert UNEXPLAINED in trader.state.paused_by
    assert "bot-7-3" in trader.state.unexplained
    assert words in trader.state.unexplained
    assert "cbbot state adopt" in trader.state.unexplained
    assert len(trader.tick("95")) == 2, "exits go on"
    kept = decode(trader.rules, encode(trader.rules, trader.state)).state
    assert (kept.paused_by, kept.unexplained) == (trader.state.paused_by, trader.state.unexplained)


def test_an_order_that_ended_without_a_fill_explains_itself() -> None:
    trader = holding()
    begun(trader)
    canceled = order(3, "0.5", unfilled=True)
    assert listed(trader, canceled) == []
    finished(trader, canceled)
    assert (trader.state.paused_by, trader.state.reconciled) == (frozenset(), True)


def test_of_two_lots_of_one_size_the_one_whose_level_was_reached_is_the_one_that_was_sold() -> None:
    trader = LiveTraderHarness(**PYRAMID)
    trader.buy("100", "0.2")
    trader.buy("96", "0.2")  # takes at 97.92 if it is a scalp; the runner at 104
    begun(trader)
    listed(trader, order(3, "0.2", "98"))
    ended(trader, "bot-7-3", "98", "0.2")
    assert [lot.id for lot in trader.state.lots] == [1]
    assert trader.state.trades[0].closed.lot.id == 2


def test_an_open_order_that_is_in_the_list_is_asked_after_by_the_venues_id_and_before_others_are_adopted() -> None:
    trader = holding(1)
    trader.balances(base="0.2")
    (entry,) = trader.tick("100")
    begun(trader)
    assert listed(trader, bought(2), order(3, "0.19")) == []
    (known,) = trader.state.intents
    assert (known.client_order_id, known.order_id) == (entry.client_order_id, "v-2")
    assert ended(trader, entry.client_order_id, "100", "0.19") == ["bot-7-3"]
    ended(trader, "bot-7-3", "101", "0.19")
    assert [lot.id for lot in trader.state.lots] == [1]


def test_the_epoch_exceeds_that_of_every_order_of_the_account() -> None:
    trader = holding(1)
    begun(trader)
    assert trader.state.epoch == 8
    listed(trader, bought(1, epoch=12))
    assert trader.state.epoch == 13
    (exit_,) = trader.tick("95")
    assert exit_.client_order_id == "bot-13-2"
    trader.feed(OrdersListed(trader.now_ms, (order(2, "0.2", epoch=13), bought(1, epoch=12))))
    assert trader.state.epoch == 13, "its own orders are none of another run"


@pytest.mark.parametrize(("base", "paused"), [("0.39", False), ("7", False), ("0.3899", True), ("0", True)])
def test_the_account_must_hold_the_base_of_the_lots_before_entries_are_let_go(base: str, paused: bool) -> None:
    trader = holding()
    begun(trader)
    listed(trader)
    assert not trader.state.reconciled
    finished(trader, base=base)
    assert trader.state.reconciled
    assert (WITHOUT_BASE in trader.state.paused_by) == paused
    assert ("cbbot state write-off" in trader.state.unexplained) == paused
    assert len(trader.tick("95")) == 2


def test_base_that_is_not_in_the_balances_yet_is_waited_for() -> None:
    trader = holding()
    begun(trader)
    listed(trader, bought(3))
    trader.now_ms += 25_000
    ended(trader, "bot-7-3", "100", "0.1")
    trader.now_ms += 5_000
    trader.feed(OrdersListed(trader.now_ms, (bought(3),)))
    trader.balances(base="0.39")
    assert "waiting for balances" in waits_for(trader.state.startup, ())
    assert not trader.state.reconciled
    trader.now_ms += 20_000
    trader.balances(base="0.49")
    assert (trader.state.reconciled, trader.state.paused_by) == (True, frozenset())


def test_without_a_lot_nothing_is_compared() -> None:
    trader = LiveTraderHarness()
    begun(trader)
    listed(trader)
    trader.now_ms += 30_000
    trader.feed(OrdersListed(trader.now_ms, ()))
    assert trader.state.reconciled


def test_balances_from_before_the_list_say_nothing() -> None:
    trader = holding()
    begun(trader)
    trader.feed(BalancesKnown(trader.now_ms + 90_000, 0, 0))
    assert trader.state.paused_by == frozenset()


def test_an_adopted_order_that_cannot_be_asked_after_is_asked_after_again() -> None:
    trader = holding()
    begun(trader)
    listed(trader, order(3, "0.2"))
    trader.feed(OrderUnknown(trader.now_ms, "bot-7-3", "bridge: 503", may_have_left=False))
    assert looked_up(trader.feed(TimePassed(trader.now_ms + 2_000, 900_000))) == ["bot-7-3"]


def test_what_a_start_waits_for_names_the_orders() -> None:
    trader = LiveTraderHarness()
    trader.balances()
    (entry,) = trader.tick("100")
    begun(trader)
    listed(trader)
    assert f"the end of 1 orders of an earlier run: {entry.client_order_id}" in waits_for(
        trader.state.startup, trader.state.intents
    )


def test_a_start_whose_first_list_has_all_that_can_exist_waits_for_no_second_one() -> None:
    trader = holding(1)
    begun(trader)
    trader.feed(OrdersListed(trader.now_ms, (), all_visible=True))
    assert not trader.state.reconciled, "the base is compared all the same"
    trader.balances(base="1")
    assert trader.state.reconciled


def test_a_list_that_knows_of_a_newer_epoch_is_not_the_last_whatever_the_bridge_says() -> None:
    trader = holding(1)
    begun(trader)
    newer = bought(2, epoch=trader.state.epoch)
    trader.feed(OrdersListed(trader.now_ms, (newer,), all_visible=True))
    ended(trader, newer.client_order_id, "99", "0.15")
    trader.balances(base="1")
    assert ([lot.id for lot in trader.state.lots], trader.state.pending) == ([1, 2], False)
    assert not trader.state.reconciled
    finished(trader, newer)
    assert trader.state.reconciled


def test_an_exit_in_doubt_that_a_later_one_has_replaced_is_not_sent_again() -> None:
    """The disk kept the first exit; it was never placed, which could not be saved, and the second one sold the lot."""
    trader = holding(1)
    (doubtful,) = trader.tick("95")
    assert doubtful.purpose is Purpose.EXIT
    trader.feed(OrderUnknown(trader.now_ms, doubtful.client_order_id, "no answer"))
    assert begun(trader) != []
    absent = OrderAbsent(trader.now_ms, doubtful.client_order_id, complete=True)

    assert [command for command in trader.feed(absent) if isinstance(command, Place)] == []
    assert listed(trader, order(3, "0.2", "95")) == [], "whose lot it was is not known yet"
    assert trader.state.paused_by == frozenset()
    trader.now_ms += 30_000
    late = OrderAbsent(trader.now_ms, doubtful.client_order_id, complete=True)
    assert looked_up(trader.feed(late)) == ["bot-7-3"]
    ended(trader, "bot-7-3", "95", "0.2")
    finished(trader, order(3, "0.2", "95"))

    assert (trader.state.lots, trader.state.trade_count, trader.state.paused_by) == ((), 1, frozenset())


def short_of_base() -> tuple[LiveTraderHarness, str]:
    """A start whose account lacks the base of a lot that an exit was given up for; both lists had no such order."""
    trader = holding(1)
    (exit_,) = trader.tick("95")
    trader.feed(OrderUnknown(trader.now_ms, exit_.client_order_id, "timed out"))
    trader.now_ms += 31_000
    trader.pass_time()
    trader.feed(OrderAbsent(trader.now_ms, exit_.client_order_id, complete=True))
    begun(trader)
    listed(trader)
    listed_after(trader, 30)
    trader.now_ms += 2_000
    trader.feed(TimePassed(trader.now_ms, 32_000))
    return trader, exit_.client_order_id


def without_base(trader: LiveTraderHarness) -> list[ListOrders]:
    """What is asked for once the account is known to hold no base."""
    known = BalancesKnown(trader.now_ms, 0, BTC_USD.ledger_down(Decimal(1000)))
    return [command for command in trader.feed(known) if isinstance(command, ListOrders)]


def test_base_that_an_exit_that_was_given_up_may_have_sold_is_asked_after_before_it_counts_as_missing() -> None:
    trader, name = short_of_base()
    (again,) = without_base(trader)
    assert (again.prefix, trader.state.paused_by, trader.state.reconciled) == ("bot-", frozenset(), False)
    assert without_base(trader) == [], "it has been asked for"
    assert listed(trader, order(int(name.rsplit("-", 1)[1]), "0.2", "95")) == [name]
    ended(trader, name, "95", "0.2")
    without_base(trader)
    assert (trader.state.lots, trader.state.paused_by, trader.state.reconciled) == ((), frozenset(), True)


def test_base_is_missing_once_no_exit_can_have_sold_it_any_more() -> None:
    trader, _ = short_of_base()
    without_base(trader)
    listed_after(trader, 301)
    without_base(trader)
    assert trader.state.given_up == ()
    assert trader.state.paused_by == {WITHOUT_BASE}
