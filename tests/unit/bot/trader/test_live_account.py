"""What only a live account knows: balances, caps, dust, inventory to sell."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Side
from cbbot.trader import account_figures
from cbbot.trader.codec import decode, encode
from cbbot.trader.events import (
    FlattenAsked,
)
from cbbot.trader.trader_state import Dust
from unit.bot.trader.live_trader_harness import PYRAMID, LiveTraderHarness


def test_equity_from_balances_sizes_and_breaks_on_the_account_and_never_on_usd_equity() -> None:
    trader = LiveTraderHarness(USE_LIVE_EQUITY="true", USD_EQUITY="100000", RISK_PER_TRADE_PCT="10")
    trader.tick("100")
    assert (trader.state.account.day, trader.reason) == (-1, "balances_stale")
    trader.balances(quote="200", base="1")
    (entry,) = trader.tick("100")
    assert entry.quote_units == 3000
    assert not trader.state.account.breaker
    assert trader.state.account.day_equity == BTC_USD.ledger_down(Decimal(300))


def test_a_restart_does_not_take_the_missing_balances_for_a_loss() -> None:
    trader = LiveTraderHarness(USE_LIVE_EQUITY="true", MAX_DAILY_LOSS_PCT="2")
    trader.balances(quote="5000")
    trader.tick("100")
    kept = decode(trader.rules, encode(trader.rules, trader.state)).state
    trader.state = replace(kept, reconciled=True, market=trader.state.market)
    trader.tick("100")
    assert not trader.state.account.breaker
    assert trader.state.account.day_marked == BTC_USD.ledger_down(Decimal(5000))


def test_balances_from_the_midst_of_an_order_are_no_loss() -> None:
    trader = LiveTraderHarness(USE_LIVE_EQUITY="true", MAX_DAILY_LOSS_PCT="1")
    trader.balances(quote="1000")
    (entry,) = trader.tick("100")
    trader.balances(quote="980")  # held for the order, and no base yet
    trader.tick("100")
    assert not trader.state.account.breaker
    trader.fill(entry, "100", "0.2")
    trader.balances(quote="980", base="0.2")
    trader.tick("100")
    assert (trader.state.account.breaker, account_figures.equity(trader.rules, trader.state, 10_000)) == (
        False,
        1000 * 10**10,
    )


def test_the_breaker_of_an_account_trips_on_what_the_account_lost() -> None:
    trader = LiveTraderHarness(USE_LIVE_EQUITY="true", MAX_DAILY_LOSS_PCT="1")
    trader.balances(quote="0", base="10")
    trader.tick("100")
    trader.tick("99.01")
    assert not trader.state.account.breaker
    trader.tick("99")
    assert trader.state.account.breaker
    assert len(trader.logged("breaker")) == 1


def test_without_live_equity_it_is_usd_equity_and_what_was_realised_whatever_the_account_holds() -> None:
    trader = LiveTraderHarness(USD_EQUITY="1000")
    trader.balances(quote="90000")
    (entry,) = trader.tick("100")
    assert entry.quote_units == 2000


def test_a_buy_could_fill_its_whole_budget_so_the_cap_of_the_exposure_counts_all_of_it() -> None:
    trader = LiveTraderHarness(MAX_EXPOSURE_USD="39.9", **PYRAMID)
    trader.buy("100", "0.2")
    trader.balances()
    # At our fee rate it would cost 19.85 and fit; a venue that takes less fills up to 20.
    assert trader.tick("100") == []
    assert trader.reason == "max_exposure"


def test_balances_count_until_they_are_ten_seconds_old() -> None:
    trader = LiveTraderHarness()
    trader.balances()
    known_ms = trader.now_ms
    trader.now_ms = known_ms + 10_000 - 1000
    assert (trader.tick("100"), trader.reason) == ([], "balances_stale")
    trader.now_ms = known_ms + 9_999 - 1000
    assert len(trader.tick("100")) == 1


def test_an_entry_needs_the_cash_of_the_account() -> None:
    trader = LiveTraderHarness()
    trader.balances(quote="19.99")
    assert (trader.tick("100"), trader.reason) == ([], "insufficient_funds")


def test_a_lot_worth_less_than_the_venue_takes_becomes_dust_without_an_order_and_leaves_with_the_next_exit() -> None:
    trader = LiveTraderHarness(**PYRAMID)
    trader.buy("100", "0.0101")
    trader.buy("100", "0.2")
    (exit_,) = trader.tick("95")
    assert trader.logged("exit")[0]["reason"] == "dust"
    # Both left in this step: the small one joined the other on its way.
    assert (exit_.lot, exit_.base, trader.state.dust) == (2, BTC_USD.base_units(Decimal("0.2101")), Dust())
    trader.fill(exit_, "95")
    assert (trader.state.lots, trader.state.account.base_sum, trader.state.account.cost_sum) == ((), 0, 0)
    assert trader.state.account.realised == sum(trade.closed.net_pnl for trade in trader.state.trades)


def test_when_the_runner_turns_to_dust_the_newest_follows_it_in_the_same_step() -> None:
    trader = LiveTraderHarness(**PYRAMID)
    trader.buy("100", "0.0101")
    trader.buy("97", "0.2")
    assert trader.tick("95") == []
    assert [(lot.id, lot.runner) for lot in trader.state.lots] == [(2, True)]
    assert trader.state.account.last_entry_ticks == 9700


def test_dust_alone_is_never_tried_again_and_stays_marked() -> None:
    trader = LiveTraderHarness()
    trader.buy("100", "0.0101")
    assert trader.tick("95") == []
    assert (len(trader.state.lots), trader.state.account.lots) == (0, 0)
    assert trader.state.dust.base == BTC_USD.base_units(Decimal("0.0101"))
    assert account_figures.unrealised(trader.state, 9500) == BTC_USD.ledger_up(Decimal("-0.0505"))
    kept = decode(trader.rules, encode(trader.rules, trader.state)).state
    assert (kept.dust, kept.account) == (trader.state.dust, trader.state.account)
    assert trader.tick("95") == []


def test_an_exit_that_the_venue_finds_too_small_becomes_dust_only_when_it_is_about_that_small() -> None:
    small, large = LiveTraderHarness(), LiveTraderHarness()
    small.buy("100", "0.0106")
    large.buy("100", "0.2")
    for trader in (small, large):
        (exit_,) = trader.tick("95")
        trader.refuse(exit_, "INVALID_BASE_SIZE_TOO_SMALL")
        trader.now_ms += 6000
    assert (small.tick("95"), small.state.lots, small.state.dust.base) == ([], (), 1_060_000)
    assert [intent.base for intent in large.tick("95")] == [20_000_000]


def test_flattening_ends_when_only_dust_is_left() -> None:
    trader = LiveTraderHarness()
    trader.buy("100", "0.0099")
    trader.feed(FlattenAsked(trader.now_ms))
    assert trader.tick("100") == []
    assert (trader.state.flattening, trader.state.lots) == (False, ())


SHORT = {"LONG_ONLY": "false", "MAX_ORDER_USD": "50", "MAX_EXPOSURE_USD": "500"}


def test_a_sell_opens_a_lot_live_only_with_base_that_no_lot_and_no_dust_owns() -> None:
    trader = LiveTraderHarness(-5.0, **SHORT)
    trader.balances(base="0.1985")
    assert (trader.tick("100"), trader.reason) == ([], "insufficient_funds")
    trader.balances(base="0.19851116")
    (entry,) = trader.tick("100")
    assert (entry.side, entry.base, entry.quote_units) == (Side.SELL, 19_851_116, 0)
    dusty = LiveTraderHarness(-5.0, **SHORT)
    account = dusty.state.account._replace(base_sum=1, cost_sum=1)
    dusty.state = replace(dusty.state, account=account).with_dust(1, Dust(1, 1, 0))
    dusty.balances(base="0.19851116")
    assert (dusty.tick("100"), dusty.reason) == ([], "insufficient_funds")


def test_dust_of_one_side_never_leaves_with_a_lot_of_the_other() -> None:
    trader = LiveTraderHarness(-5.0, **SHORT)
    trader.state = replace(
        trader.state, account=trader.state.account._replace(side=1, base_sum=500_000, cost_sum=5 * 10**9)
    )
    trader.state = trader.state.with_dust(1, Dust(500_000, 5 * 10**9, 0))
    trader.balances(base="1")
    (entry,) = trader.tick("100")
    trader.fill(entry, "100")
    # Half a dollar of bought dust gains while the sold lot loses: each is marked as of its own side.
    assert account_figures.unrealised(trader.state, 10_100) == 500_000 * 100 - entry.base * 100
    (exit_,) = trader.tick("105")
    assert (exit_.side, exit_.base) == (Side.BUY, entry.base)
    trader.fill(exit_, "105", "0.19")
    assert trader.state.dust == Dust(500_000, 5 * 10**9, 0)
    assert trader.state.short_dust.base == entry.base - 19_000_000
    kept = decode(trader.rules, encode(trader.rules, trader.state)).state
    assert (kept.dust, kept.short_dust) == (trader.state.dust, trader.state.short_dust)


@pytest.mark.parametrize(("price", "taken"), [("101", True), ("100.99", False)])
def test_a_sell_lot_is_added_to_by_the_mirrored_gate(price: str, taken: bool) -> None:
    trader = LiveTraderHarness(-5.0, **SHORT | PYRAMID | {"PYRAMID_MIN_ADVERSE_PCT": "1"})
    trader.balances(base="1")
    (entry,) = trader.tick("100")
    trader.fill(entry, "100")
    trader.balances(base="1")
    assert bool(trader.tick(price)) is taken
