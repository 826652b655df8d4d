"""Orders that are carried out after their absence was believed: they are looked for, found and adopted."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Side
from cbbot.kernel.codes import BUY
from cbbot.trader import late_orders
from cbbot.trader.codec import decode, encode
from cbbot.trader.commands import Command, ListOrders, LookUp
from cbbot.trader.events import (
    EntriesResumed,
    FlattenAsked,
    HistoryLoaded,
    OrderAbsent,
    OrderFilled,
    OrdersListed,
    OrdersNotListed,
    OrderUnknown,
    Started,
    TimePassed,
)
from cbbot.trader.intent import Intent, Purpose
from cbbot.trader.listed_order import ListedOrder
from cbbot.trader.startup import UNEXPLAINED
from cbbot.trader.trader_state import Dust, GivenUp
from unit.bot.trader.live_trader_harness import PYRAMID, T0, LiveTraderHarness, execution


def listed(intent: Intent, *, order_id: str = "v-late", at_ms: int = T0) -> ListedOrder:
    _, epoch, sequence = intent.client_order_id.rsplit("-", 2)
    by_quote = intent.quote_units > 0
    return ListedOrder(
        intent.client_order_id, int(epoch), int(sequence), order_id, intent.side, 0 if by_quote else intent.base,
        intent.quote_units, at_ms, BTC_USD.ticks(Decimal(100)), unfilled=False,
    )  # fmt: skip


def asked(commands: list[Command]) -> list[ListOrders]:
    return [command for command in commands if isinstance(command, ListOrders)]


def looked_up(commands: list[Command]) -> list[str]:
    return [command.intent.client_order_id for command in commands if isinstance(command, LookUp)]


def settled(bias: float = 5.0, /, **keys: str) -> LiveTraderHarness:
    """A trader whose start is so long ago that no order of an earlier run can appear."""
    trader = LiveTraderHarness(bias, **keys)
    trader.now_ms += 301_000
    trader.pass_time()
    trader.feed(OrdersListed(trader.now_ms, ()))
    return trader


def given_up(trader: LiveTraderHarness, intent: Intent) -> None:
    """The request is in doubt, and 30 s later a complete look finds no such order."""
    trader.feed(OrderUnknown(trader.now_ms, intent.client_order_id, "timed out"))
    trader.now_ms += 31_000
    trader.pass_time()
    trader.feed(OrderAbsent(trader.now_ms, intent.client_order_id, complete=True))
    assert trader.state.intent(intent.client_order_id) is None


def entry_given_up(**keys: str) -> tuple[LiveTraderHarness, Intent]:
    trader = settled(**keys)
    trader.balances()
    (entry,) = trader.tick("100")
    given_up(trader, entry)
    return trader, entry


def exit_given_up(**keys: str) -> tuple[LiveTraderHarness, Intent]:
    trader = settled(**keys)
    trader.buy("100", "0.2")
    (exit_,) = trader.tick("95")
    given_up(trader, exit_)
    return trader, exit_


def after(trader: LiveTraderHarness, seconds: int) -> list[ListOrders]:
    """What is asked for once so many seconds have gone by."""
    trader.now_ms += seconds * 1000
    return asked(trader.feed(TimePassed(trader.now_ms, trader.now_ms - T0)))


def test_after_an_absence_the_accounts_orders_are_listed_again_a_minute_and_five_minutes_later() -> None:
    trader, entry = entry_given_up()
    assert after(trader, 59) == []
    (first,) = after(trader, 1)
    assert first.prefix == "bot-"
    assert first.since_ms < entry.created_ms
    trader.feed(OrdersListed(trader.now_ms, ()))
    assert after(trader, 239) == []
    assert len(after(trader, 1)) == 1
    trader.feed(OrdersListed(trader.now_ms, ()))
    assert (after(trader, 3_600), trader.state.given_up) == ([], ())


def test_a_list_that_could_not_be_had_is_asked_for_again() -> None:
    trader, _ = entry_given_up()
    assert len(after(trader, 60)) == 1
    trader.feed(OrdersNotListed(trader.now_ms, "bridge: GET /orders: 503"))
    assert after(trader, 9) == []
    assert len(after(trader, 1)) == 1
    assert trader.state.given_up


def test_an_entry_that_is_carried_out_late_becomes_a_lot_and_is_watched() -> None:
    trader, entry = entry_given_up(**PYRAMID)
    trader.buy("100", "0.1")
    after(trader, 60)
    assert looked_up(trader.feed(OrdersListed(trader.now_ms, (listed(entry),)))) == [entry.client_order_id]
    trader.feed(OrderFilled(trader.now_ms, entry.client_order_id, execution("100", "0.2", "0")))
    assert [(lot.id, BTC_USD.base_text(lot.base)) for lot in trader.state.lots] == [
        (1, "0.10000000"),
        (2, "0.20000000"),
    ]
    assert (trader.state.paused_by, trader.state.given_up) == (frozenset(), ())
    assert {each.lot for each in trader.tick("95")} == {1, 2}


def test_while_another_entry_is_under_way_a_late_one_waits_and_nothing_more_is_bought() -> None:
    trader, entry = entry_given_up(**PYRAMID)
    trader.balances()
    (other,) = trader.tick("100")
    after(trader, 60)
    assert looked_up(trader.feed(OrdersListed(trader.now_ms, (listed(entry),)))) == []
    trader.fill(other, "100", "0.1")
    assert [each.client_order_id for each in trader.state.intents] == [entry.client_order_id]
    trader.feed(OrderFilled(trader.now_ms, entry.client_order_id, execution("100", "0.2", "0")))
    assert [lot.id for lot in trader.state.lots] == [1, 2]


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_an_entry_that_was_given_up_counts_against_the_exposure_for_as_long_as_it_may_come(side: Side) -> None:
    bias = 5.0 if side is Side.BUY else -5.0
    trader = settled(bias, **PYRAMID, LONG_ONLY="false", MAX_ORDER_USD="20", MAX_EXPOSURE_USD="30")
    trader.balances(base="1")
    (entry,) = trader.tick("100")
    given_up(trader, entry)
    for seconds in (1, 60, 239):
        trader.now_ms += seconds * 1000
        trader.balances(base="1")
        assert trader.tick("100") == []
        assert trader.state.decision is not None
        assert trader.state.decision.reason == "max_exposure"
        trader.feed(OrdersListed(trader.now_ms, ()))
    after(trader, 2)
    trader.feed(OrdersListed(trader.now_ms, ()))
    trader.balances(base="1")
    (next_,) = trader.tick("100")
    assert (next_.side, next_.client_order_id != entry.client_order_id) == (side, True)


def test_with_room_for_it_below_the_cap_entries_go_on_beside_an_entry_that_was_given_up() -> None:
    trader, entry = entry_given_up(**PYRAMID, MAX_ORDER_USD="20", MAX_EXPOSURE_USD="45")
    trader.balances()
    (second,) = trader.tick("100")
    trader.fill(second, "100")
    trader.now_ms += 60_000
    trader.balances()
    assert trader.tick("100") == [], "a third would be too much, should the first come"
    trader.feed(OrdersListed(trader.now_ms, (listed(entry),)))
    trader.feed(OrderFilled(trader.now_ms, entry.client_order_id, execution("100", "0.2", "0")))
    assert BTC_USD.money(trader.state.account.cost_sum) <= 45


def test_an_exit_that_was_given_up_is_no_exposure_beside_its_lots() -> None:
    trader, _ = exit_given_up()
    assert late_orders.entries_notional(trader.rules, trader.state, BTC_USD.ticks(Decimal(100))) == 0


def test_an_exit_that_is_carried_out_late_closes_its_lot() -> None:
    trader, exit_ = exit_given_up()
    after(trader, 60)
    assert looked_up(trader.feed(OrdersListed(trader.now_ms, (listed(exit_),)))) == [exit_.client_order_id]
    assert trader.tick("95") == [], "it is on its way out"
    trader.feed(OrderFilled(trader.now_ms, exit_.client_order_id, execution("95", "0.2", "0")))
    assert (trader.state.lots, trader.state.trade_count, trader.state.paused_by) == ((), 1, frozenset())
    assert trader.state.trades[0].closed.reason == 2


def test_an_exit_that_is_wished_for_again_goes_out_under_the_id_that_was_given_up() -> None:
    trader, exit_ = exit_given_up()
    (again,) = trader.tick("94")
    assert again.client_order_id == exit_.client_order_id
    assert trader.feed(OrdersListed(trader.now_ms, (listed(exit_),))) == [], "it is under way already"
    trader.fill(again, "94")
    assert (trader.state.lots, trader.state.trade_count, trader.state.given_up) == ((), 1, ())
    assert looked_up(trader.feed(OrdersListed(trader.now_ms, (listed(exit_),)))) == []


def test_the_same_exit_goes_out_again_although_dust_has_come_up_that_could_leave_with_it() -> None:
    """More under another id would be sold beside the one that was given up, if that is carried out after all."""
    trader, exit_ = exit_given_up()
    account, dust = trader.state.account, Dust(500_000, 5 * 10**9, 0)
    account = account._replace(base_sum=account.base_sum + dust.base, cost_sum=account.cost_sum + dust.cost)
    trader.state = replace(trader.state, account=account).with_dust(BUY, dust)
    (again,) = trader.tick("94")
    assert (again.client_order_id, again.base) == (exit_.client_order_id, exit_.base)
    assert ([lot.base for lot in trader.state.lots], trader.state.dust) == ([exit_.base], dust), "until it is over"
    trader.fill(again, "94")
    assert (trader.state.lots, trader.state.dust, trader.state.given_up) == ((), dust, ())


def test_the_same_exit_goes_out_again_although_the_account_holds_more_base_than_it_asked_for() -> None:
    """It asked for what was there of a lot that was short; the rest of the lot is closed by the exit after it."""
    trader, exit_ = exit_given_up()
    part = replace(exit_, base=exit_.base // 2)
    trader.state = replace(trader.state, given_up=(GivenUp(part, trader.state.elapsed_ms),))
    (again,) = trader.tick("94")
    assert (again.client_order_id, again.base) == (part.client_order_id, part.base)
    trader.fill(again, "94")
    (rest,) = trader.tick("94")
    assert (rest.lot, rest.base) == (exit_.lot, exit_.base - part.base)
    assert rest.client_order_id != part.client_order_id


def test_a_late_exit_whose_lot_was_sold_meanwhile_pauses_entries_and_is_named() -> None:
    trader, exit_ = exit_given_up()
    lot = trader.state.lots[0]
    (again,) = trader.tick("94")
    trader.state = decode(trader.rules, encode(trader.rules, trader.state)).state.without_intent(again.client_order_id)
    begun(trader)
    trader.feed(OrdersListed(trader.now_ms, ()))
    sold_at = BTC_USD.ticks(Decimal(94))
    other = ListedOrder("bot-9-99", 9, 99, "v-99", Side.SELL, lot.base, 0, T0, sold_at, unfilled=False)
    trader.feed(OrdersListed(trader.now_ms, (other,)))
    trader.feed(OrderFilled(trader.now_ms, "bot-9-99", execution("94", "0.2", "0")))
    assert trader.state.lots == ()
    trader.feed(OrdersListed(trader.now_ms + 30_000, (other, listed(exit_))))
    assert UNEXPLAINED in trader.state.paused_by
    assert exit_.client_order_id in trader.state.unexplained
    assert trader.state.trade_count == 1


def begun(trader: LiveTraderHarness) -> list[Command]:
    state = decode(trader.rules, encode(trader.rules, trader.state)).state
    trader.state = state
    trader.now_ms += 10_000
    trader.feed(HistoryLoaded(trader.now_ms, tuple(trader.history)))
    return trader.feed(Started(trader.now_ms))


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_restart_in_between_still_finds_it(purpose: Purpose) -> None:
    trader, late = entry_given_up() if purpose is Purpose.ENTRY else exit_given_up()
    (since,) = asked(begun(trader))
    assert since.since_ms < late.created_ms
    assert looked_up(trader.feed(OrdersListed(trader.now_ms, (listed(late),)))) == [late.client_order_id]
    trader.feed(OrderFilled(trader.now_ms, late.client_order_id, execution("100", "0.2", "0")))
    assert len(trader.state.lots) == (1 if purpose is Purpose.ENTRY else 0)


def test_after_a_restart_it_is_looked_for_as_long_again() -> None:
    trader, late = entry_given_up()
    begun(trader)
    trader.feed(TimePassed(trader.now_ms, 0))
    trader.feed(OrdersListed(trader.now_ms, ()))
    trader.now_ms += 30_000
    trader.feed(TimePassed(trader.now_ms, 30_000), OrdersListed(trader.now_ms, ()))
    assert trader.state.reconciled
    assert [bool(asked(trader.feed(TimePassed(trader.now_ms, at)))) for at in (59_000, 60_000)] == [False, True]
    assert looked_up(trader.feed(OrdersListed(trader.now_ms, (listed(late),)))) == [late.client_order_id]


def test_an_order_of_an_earlier_run_that_appears_minutes_after_the_start_is_adopted() -> None:
    """Its process could not save it, and the venue carried it out late: only the account knows of it."""
    trader = LiveTraderHarness()
    trader.buy("100", "0.2")
    saved = trader.state
    (unsaved,) = trader.tick("95")
    trader.state = saved
    begun(trader)
    trader.feed(OrdersListed(trader.now_ms, ()))
    trader.now_ms += 30_000
    trader.feed(OrdersListed(trader.now_ms, ()))
    trader.balances(base="0.2")
    assert trader.state.reconciled
    trader.now_ms += 60_000
    trader.pass_time()
    unknown = listed(unsaved, order_id="v-unsaved")
    assert looked_up(trader.feed(OrdersListed(trader.now_ms, (unknown,)))) == [unsaved.client_order_id]
    trader.feed(OrderFilled(trader.now_ms, unsaved.client_order_id, execution("95", "0.2", "0")))
    assert (trader.state.lots, trader.state.trade_count, trader.state.paused_by) == ((), 1, frozenset())


def test_lots_stay_watched_while_a_late_exit_waits_for_the_end_of_another_one_of_its_lot() -> None:
    trader = LiveTraderHarness()
    trader.buy("100", "0.2")
    begun(trader)
    trader.feed(OrdersListed(trader.now_ms, ()))
    trader.now_ms += 30_000
    trader.feed(OrdersListed(trader.now_ms, ()))
    trader.balances(base="0.2")
    (exit_,) = trader.tick("95")
    trader.feed(OrderUnknown(trader.now_ms, exit_.client_order_id, "timed out"))
    late = listed(replace(exit_, client_order_id="bot-6-9"), order_id="v-unsaved")
    assert looked_up(trader.feed(OrdersListed(trader.now_ms, (late,)))) == [], "whether that one sold it is not known"
    assert (trader.state.watching, trader.state.reconciled) == (True, True)


def test_its_own_orders_are_not_taken_for_late_ones() -> None:
    trader, entry = entry_given_up(**PYRAMID)
    trader.balances()
    (own,) = trader.tick("100")
    trader.fill(own, "100", "0.1")
    epoch = trader.state.epoch
    after(trader, 60)
    assert looked_up(trader.feed(OrdersListed(trader.now_ms, (listed(own, order_id="v-own"),)))) == []
    assert ([lot.id for lot in trader.state.lots], trader.state.epoch) == ([1], epoch)
    assert trader.state.given_up[0].intent.client_order_id == entry.client_order_id


def test_closing_every_lot_includes_a_late_one_and_is_over_once_none_can_come() -> None:
    trader, entry = entry_given_up()
    trader.feed(FlattenAsked(trader.now_ms))
    assert trader.state.flattening
    after(trader, 60)
    trader.feed(OrdersListed(trader.now_ms, (listed(entry),)))
    trader.feed(OrderFilled(trader.now_ms, entry.client_order_id, execution("100", "0.2", "0")))
    (exit_,) = trader.tick("100")
    assert exit_.reason == "flatten"
    trader.fill(exit_, "100")
    assert not trader.state.flattening

    trader, entry = entry_given_up()
    trader.feed(FlattenAsked(trader.now_ms))
    after(trader, 300)
    trader.feed(OrdersListed(trader.now_ms, ()))
    assert not trader.state.flattening


def test_who_resumes_while_only_a_late_order_is_waited_for_ends_the_closing() -> None:
    trader, _ = entry_given_up()
    trader.feed(FlattenAsked(trader.now_ms))
    trader.feed(EntriesResumed(trader.now_ms, "hand"))
    assert not trader.state.flattening


def exit_unsaved_and_not_listed() -> tuple[LiveTraderHarness, Intent, Intent]:
    """An exit that the disk did not keep is invisible in the first list of the next start: its lot is sold again."""
    trader = LiveTraderHarness()
    trader.buy("100", "0.2")
    saved = trader.state
    (unsaved,) = trader.tick("95")
    trader.state = replace(saved, epoch=saved.epoch + 1)
    begun(trader)
    trader.feed(OrdersListed(trader.now_ms, ()))
    (again,) = trader.tick("95")
    assert again.client_order_id != unsaved.client_order_id, "nothing tells that there was one"
    return trader, unsaved, again


def test_an_exit_that_was_invisible_is_adopted_once_the_second_one_is_refused() -> None:
    """Where the account has no other base the exchange takes no second exit."""
    trader, unsaved, again = exit_unsaved_and_not_listed()
    trader.refuse(again, "INSUFFICIENT_FUND")
    trader.now_ms += 30_000
    assert looked_up(trader.feed(OrdersListed(trader.now_ms, (listed(unsaved),)))) == [unsaved.client_order_id]
    trader.feed(OrderFilled(trader.now_ms, unsaved.client_order_id, execution("95", "0.2", "0")))
    assert (trader.state.lots, trader.state.trade_count, trader.state.paused_by) == ((), 1, frozenset())


def test_an_exit_that_was_invisible_is_named_where_the_second_one_was_filled() -> None:
    """The account had base of its own, which is sold: nothing is booked for it, and a person is told."""
    trader, unsaved, again = exit_unsaved_and_not_listed()
    trader.fill(again, "95")
    trader.now_ms += 30_000
    assert looked_up(trader.feed(OrdersListed(trader.now_ms, (listed(unsaved),)))) == []
    assert (trader.state.lots, trader.state.trade_count) == ((), 1)
    assert UNEXPLAINED in trader.state.paused_by
    assert unsaved.client_order_id in trader.state.unexplained
