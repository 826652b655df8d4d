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
from unit.bot.trader.live_desk import PYRAMID, Desk


def test_equity_from_balances_sizes_and_breaks_on_the_account_and_never_on_usd_equity() -> None:
    desk = Desk(USE_LIVE_EQUITY="true", USD_EQUITY="100000", RISK_PER_TRADE_PCT="10")
    desk.tick("100")
    assert (desk.state.account.day, desk.reason) == (-1, "balances_stale")
    desk.balances(quote="200", base="1")
    (entry,) = desk.tick("100")
    assert entry.quote_units == 3000
    assert not desk.state.account.breaker
    assert desk.state.account.day_equity == BTC_USD.ledger_down(Decimal(300))


def test_a_restart_does_not_take_the_missing_balances_for_a_loss() -> None:
    desk = Desk(USE_LIVE_EQUITY="true", MAX_DAILY_LOSS_PCT="2")
    desk.balances(quote="5000")
    desk.tick("100")
    kept = decode(desk.rules, encode(desk.rules, desk.state)).state
    desk.state = replace(kept, reconciled=True, market=desk.state.market)
    desk.tick("100")
    assert not desk.state.account.breaker
    assert desk.state.account.day_marked == BTC_USD.ledger_down(Decimal(5000))


def test_balances_from_the_midst_of_an_order_are_no_loss() -> None:
    desk = Desk(USE_LIVE_EQUITY="true", MAX_DAILY_LOSS_PCT="1")
    desk.balances(quote="1000")
    (entry,) = desk.tick("100")
    desk.balances(quote="980")  # held for the order, and no base yet
    desk.tick("100")
    assert not desk.state.account.breaker
    desk.fill(entry, "100", "0.2")
    desk.balances(quote="980", base="0.2")
    desk.tick("100")
    assert (desk.state.account.breaker, account_figures.equity(desk.rules, desk.state, 10_000)) == (
        False,
        1000 * 10**10,
    )


def test_the_breaker_of_an_account_trips_on_what_the_account_lost() -> None:
    desk = Desk(USE_LIVE_EQUITY="true", MAX_DAILY_LOSS_PCT="1")
    desk.balances(quote="0", base="10")
    desk.tick("100")
    desk.tick("99.01")
    assert not desk.state.account.breaker
    desk.tick("99")
    assert desk.state.account.breaker
    assert len(desk.logged("breaker")) == 1


def test_without_live_equity_it_is_usd_equity_and_what_was_realised_whatever_the_account_holds() -> None:
    desk = Desk(USD_EQUITY="1000")
    desk.balances(quote="90000")
    (entry,) = desk.tick("100")
    assert entry.quote_units == 2000


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


def test_a_lot_worth_less_than_the_venue_takes_becomes_dust_without_an_order_and_leaves_with_the_next_exit() -> None:
    desk = Desk(**PYRAMID)
    desk.buy("100", "0.0101")
    desk.buy("100", "0.2")
    (exit_,) = desk.tick("95")
    assert desk.logged("exit")[0]["reason"] == "dust"
    # Both left in this step: the small one joined the other on its way.
    assert (exit_.lot, exit_.base, desk.state.dust) == (2, BTC_USD.base_units(Decimal("0.2101")), Dust())
    desk.fill(exit_, "95")
    assert (desk.state.lots, desk.state.account.base_sum, desk.state.account.cost_sum) == ((), 0, 0)
    assert desk.state.account.realised == sum(trade.closed.net_pnl for trade in desk.state.trades)


def test_when_the_runner_turns_to_dust_the_newest_follows_it_in_the_same_step() -> None:
    desk = Desk(**PYRAMID)
    desk.buy("100", "0.0101")
    desk.buy("97", "0.2")
    assert desk.tick("95") == []
    assert [(lot.id, lot.runner) for lot in desk.state.lots] == [(2, True)]
    assert desk.state.account.last_entry_ticks == 9700


def test_dust_alone_is_never_tried_again_and_stays_marked() -> None:
    desk = Desk()
    desk.buy("100", "0.0101")
    assert desk.tick("95") == []
    assert (len(desk.state.lots), desk.state.account.lots) == (0, 0)
    assert desk.state.dust.base == BTC_USD.base_units(Decimal("0.0101"))
    assert account_figures.unrealised(desk.state, 9500) == BTC_USD.ledger_up(Decimal("-0.0505"))
    kept = decode(desk.rules, encode(desk.rules, desk.state)).state
    assert (kept.dust, kept.account) == (desk.state.dust, desk.state.account)
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
    desk.state = replace(desk.state, account=desk.state.account._replace(side=1, base_sum=500_000, cost_sum=5 * 10**9))
    desk.state = desk.state.with_dust(1, Dust(500_000, 5 * 10**9, 0))
    desk.balances(base="1")
    (entry,) = desk.tick("100")
    desk.fill(entry, "100")
    # Half a dollar of bought dust gains while the sold lot loses: each is marked as of its own side.
    assert account_figures.unrealised(desk.state, 10_100) == 500_000 * 100 - entry.base * 100
    (exit_,) = desk.tick("105")
    assert (exit_.side, exit_.base) == (Side.BUY, entry.base)
    desk.fill(exit_, "105", "0.19")
    assert desk.state.dust == Dust(500_000, 5 * 10**9, 0)
    assert desk.state.short_dust.base == entry.base - 19_000_000
    kept = decode(desk.rules, encode(desk.rules, desk.state)).state
    assert (kept.dust, kept.short_dust) == (desk.state.dust, desk.state.short_dust)


@pytest.mark.parametrize(("price", "taken"), [("101", True), ("100.99", False)])
def test_a_sell_lot_is_added_to_by_the_mirrored_gate(price: str, taken: bool) -> None:
    desk = Desk(bias=-5.0, **SHORT | PYRAMID | {"PYRAMID_MIN_ADVERSE_PCT": "1"})
    desk.balances(base="1")
    (entry,) = desk.tick("100")
    desk.fill(entry, "100")
    desk.balances(base="1")
    assert bool(desk.tick(price)) is taken
