"""An order's life in the machine: written down first, booked once, never doubled, never forgotten."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from cbbot.contract.settings import load
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Execution, Side
from cbbot.kernel.model import Fit
from cbbot.trader.commands import Checkpoint, Command, LookUp, Notify, Place
from cbbot.trader.events import (
    BalancesKnown,
    EntriesPaused,
    EntriesResumed,
    Event,
    FlattenAsked,
    HistoryLoaded,
    OrderAbsent,
    OrderAccepted,
    OrderContradicts,
    OrderFilled,
    OrderRefused,
    OrderUnknown,
    Started,
    Tick,
    TimePassed,
)
from cbbot.trader.intent import Intent, Purpose
from cbbot.trader.machine import step
from cbbot.trader.rules import Rules, build_rules
from cbbot.trader.trader_state import Dust, Identity, TraderState, new_state

T0 = 1_700_000_040_000
HUNDRED = BTC_USD.ticks(Decimal("100.00"))
ALWAYS_BUY = Fit((0.0, 0.0, 0.0, 0.0), 5.0, (0.0,) * 4, (1.0,) * 4, 100)


def trading(live: bool = True, **keys: str) -> tuple[Rules, TraderState]:
    """A trader that is ready and buys at every chance; 60 flat candles behind it."""
    defaults = {
        "DRY_RUN": "false" if live else "true",
        "MAX_ORDER_USD": "50", "MAX_EXPOSURE_USD": "500", "USE_MA_FILTER": "false",
        "RISK_PER_TRADE_PCT": "2", "STOP_LOSS_PCT": "5", "TAKE_PROFIT_PCT": "2", "FEE_RATE_PCT": "0.75",
    }  # fmt: skip
    rules = build_rules(load(defaults | keys), BTC_USD)
    state = new_state(rules, Identity("bot", "BTC-USD", "live" if live else "paper", "test"), 7)
    start = T0 // 1000 - 60 * 60
    candles = tuple(Candle(start + 60 * i, HUNDRED, HUNDRED, HUNDRED, HUNDRED, 10) for i in range(60))
    state, _ = step(rules, state, HistoryLoaded(T0, candles))
    state, _ = step(rules, replace(state, model=ALWAYS_BUY), Started(T0))
    return rules, with_cash(rules, state, T0 + 1)


def with_cash(rules: Rules, state: TraderState, at_ms: int) -> TraderState:
    quote = BTC_USD.ledger_down(Decimal(1000))
    return step(rules, state, BalancesKnown(at_ms, 0, quote))[0]


def feed(rules: Rules, state: TraderState, *events: Event) -> tuple[TraderState, tuple[Command, ...]]:
    commands: tuple[Command, ...] = ()
    for event in events:
        state, commands = step(rules, state, event)
    return state, commands


def only(commands: tuple[Command, ...], kind: type) -> list[Command]:
    return [command for command in commands if isinstance(command, kind)]


def placed(commands: tuple[Command, ...]) -> Intent:
    (place,) = only(commands, Place)
    assert isinstance(place, Place)
    return place.intent


def execution(price: str, base: str, commission: str | None = None) -> Execution:
    ticks, units = BTC_USD.ticks(Decimal(price)), BTC_USD.base_units(Decimal(base))
    fee = None if commission is None else BTC_USD.ledger_up(Decimal(commission))
    return Execution("venue-1", ticks, units, ticks * units, fee)


def bought(rules: Rules, state: TraderState, base: str = "0.2") -> TraderState:
    state, commands = feed(rules, state, Tick(T0 + 1000, HUNDRED))
    intent = placed(commands)
    state, _ = feed(rules, state, OrderFilled(T0 + 1100, intent.client_order_id, execution("100", base, "0.15")))
    return state


def test_an_order_is_saved_before_it_is_sent_under_a_name_that_depends_on_nothing_but_the_count() -> None:
    rules, state = trading()
    state, commands = feed(rules, state, Tick(T0 + 1000, HUNDRED))
    kinds = [type(command) for command in commands]
    assert kinds.index(Checkpoint) < kinds.index(Place)
    intent = placed(commands)
    assert intent.client_order_id == "bot-7-1"
    assert state.intents == (intent,)
    assert (intent.side, intent.purpose, intent.quote_units) == (Side.BUY, Purpose.ENTRY, 2000)


def test_the_lot_is_what_was_filled_with_the_venues_commission() -> None:
    rules, state = trading()
    state = bought(rules, state, "0.1999")
    (lot,) = state.lots
    assert BTC_USD.base_text(lot.base) == "0.19990000"
    assert BTC_USD.money_text(lot.entry_fee) == "0.1500000000"
    assert lot.opened_ms == T0 + 1000
    assert state.intents == ()


def test_a_missing_commission_is_filled_in_from_the_settings() -> None:
    rules, state = trading()
    state, commands = feed(rules, state, Tick(T0 + 1000, HUNDRED))
    name = placed(commands).client_order_id
    state, _ = feed(rules, state, OrderFilled(T0 + 1100, name, execution("100", "0.1")))
    assert BTC_USD.money_text(state.lots[0].entry_fee) == "0.0750000000"


def test_an_answer_that_comes_twice_is_booked_once() -> None:
    rules, state = trading()
    state = bought(rules, state)
    again, commands = feed(rules, state, OrderFilled(T0 + 1200, "bot-7-1", execution("100", "0.2", "0.15")))
    assert (again, commands) == (state, ())


def test_no_entry_while_another_order_is_under_way_or_balances_are_older_than_it() -> None:
    rules, state = trading(ALLOW_PYRAMIDING="true", PYRAMID_MIN_ADVERSE_PCT="0", PYRAMID_DECAY_LAMBDA="0")
    state, _ = feed(rules, state, Tick(T0 + 1000, HUNDRED))
    waiting, commands = feed(rules, state, Tick(T0 + 2000, HUNDRED))
    assert waiting.decision is not None
    assert (waiting.decision.reason, only(commands, Place)) == ("order_pending", [])
    state, _ = feed(rules, waiting, OrderFilled(T0 + 2100, "bot-7-1", execution("100", "0.2", "0.15")))
    state, commands = feed(rules, state, Tick(T0 + 3000, HUNDRED))
    assert state.decision is not None
    assert (state.decision.reason, only(commands, Place)) == ("balances_stale", [])
    state, commands = feed(rules, with_cash(rules, state, T0 + 3100), Tick(T0 + 3200, HUNDRED))
    assert placed(commands).client_order_id == "bot-7-2"


def test_an_unknown_outcome_stops_entries_and_is_asked_after_under_the_same_id() -> None:
    rules, state = trading(ALLOW_PYRAMIDING="true", PYRAMID_MIN_ADVERSE_PCT="0", PYRAMID_DECAY_LAMBDA="0")
    state, _ = feed(rules, state, Tick(T0 + 1000, HUNDRED), OrderUnknown(T0 + 1500, "bot-7-1", "timed out"))
    assert state.outcome_unknown
    _, commands = feed(rules, state, TimePassed(T0 + 2000))
    assert commands == ()
    state, commands = feed(rules, state, TimePassed(T0 + 3500))
    (look,) = commands
    assert isinstance(look, LookUp)
    assert look.intent.client_order_id == "bot-7-1"
    state, commands = feed(rules, with_cash(rules, state, T0 + 3550), Tick(T0 + 3600, HUNDRED))
    assert state.decision is not None
    assert (state.decision.reason, only(commands, Place)) == ("outcome_unknown", [])
    state, _ = feed(rules, state, OrderFilled(T0 + 4000, "bot-7-1", execution("100", "0.2", "0.15")))
    assert len(state.lots) == 1


def test_absence_counts_only_after_a_complete_look_thirty_seconds_later() -> None:
    rules, state = trading()
    state, _ = feed(rules, state, Tick(T0 + 1000, HUNDRED), OrderUnknown(T0 + 1500, "bot-7-1", "timed out"))
    early, _ = feed(rules, state, OrderAbsent(T0 + 30_999, "bot-7-1", complete=True))
    partial, _ = feed(rules, state, OrderAbsent(T0 + 60_000, "bot-7-1", complete=False))
    late, _ = feed(rules, state, OrderAbsent(T0 + 31_000, "bot-7-1", complete=True))
    assert [len(s.intents) for s in (early, partial, late)] == [1, 1, 0]


def test_a_refused_entry_leaves_nothing_behind() -> None:
    rules, state = trading()
    state, _ = feed(rules, state, Tick(T0 + 1000, HUNDRED))
    state, commands = feed(rules, state, OrderRefused(T0 + 1100, "bot-7-1", "INSUFFICIENT_FUND", "no money"))
    assert (state.intents, state.lots) == ((), ())
    assert any(isinstance(c, Notify) and "INSUFFICIENT_FUND" in str(c.fields["detail"]) for c in commands)


def test_an_exit_goes_by_base_size_and_a_partial_fill_keeps_the_rest_as_the_lot() -> None:
    rules, state = trading()
    state = bought(rules, state)
    state, commands = feed(rules, state, Tick(T0 + 5000, BTC_USD.ticks(Decimal("104.50"))))
    intent = placed(commands)
    assert (intent.side, intent.base, intent.reason) == (Side.SELL, state.lots[0].base, "take_profit")
    state, _ = feed(rules, state, OrderFilled(T0 + 5100, intent.client_order_id, execution("104.5", "0.05", "0.04")))
    (rest,) = state.lots
    assert BTC_USD.base_text(rest.base) == "0.15000000"
    (trade,) = state.trades
    assert trade.closed.lot.cost + rest.cost == 20 * 10**10
    assert trade.closed.lot.entry_fee + rest.entry_fee == 15 * 10**8
    assert state.account.realised == trade.closed.net_pnl
    state, commands = feed(rules, state, Tick(T0 + 6000, BTC_USD.ticks(Decimal("104.50"))))
    assert placed(commands).base == rest.base


def test_what_is_too_small_to_sell_becomes_dust_and_leaves_with_the_next_exit() -> None:
    rules, state = trading()
    state = bought(rules, state)
    state, commands = feed(rules, state, Tick(T0 + 5000, BTC_USD.ticks(Decimal("104.50"))))
    name = placed(commands).client_order_id
    state, _ = feed(rules, state, OrderFilled(T0 + 5100, name, execution("104.5", "0.195", "0.15")))
    assert state.lots == ()
    assert BTC_USD.base_text(state.dust.base) == "0.00500000"
    carried = state.dust
    state = with_cash(rules, state, T0 + 5150)
    state, commands = feed(rules, state, Tick(T0 + 6000, HUNDRED))
    name = placed(commands).client_order_id
    state, _ = feed(rules, state, OrderFilled(T0 + 6100, name, execution("100", "0.2", "0.15")))
    state, commands = feed(rules, state, Tick(T0 + 7000, BTC_USD.ticks(Decimal("104.50"))))
    assert placed(commands).base == BTC_USD.base_units(Decimal("0.2")) + carried.base
    assert state.dust == Dust()
    name = placed(commands).client_order_id
    state, _ = feed(rules, state, OrderFilled(T0 + 7100, name, execution("104.5", "0.205", "0.16")))
    assert (state.account.base_sum, state.account.cost_sum, state.account.fee_sum, state.account.lots) == (0, 0, 0, 0)
    assert state.account.realised == sum(trade.closed.net_pnl for trade in state.trades)


def test_an_exit_refused_for_lack_of_base_stops_entries_and_is_not_repeated_at_once() -> None:
    rules, state = trading()
    state = bought(rules, state)
    high = BTC_USD.ticks(Decimal("104.50"))
    state, commands = feed(rules, state, Tick(T0 + 5000, high))
    name = placed(commands).client_order_id
    state, _ = feed(rules, state, OrderRefused(T0 + 5100, name, "INSUFFICIENT_FUND", "no base"))
    assert state.paused_by == {"lots_without_base"}
    assert len(state.lots) == 1
    _, commands = feed(rules, state, Tick(T0 + 6000, high))
    assert only(commands, Place) == []
    _, commands = feed(rules, state, Tick(T0 + 10_100, high))
    assert placed(commands).base == state.lots[0].base


def test_an_order_that_is_not_ours_halts_everything() -> None:
    rules, state = trading()
    state = bought(rules, state)
    state, _ = feed(rules, state, Tick(T0 + 5000, BTC_USD.ticks(Decimal("104.50"))))
    state, commands = feed(rules, state, OrderContradicts(T0 + 5100, "bot-7-2", "its side is BUY"))
    assert "bot-7-2" in state.halted
    assert any(isinstance(command, Notify) and command.event == "halt" for command in commands)
    _, commands = feed(rules, state, Tick(T0 + 6000, HUNDRED // 2 * 2 - 400))
    assert only(commands, Place) == []


def test_a_restart_asks_after_every_open_order_before_it_trades() -> None:
    rules, state = trading()
    state, _ = feed(rules, state, Tick(T0 + 1000, HUNDRED), OrderAccepted(T0 + 1100, "bot-7-1", "venue-9"))
    after = replace(state, reconciled=False)
    after, commands = feed(rules, after, Started(T0 + 90_000))
    (look,) = commands
    assert isinstance(look, LookUp)
    assert (look.intent.order_id, after.reconciled) == ("venue-9", False)
    _, silent = feed(rules, after, Tick(T0 + 91_000, HUNDRED))
    assert silent == ()
    after, _ = feed(rules, after, OrderFilled(T0 + 92_000, "bot-7-1", execution("100", "0.2", "0.15")))
    assert (after.reconciled, len(after.lots)) == (True, 1)


def test_a_tick_far_off_moves_nothing_until_a_second_confirms_it() -> None:
    rules, state = trading()
    state = bought(rules, state)
    far = BTC_USD.ticks(Decimal("90.00"))
    state, commands = feed(rules, state, Tick(T0 + 5000, far))
    assert (state.market.last_price, only(commands, Place)) == (HUNDRED, [])
    state, commands = feed(rules, state, Tick(T0 + 6000, far + 10))
    assert placed(commands).reason == "stop_loss"


def test_pauses_by_different_parties_add_up_and_exits_go_on() -> None:
    rules, state = trading()
    state = bought(rules, state)
    state, _ = feed(rules, state, EntriesPaused(T0, "hand"), EntriesPaused(T0, "resource"), EntriesResumed(T0, "hand"))
    assert state.paused_by == {"resource"}
    _, again = feed(rules, state, EntriesPaused(T0, "resource"))
    assert again == ()
    _, commands = feed(rules, state, Tick(T0 + 5000, BTC_USD.ticks(Decimal("104.50"))))
    assert placed(commands).reason == "take_profit"


def test_flatten_closes_every_lot_and_pauses_by_hand() -> None:
    rules, state = trading()
    state = bought(rules, state)
    state, _ = feed(rules, state, FlattenAsked(T0 + 4000))
    assert state.paused_by == {"hand"}
    state, commands = feed(rules, state, Tick(T0 + 5000, HUNDRED))
    assert placed(commands).reason == "flatten"
    name = placed(commands).client_order_id
    state, _ = feed(rules, state, OrderFilled(T0 + 5100, name, execution("100", "0.2", "0.15")))
    assert (state.lots, state.flattening) == ((), False)
