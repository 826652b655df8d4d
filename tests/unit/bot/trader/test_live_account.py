"""What only a live account knows: balances, caps, dust, exits that do not come off, inventory to sell."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from cbbot.contract.settings import load
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Execution, Side
from cbbot.kernel.model import Fit
from cbbot.trader import figures
from cbbot.trader.codec import decode, encode
from cbbot.trader.commands import Command, Notify, Place
from cbbot.trader.events import (
    BalancesKnown,
    CandleClosed,
    Event,
    FlattenAsked,
    HistoryLoaded,
    OrderAbsent,
    OrderFilled,
    OrderRefused,
    Started,
    Tick,
)
from cbbot.trader.intent import Intent
from cbbot.trader.machine import step
from cbbot.trader.rules import rules
from cbbot.trader.state import Dust, Identity, TraderState, new_state

T0 = 1_700_000_040_000
PYRAMID = {
    "ALLOW_PYRAMIDING": "true", "PYRAMID_MIN_ADVERSE_PCT": "0", "PYRAMID_DECAY_LAMBDA": "0",
}  # fmt: skip


def model(bias: float) -> Fit:
    return Fit((0.0,) * 4, bias, (0.0,) * 4, (1.0,) * 4, 100)


class Desk:
    """A live trader at 100 USD that wants to buy (or sell) in every step; its clock moves with :meth:`tick`."""

    def __init__(self, bias: float = 5.0, **keys: str) -> None:
        defaults = {
            "DRY_RUN": "false", "MAX_ORDER_USD": "50", "MAX_EXPOSURE_USD": "500", "USE_MA_FILTER": "false",
            "RISK_PER_TRADE_PCT": "2", "STOP_LOSS_PCT": "5", "TAKE_PROFIT_PCT": "2", "FEE_RATE_PCT": "0.75",
        }  # fmt: skip
        self.rules = rules(load(defaults | keys), BTC_USD)
        self.now_ms = T0
        self.state: TraderState = new_state(self.rules, Identity("bot", "BTC-USD", "live", "test"), 7)
        self.commands: tuple[Command, ...] = ()
        start, flat = T0 // 1000 - 3600, BTC_USD.ticks(Decimal(100))
        self.feed(HistoryLoaded(T0, tuple(Candle(start + 60 * i, flat, flat, flat, flat, 10) for i in range(60))))
        self.state = replace(self.state, model=model(bias))
        self.feed(Started(T0))

    def feed(self, event: Event) -> None:
        self.state, self.commands = step(self.rules, self.state, event)

    def balances(self, quote: str = "1000", base: str = "0") -> None:
        self.now_ms += 1
        units = BTC_USD.base_units(Decimal(base))
        self.feed(BalancesKnown(self.now_ms, units, BTC_USD.ledger_down(Decimal(quote))))

    def tick(self, price: str) -> list[Intent]:
        """The orders that a price leads to."""
        self.now_ms += 1000
        self.feed(Tick(self.now_ms, BTC_USD.ticks(Decimal(price))))
        return [command.intent for command in self.commands if isinstance(command, Place)]

    def fill(self, intent: Intent, price: str, base: str | None = None) -> None:
        self.now_ms += 10
        ticks = BTC_USD.ticks(Decimal(price))
        units = intent.base if base is None else BTC_USD.base_units(Decimal(base))
        self.feed(OrderFilled(self.now_ms, intent.client_order_id, Execution("v", ticks, units, ticks * units, 0)))

    def refuse(self, intent: Intent, code: str) -> None:
        self.now_ms += 10
        self.feed(OrderRefused(self.now_ms, intent.client_order_id, code, "no"))

    def buy(self, price: str, base: str) -> None:
        self.balances()
        (entry,) = self.tick(price)
        self.fill(entry, price, base)

    @property
    def reason(self) -> str:
        assert self.state.decision is not None
        return self.state.decision.reason

    def told(self, event: str) -> list[dict[str, Any]]:
        return [dict(c.fields) for c in self.commands if isinstance(c, Notify) and c.event == event]


# Equity from balances


def test_equity_from_balances_sizes_and_breaks_on_the_account_and_never_on_usd_equity() -> None:
    desk = Desk(USE_LIVE_EQUITY="true", USD_EQUITY="100000", RISK_PER_TRADE_PCT="10")
    desk.tick("100")
    assert (desk.state.book.day, desk.reason) == (-1, "balances_stale")
    desk.balances(quote="200", base="1")
    (entry,) = desk.tick("100")
    assert entry.quote_units == 3000
    assert not desk.state.book.breaker
    assert desk.state.book.day_equity == BTC_USD.ledger_down(Decimal(300))


def test_a_restart_does_not_take_the_missing_balances_for_a_loss() -> None:
    desk = Desk(USE_LIVE_EQUITY="true", MAX_DAILY_LOSS_PCT="2")
    desk.balances(quote="5000")
    desk.tick("100")
    kept = decode(desk.rules, encode(desk.rules, desk.state))
    desk.state = replace(kept, reconciled=True, market=desk.state.market)
    desk.tick("100")
    assert not desk.state.book.breaker
    assert desk.state.book.day_marked == BTC_USD.ledger_down(Decimal(5000))


def test_balances_from_the_midst_of_an_order_are_no_loss() -> None:
    desk = Desk(USE_LIVE_EQUITY="true", MAX_DAILY_LOSS_PCT="1")
    desk.balances(quote="1000")
    (entry,) = desk.tick("100")
    desk.balances(quote="980")  # held for the order, and no base yet
    desk.tick("100")
    assert not desk.state.book.breaker
    desk.fill(entry, "100", "0.2")
    desk.balances(quote="980", base="0.2")
    desk.tick("100")
    assert (desk.state.book.breaker, figures.equity(desk.rules, desk.state, 10_000)) == (False, 1000 * 10**10)


def test_the_breaker_of_an_account_trips_on_what_the_account_lost() -> None:
    desk = Desk(USE_LIVE_EQUITY="true", MAX_DAILY_LOSS_PCT="1")
    desk.balances(quote="0", base="10")
    desk.tick("100")
    desk.tick("99.01")
    assert not desk.state.book.breaker
    desk.tick("99")
    assert desk.state.book.breaker
    assert len(desk.told("breaker")) == 1


def test_without_live_equity_it_is_usd_equity_and_what_was_realised_whatever_the_account_holds() -> None:
    desk = Desk(USD_EQUITY="1000")
    desk.balances(quote="90000")
    (entry,) = desk.tick("100")
    assert entry.quote_units == 2000


# Caps


def test_a_buy_could_fill_its_whole_budget_so_the_cap_of_the_exposure_counts_all_of_it() -> None:
    desk = Desk(MAX_EXPOSURE_USD="39.9", **PYRAMID)
    desk.buy("100", "0.2")
    desk.balances()
    # At our fee rate it would cost 19.85 and fit; a venue that takes less fills up to 20.
    assert desk.tick("100") == []
    assert desk.reason == "max_exposure"


def test_balances_count_until_they_are_ten_seconds_old() -> None:
    desk = Desk()
    desk.balances()
    known_ms = desk.now_ms
    desk.now_ms = known_ms + 10_000 - 1000
    assert (desk.tick("100"), desk.reason) == ([], "balances_stale")
    desk.now_ms = known_ms + 9_999 - 1000
    assert len(desk.tick("100")) == 1


def test_an_entry_needs_the_cash_of_the_account() -> None:
    desk = Desk()
    desk.balances(quote="19.99")
    assert (desk.tick("100"), desk.reason) == ([], "insufficient_funds")


# Exits that do not come off


def test_while_a_refused_exit_waits_for_its_next_try_nothing_is_bought() -> None:
    desk = Desk(**PYRAMID)
    desk.buy("100", "0.2")
    (exit_,) = desk.tick("95")
    desk.refuse(exit_, "RATE_LIMITED")
    desk.balances()
    before = desk.state.decision
    assert desk.tick("95") == []
    assert desk.state.decision is before
    desk.now_ms += 4000
    (again,) = desk.tick("95")
    assert again.reason == "stop_loss"


def test_an_exit_that_ends_without_a_fill_is_tried_again_after_a_pause() -> None:
    desk = Desk()
    desk.buy("100", "0.2")
    (exit_,) = desk.tick("95")
    desk.fill(exit_, "95", "0")
    assert desk.tick("95") == []
    desk.now_ms += 4000
    assert len(desk.tick("95")) == 1


@pytest.mark.parametrize("nothing", ["refused", "unfilled", "absent"])
def test_when_the_runner_has_left_and_the_exit_of_the_other_comes_to_nothing_the_other_is_promoted(
    nothing: str,
) -> None:
    desk = Desk(**PYRAMID)
    desk.buy("100", "0.2")
    desk.buy("100", "0.2")
    first, second = desk.tick("95")
    desk.fill(first, "95")
    assert [lot.runner for lot in desk.state.lots] == [False]  # it is on its way out as well
    if nothing == "refused":
        desk.refuse(second, "RATE_LIMITED")
    elif nothing == "unfilled":
        desk.fill(second, "95", "0")
    else:
        desk.feed(OrderAbsent(desk.now_ms + 60_000, second.client_order_id, complete=True))
    (lot,) = desk.state.lots
    assert (lot.runner, lot.opened_as_runner, lot.take) == (True, False, 104.0)


def test_when_the_runner_leaves_in_parts_it_stays_the_runner_and_is_followed_by_the_newest_when_gone() -> None:
    desk = Desk(**PYRAMID)
    for price in ("100", "99", "98"):
        desk.buy(price, "0.2")
    (exit_,) = desk.tick("95")
    desk.fill(exit_, "95", "0.15")
    assert [(lot.id, lot.runner) for lot in desk.state.lots] == [(1, True), (2, False), (3, False)]
    (rest,) = desk.tick("95")
    desk.fill(rest, "94.9")
    assert [(lot.id, lot.runner, lot.stop) for lot in desk.state.lots] == [(2, False, 94.05), (3, True, 93.1)]


def test_lack_of_base_by_any_of_the_venues_names_stops_entries() -> None:
    desk = Desk()
    desk.buy("100", "0.2")
    (exit_,) = desk.tick("95")
    desk.refuse(exit_, "INSUFFICIENT_FUNDS")
    assert desk.state.paused_by == {"lots_without_base"}


def test_the_pause_for_missing_base_ends_with_the_last_lot() -> None:
    desk = Desk(**PYRAMID)
    desk.buy("100", "0.2")
    desk.buy("100", "0.2")
    first, second = desk.tick("95")
    desk.refuse(first, "INSUFFICIENT_FUND")
    desk.fill(second, "95")
    assert desk.state.paused_by == {"lots_without_base"}
    desk.now_ms += 5000
    (again,) = desk.tick("95")
    desk.fill(again, "95")
    assert desk.state.paused_by == frozenset()


def test_after_an_exit_was_refused_for_lack_of_base_what_the_account_has_is_sold_and_the_rest_stays_a_lot() -> None:
    desk = Desk(**PYRAMID)
    desk.buy("100", "0.2")
    desk.buy("100", "0.2")
    for exit_ in desk.tick("95"):
        desk.refuse(exit_, "INSUFFICIENT_FUND")
    desk.now_ms += 5000
    desk.balances(base="0.3")
    first, second = desk.tick("95")
    assert [first.base, second.base] == [20_000_000, 10_000_000]
    desk.fill(first, "95")
    desk.fill(second, "95")
    (short,) = desk.state.lots
    assert (short.base, desk.state.paused_by) == (10_000_000, {"lots_without_base"})
    desk.balances(base="0.0001")
    # Too little to sell: the whole is asked for, in case it comes back.
    assert [intent.base for intent in desk.tick("95")] == [10_000_000]


def test_an_exit_that_was_refused_never_waits_longer_than_its_pause_even_when_candles_come_late() -> None:
    desk = Desk(USE_TICK_PRICE="false")
    desk.now_ms = T0 + 59_000
    desk.balances()
    start = T0 // 1000
    close = BTC_USD.ticks(Decimal(100))
    desk.feed(CandleClosed(Candle(start, close, close, close, close, 1)))
    (entry,) = (command.intent for command in desk.commands if isinstance(command, Place))
    desk.fill(entry, "100")
    # Ten minutes of candles were missing and now come at once; the first exit is refused by today's clock.
    low = BTC_USD.ticks(Decimal(90))
    desk.feed(CandleClosed(Candle(start + 60, low, low, low, low, 1)))
    (exit_,) = (command.intent for command in desk.commands if isinstance(command, Place))
    desk.now_ms = T0 + 600_000
    desk.refuse(exit_, "RATE_LIMITED")
    desk.feed(CandleClosed(Candle(start + 120, low, low, low, low, 1)))
    assert [command.intent.lot for command in desk.commands if isinstance(command, Place)] == [1]


def test_one_lots_refused_exit_keeps_no_other_lot_from_its_stop() -> None:
    desk = Desk(**PYRAMID)
    desk.buy("100", "0.2")
    desk.buy("98", "0.2")
    (first,) = desk.tick("95")
    desk.refuse(first, "RATE_LIMITED")
    assert [intent.lot for intent in desk.tick("93")] == [2]
    desk.now_ms += 5000
    assert [intent.lot for intent in desk.tick("93")] == [1]


# Closing everything


@pytest.mark.parametrize("ends", ["filled", "unfilled", "refused"])
def test_an_entry_under_way_when_everything_is_closed_is_closed_as_well(ends: str) -> None:
    desk = Desk(**PYRAMID)
    desk.buy("100", "0.2")
    desk.balances()
    (entry,) = desk.tick("100")
    desk.feed(FlattenAsked(desk.now_ms))
    (exit_,) = desk.tick("100")
    desk.fill(exit_, "100")
    assert (desk.state.lots, desk.state.flattening) == ((), True)
    if ends == "filled":
        desk.fill(entry, "100")
        (last,) = desk.tick("100")
        assert (last.lot, last.reason) == (2, "flatten")
        desk.fill(last, "100")
    elif ends == "unfilled":
        desk.fill(entry, "100", "0")
    else:
        desk.refuse(entry, "RATE_LIMITED")
    assert (desk.state.lots, desk.state.flattening) == ((), False)


def test_closing_everything_with_nothing_open_yet_waits_for_the_entry_under_way() -> None:
    desk = Desk()
    desk.balances()
    (entry,) = desk.tick("100")
    desk.feed(FlattenAsked(desk.now_ms))
    desk.fill(entry, "100")
    assert [intent.reason for intent in desk.tick("100")] == ["flatten"]


def test_a_state_whose_lots_have_no_runner_gets_one_at_the_start() -> None:
    desk = Desk(**PYRAMID)
    desk.buy("100", "0.2")
    desk.buy("100", "0.2")
    bare = tuple(lot._replace(runner=False) for lot in desk.state.lots)
    desk.state = replace(desk.state, lots=bare, reconciled=False)
    desk.feed(Started(desk.now_ms))
    assert [lot.runner for lot in desk.state.lots] == [False, True]


# Dust


def test_a_lot_worth_less_than_the_venue_takes_becomes_dust_without_an_order_and_leaves_with_the_next_exit() -> None:
    desk = Desk(**PYRAMID)
    desk.buy("100", "0.0101")
    desk.buy("100", "0.2")
    (exit_,) = desk.tick("95")
    assert desk.told("exit")[0]["reason"] == "dust"
    # Both left in this step: the small one joined the other on its way.
    assert (exit_.lot, exit_.base, desk.state.dust) == (2, BTC_USD.base_units(Decimal("0.2101")), Dust())
    desk.fill(exit_, "95")
    assert (desk.state.lots, desk.state.book.base_sum, desk.state.book.cost_sum) == ((), 0, 0)
    assert desk.state.book.realised == sum(trade.closed.net_pnl for trade in desk.state.trades)


def test_when_the_runner_turns_to_dust_the_newest_follows_it_in_the_same_step() -> None:
    desk = Desk(**PYRAMID)
    desk.buy("100", "0.0101")
    desk.buy("97", "0.2")
    assert desk.tick("95") == []
    assert [(lot.id, lot.runner) for lot in desk.state.lots] == [(2, True)]
    assert desk.state.book.last_entry_ticks == 9700


def test_dust_alone_is_never_tried_again_and_stays_marked() -> None:
    desk = Desk()
    desk.buy("100", "0.0101")
    assert desk.tick("95") == []
    assert (len(desk.state.lots), desk.state.book.lots) == (0, 0)
    assert desk.state.dust.base == BTC_USD.base_units(Decimal("0.0101"))
    assert figures.unrealised(desk.state, 9500) == BTC_USD.ledger_up(Decimal("-0.0505"))
    kept = decode(desk.rules, encode(desk.rules, desk.state))
    assert (kept.dust, kept.book) == (desk.state.dust, desk.state.book)
    assert desk.tick("95") == []


def test_an_exit_that_the_venue_finds_too_small_becomes_dust_only_when_it_is_about_that_small() -> None:
    small, large = Desk(), Desk()
    small.buy("100", "0.0106")
    large.buy("100", "0.2")
    for desk in (small, large):
        (exit_,) = desk.tick("95")
        desk.refuse(exit_, "INVALID_BASE_SIZE_TOO_SMALL")
        desk.now_ms += 6000
    assert (small.tick("95"), small.state.lots, small.state.dust.base) == ([], (), 1_060_000)
    assert [intent.base for intent in large.tick("95")] == [20_000_000]


def test_flattening_ends_when_only_dust_is_left() -> None:
    desk = Desk()
    desk.buy("100", "0.0099")
    desk.feed(FlattenAsked(desk.now_ms))
    assert desk.tick("100") == []
    assert (desk.state.flattening, desk.state.lots) == (False, ())


# Selling first


SHORT = {"LONG_ONLY": "false", "MAX_ORDER_USD": "50", "MAX_EXPOSURE_USD": "500"}


def test_a_sell_opens_a_lot_live_only_with_base_that_no_lot_and_no_dust_owns() -> None:
    desk = Desk(bias=-5.0, **SHORT)
    desk.balances(base="0.1985")
    assert (desk.tick("100"), desk.reason) == ([], "insufficient_funds")
    desk.balances(base="0.19851116")
    (entry,) = desk.tick("100")
    assert (entry.side, entry.base, entry.quote_units) == (Side.SELL, 19_851_116, 0)
    dusty = Desk(bias=-5.0, **SHORT)
    dusty.state = dusty.state.with_dust(1, Dust(1, 1, 0))
    dusty.balances(base="0.19851116")
    assert (dusty.tick("100"), dusty.reason) == ([], "insufficient_funds")


def test_dust_of_one_side_never_leaves_with_a_lot_of_the_other() -> None:
    desk = Desk(bias=-5.0, **SHORT)
    desk.state = replace(desk.state, book=desk.state.book._replace(side=1, base_sum=500_000, cost_sum=5 * 10**9))
    desk.state = desk.state.with_dust(1, Dust(500_000, 5 * 10**9, 0))
    desk.balances(base="1")
    (entry,) = desk.tick("100")
    desk.fill(entry, "100")
    # Half a dollar of bought dust gains while the sold lot loses: each is marked as of its own side.
    assert figures.unrealised(desk.state, 10_100) == 500_000 * 100 - entry.base * 100
    (exit_,) = desk.tick("105")
    assert (exit_.side, exit_.base) == (Side.BUY, entry.base)
    desk.fill(exit_, "105", "0.19")
    assert desk.state.dust == Dust(500_000, 5 * 10**9, 0)
    assert desk.state.short_dust.base == entry.base - 19_000_000
    kept = decode(desk.rules, encode(desk.rules, desk.state))
    assert (kept.dust, kept.short_dust) == (desk.state.dust, desk.state.short_dust)


@pytest.mark.parametrize(("price", "taken"), [("101", True), ("100.99", False)])
def test_a_sell_lot_is_added_to_by_the_mirrored_gate(price: str, taken: bool) -> None:
    desk = Desk(bias=-5.0, **SHORT | PYRAMID | {"PYRAMID_MIN_ADVERSE_PCT": "1"})
    desk.balances(base="1")
    (entry,) = desk.tick("100")
    desk.fill(entry, "100")
    desk.balances(base="1")
    assert bool(desk.tick(price)) is taken
