"""An order's life in the machine: written down first, booked once, never doubled, never forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from cbbot.domain.instrument import BTC_USD
from cbbot.domain.last_trade import LastTrade
from cbbot.domain.order import Side
from cbbot.trader.commands import Checkpoint, Command, ListOrders, LookUp, Notify, Place
from cbbot.trader.events import (
    BalancesKnown,
    EntriesPaused,
    EntriesResumed,
    FlattenAsked,
    OrderAbsent,
    OrderAccepted,
    OrderContradicts,
    OrderFilled,
    OrderRefused,
    OrdersListed,
    OrderUnknown,
    Started,
    Tick,
    TimePassed,
)
from cbbot.trader.intent import Intent, Purpose
from cbbot.trader.trader_state import Dust
from trader_harness import placed
from unit.bot.trader.live_trader_harness import PYRAMID, T0, LiveTraderHarness, execution

HUNDRED = BTC_USD.ticks(Decimal("100.00"))


def trading(**keys: str) -> LiveTraderHarness:
    """A trader that has its balances and buys at every chance."""
    trader = LiveTraderHarness(**keys)
    trader.balances_at(T0 + 1)
    return trader


def only_order(commands: Sequence[Command]) -> Intent:
    (intent,) = placed(commands)
    return intent


def bought(base: str = "0.2") -> LiveTraderHarness:
    """With one lot, opened at T0 + 1000."""
    trader = trading()
    intent = only_order(trader.feed(Tick(T0 + 1000, HUNDRED)))
    trader.feed(OrderFilled(T0 + 1100, intent.client_order_id, execution("100", base, "0.15")))
    return trader


def test_an_order_is_saved_before_it_is_sent_under_a_name_that_depends_on_nothing_but_the_count() -> None:
    trader = trading()
    commands = trader.feed(Tick(T0 + 1000, HUNDRED))
    kinds = [type(command) for command in commands]
    assert kinds.index(Checkpoint) < kinds.index(Place)
    intent = only_order(commands)
    assert intent.client_order_id == "bot-7-1"
    assert trader.state.intents == (intent,)
    assert (intent.side, intent.purpose, intent.quote_units) == (Side.BUY, Purpose.ENTRY, 2000)


def test_the_lot_is_what_was_filled_with_the_venues_commission() -> None:
    trader = bought("0.1999")
    (lot,) = trader.state.lots
    assert BTC_USD.base_text(lot.base) == "0.19990000"
    assert BTC_USD.money_text(lot.entry_fee) == "0.1500000000"
    assert lot.opened_ms == T0 + 1000
    assert trader.state.intents == ()


def test_a_missing_commission_is_filled_in_from_the_settings() -> None:
    trader = trading()
    commands = trader.feed(Tick(T0 + 1000, HUNDRED))
    name = only_order(commands).client_order_id
    trader.feed(OrderFilled(T0 + 1100, name, execution("100", "0.1")))
    assert BTC_USD.money_text(trader.state.lots[0].entry_fee) == "0.0750000000"


def test_an_answer_that_comes_twice_is_booked_once() -> None:
    trader = bought()
    before = trader.state
    commands = trader.feed(OrderFilled(T0 + 1200, "bot-7-1", execution("100", "0.2", "0.15")))
    assert (trader.state, commands) == (before, [])


def test_no_entry_while_another_order_is_under_way_or_balances_are_older_than_it() -> None:
    trader = trading(**PYRAMID)
    trader.feed(Tick(T0 + 1000, HUNDRED))
    commands = trader.feed(Tick(T0 + 2000, HUNDRED))
    assert trader.state.decision is not None
    assert (trader.state.decision.reason, placed(commands)) == ("order_pending", [])
    trader.feed(OrderFilled(T0 + 2100, "bot-7-1", execution("100", "0.2", "0.15")))
    commands = trader.feed(Tick(T0 + 3000, HUNDRED))
    assert trader.state.decision is not None
    assert (trader.state.decision.reason, placed(commands)) == ("balances_stale", [])
    trader.balances_at(T0 + 3100)
    commands = trader.feed(Tick(T0 + 3200, HUNDRED))
    assert only_order(commands).client_order_id == "bot-7-2"


def test_an_unknown_outcome_stops_entries_and_is_asked_after_under_the_same_id() -> None:
    trader = trading(**PYRAMID)
    trader.feed(Tick(T0 + 1000, HUNDRED), OrderUnknown(T0 + 1500, "bot-7-1", "timed out"))
    assert trader.state.outcome_unknown
    commands = trader.feed(TimePassed(T0 + 2000, 1000))
    assert commands == []
    commands = trader.feed(TimePassed(T0 + 3500, 2000))
    (look,) = commands
    assert isinstance(look, LookUp)
    assert look.intent.client_order_id == "bot-7-1"
    trader.balances_at(T0 + 3550)
    commands = trader.feed(Tick(T0 + 3600, HUNDRED))
    assert trader.state.decision is not None
    assert (trader.state.decision.reason, placed(commands)) == ("outcome_unknown", [])
    trader.feed(OrderFilled(T0 + 4000, "bot-7-1", execution("100", "0.2", "0.15")))
    assert len(trader.state.lots) == 1


def test_absence_counts_only_after_a_complete_look_thirty_seconds_later() -> None:
    trader = trading()
    trader.feed(Tick(T0 + 1000, HUNDRED), OrderUnknown(T0 + 1500, "bot-7-1", "timed out"))
    for at_ms, complete, known in ((31_499, True, 1), (60_000, False, 1), (31_500, True, 0)):
        asked = trader.copied()
        asked.feed(OrderAbsent(T0 + at_ms, "bot-7-1", complete=complete))
        assert len(asked.state.intents) == known


def test_a_refused_entry_leaves_nothing_behind() -> None:
    trader = trading()
    trader.feed(Tick(T0 + 1000, HUNDRED))
    commands = trader.feed(OrderRefused(T0 + 1100, "bot-7-1", "INSUFFICIENT_FUND", "no money"))
    assert (trader.state.intents, trader.state.lots) == ((), ())
    assert any(isinstance(c, Notify) and "INSUFFICIENT_FUND" in str(c.fields["detail"]) for c in commands)


def test_an_exit_goes_by_base_size_and_a_partial_fill_keeps_the_rest_as_the_lot() -> None:
    trader = bought()
    commands = trader.feed(Tick(T0 + 5000, BTC_USD.ticks(Decimal("104.50"))))
    intent = only_order(commands)
    assert (intent.side, intent.base, intent.reason) == (Side.SELL, trader.state.lots[0].base, "take_profit")
    trader.feed(OrderFilled(T0 + 5100, intent.client_order_id, execution("104.5", "0.05", "0.04")))
    (rest,) = trader.state.lots
    assert BTC_USD.base_text(rest.base) == "0.15000000"
    (trade,) = trader.state.trades
    assert trade.closed.lot.cost + rest.cost == 20 * 10**10
    assert trade.closed.lot.entry_fee + rest.entry_fee == 15 * 10**8
    assert trader.state.account.realised == trade.closed.net_pnl
    commands = trader.feed(Tick(T0 + 6000, BTC_USD.ticks(Decimal("104.50"))))
    assert only_order(commands).base == rest.base


def test_what_is_too_small_to_sell_becomes_dust_and_leaves_with_the_next_exit() -> None:
    trader = bought()
    commands = trader.feed(Tick(T0 + 5000, BTC_USD.ticks(Decimal("104.50"))))
    name = only_order(commands).client_order_id
    trader.feed(OrderFilled(T0 + 5100, name, execution("104.5", "0.195", "0.15")))
    assert trader.state.lots == ()
    assert BTC_USD.base_text(trader.state.dust.base) == "0.00500000"
    carried = trader.state.dust
    trader.balances_at(T0 + 5150)
    commands = trader.feed(Tick(T0 + 6000, HUNDRED))
    name = only_order(commands).client_order_id
    trader.feed(OrderFilled(T0 + 6100, name, execution("100", "0.2", "0.15")))
    commands = trader.feed(Tick(T0 + 7000, BTC_USD.ticks(Decimal("104.50"))))
    assert only_order(commands).base == BTC_USD.base_units(Decimal("0.2")) + carried.base
    assert trader.state.dust == Dust()
    name = only_order(commands).client_order_id
    trader.feed(OrderFilled(T0 + 7100, name, execution("104.5", "0.205", "0.16")))
    assert (
        trader.state.account.base_sum,
        trader.state.account.cost_sum,
        trader.state.account.fee_sum,
        trader.state.account.lots,
    ) == (0, 0, 0, 0)
    assert trader.state.account.realised == sum(trade.closed.net_pnl for trade in trader.state.trades)


def test_a_refused_exit_is_not_repeated_at_once() -> None:
    trader = bought()
    high = BTC_USD.ticks(Decimal("104.50"))
    commands = trader.feed(Tick(T0 + 5000, high))
    name = only_order(commands).client_order_id
    trader.feed(OrderRefused(T0 + 5100, name, "INSUFFICIENT_FUND", "no base"))
    assert len(trader.state.lots) == 1
    commands = trader.feed(TimePassed(T0 + 10_000, 4900), Tick(T0 + 10_000, high))
    assert placed(commands) == []
    commands = trader.feed(TimePassed(T0 + 10_100, 5000), Tick(T0 + 10_100, high))
    assert only_order(commands).base == trader.state.lots[0].base


def test_an_order_that_is_not_ours_halts_everything() -> None:
    trader = bought()
    trader.feed(Tick(T0 + 5000, BTC_USD.ticks(Decimal("104.50"))))
    commands = trader.feed(OrderContradicts(T0 + 5100, "bot-7-2", "its side is BUY"))
    assert "bot-7-2" in trader.state.halted
    assert any(isinstance(command, Notify) and command.event == "halt" for command in commands)
    commands = trader.feed(Tick(T0 + 6000, HUNDRED // 2 * 2 - 400))
    assert placed(commands) == []


def halted() -> LiveTraderHarness:
    """A trader whose exit's id stands for another's order."""
    trader = bought()
    (exit_,) = placed(trader.feed(Tick(T0 + 5000, BTC_USD.ticks(Decimal("104.50")))))
    trader.feed(OrderContradicts(T0 + 5100, exit_.client_order_id, "its side is BUY"))
    return trader


def test_a_person_ends_a_halt_and_exits_go_on_while_entries_stay_paused() -> None:
    trader = halted()
    assert "POST /control/resume" in trader.state.halted
    trader.feed(EntriesResumed(T0 + 6000, "resource"))
    assert trader.state.halted
    trader.feed(EntriesResumed(T0 + 6000, "hand"))
    assert (trader.state.halted, len(trader.state.intents), trader.state.paused_by) == ("", 0, frozenset({"hand"}))
    (again,) = placed(trader.feed(Tick(T0 + 7000, BTC_USD.ticks(Decimal("104.50")))))
    assert (again.client_order_id, again.lot) == ("bot-7-3", 1)
    trader.feed(EntriesResumed(T0 + 8000, "hand"))
    assert trader.state.paused_by == frozenset()


def test_a_halt_and_the_order_that_led_to_it_survive_a_restart_and_end_by_hand() -> None:
    trader = halted()
    trader.restart()
    name = trader.state.intents[0].client_order_id
    trader.feed(OrderContradicts(T0 + 9000, name, "its side is BUY"), EntriesResumed(T0 + 9100, "hand"))
    assert (trader.state.halted, trader.state.reconciled) == ("", False), "the second list has not come"
    trader.feed(OrdersListed(T0 + 120_000, ()), BalancesKnown(T0 + 121_000, BTC_USD.base_units(Decimal("0.2")), 0))
    assert (trader.state.halted, len(trader.state.intents), trader.state.reconciled) == ("", 0, True)


def test_a_restart_asks_after_every_open_order_before_it_trades() -> None:
    trader = trading()
    trader.feed(Tick(T0 + 1000, HUNDRED), OrderAccepted(T0 + 1100, "bot-7-1", "venue-9"))
    trader.state = replace(trader.state, reconciled=False)
    look, listing = trader.feed(Started(T0 + 90_000))
    assert isinstance(look, LookUp)
    assert isinstance(listing, ListOrders)
    assert (look.intent.order_id, trader.state.reconciled) == ("venue-9", False)
    trader.feed(OrdersListed(T0 + 90_000, ()))
    assert trader.feed(Tick(T0 + 91_000, HUNDRED)) == []
    trader.feed(OrderFilled(T0 + 92_000, "bot-7-1", execution("100", "0.2", "0.15")))
    trader.feed(OrdersListed(T0 + 120_000, ()), BalancesKnown(T0 + 121_000, BTC_USD.base_units(Decimal("0.2")), 0))
    assert (trader.state.reconciled, len(trader.state.lots)) == (True, 1)


def test_a_tick_far_off_moves_nothing_until_another_trade_confirms_it() -> None:
    trader = bought()
    far = BTC_USD.ticks(Decimal("90.00"))
    for second in range(3):
        commands = trader.feed(Tick(T0 + 5000 + 1000 * second, far, LastTrade("7")))
        assert (trader.state.market.last_price, placed(commands)) == (HUNDRED, [])
    commands = trader.feed(Tick(T0 + 8000, far + 10, LastTrade("8")))
    assert only_order(commands).reason == "stop_loss"


def test_pauses_by_different_parties_add_up_and_exits_go_on() -> None:
    trader = bought()
    trader.feed(EntriesPaused(T0, "hand"), EntriesPaused(T0, "resource"), EntriesResumed(T0, "hand"))
    assert trader.state.paused_by == {"resource"}
    assert trader.feed(EntriesPaused(T0, "resource")) == []
    commands = trader.feed(Tick(T0 + 5000, BTC_USD.ticks(Decimal("104.50"))))
    assert only_order(commands).reason == "take_profit"


def test_flatten_closes_every_lot_and_pauses_by_hand() -> None:
    trader = bought()
    trader.feed(FlattenAsked(T0 + 4000))
    assert trader.state.paused_by == {"hand"}
    commands = trader.feed(Tick(T0 + 5000, HUNDRED))
    assert only_order(commands).reason == "flatten"
    name = only_order(commands).client_order_id
    trader.feed(OrderFilled(T0 + 5100, name, execution("100", "0.2", "0.15")))
    assert (trader.state.lots, trader.state.flattening) == ((), False)
