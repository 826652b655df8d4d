"""With USE_LIVE_EQUITY: what comes into the account or leaves it by other hands is no profit and no loss."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cbbot.domain.instrument import BTC_USD
from unit.bot.trader.live_trader_harness import LiveTraderHarness


def usd(amount: str) -> int:
    return BTC_USD.ledger_down(Decimal(amount))


def trading(**keys: str) -> LiveTraderHarness:
    """A trader with a lot of 20 USD and 980 USD beside it."""
    trader = LiveTraderHarness(USE_LIVE_EQUITY="true", MAX_DAILY_LOSS_PCT="2", STOP_LOSS_PCT="20", **keys)
    trader.balances(quote="1000")
    (entry,) = trader.tick("100")
    trader.fill(entry, "100", "0.2")
    trader.balances(quote="980", base="0.2")
    trader.tick("100")
    assert trader.state.account.day_marked == usd("1000")
    return trader


@pytest.mark.parametrize("restarted", [False, True])
def test_a_withdrawal_does_not_trip_the_breaker(restarted: bool) -> None:
    trader = trading()
    if restarted:
        trader.restart()
    trader.balances(quote="480", base="0.2")
    trader.tick("100")
    account = trader.state.account
    assert (account.breaker, account.day_marked, account.day_equity) == (False, usd("500"), usd("500"))
    assert account.loss_limit == usd("10")


@pytest.mark.parametrize("restarted", [False, True])
def test_a_deposit_does_not_hide_a_loss(restarted: bool) -> None:
    trader = trading(RISK_PER_TRADE_PCT="2")
    if restarted:
        trader.restart()
    trader.balances(quote="980", base="10.2")  # base, worth 1000 USD
    trader.tick("100")
    trader.balances(quote="1980", base="10.2")  # and as much in quote
    trader.tick("100")
    assert trader.state.account.day_marked == usd("3000")
    trader.tick("95")
    assert not trader.state.account.breaker
    trader.balances(quote="1980", base="10.2")
    trader.tick("94.2")
    assert not trader.state.account.breaker
    trader.tick("94.1")
    assert trader.state.account.breaker, "60 of 3000 USD are 2 %"


def test_the_bots_own_fills_are_no_flow() -> None:
    trader = trading()
    (lot,) = trader.state.lots
    (exit_,) = trader.tick("104.5")
    trader.fill(exit_, "104.5", BTC_USD.base_text(lot.base))
    trader.balances(quote="1000.9")
    assert trader.logged("sync") == []
    assert trader.state.account.day_marked == usd("1000")


def test_a_fill_that_the_balances_show_late_changes_nothing_in_the_end() -> None:
    trader = trading()
    (exit_,) = trader.tick("104.5")
    trader.fill(exit_, "104.5")
    trader.balances(quote="980", base="0.2")
    trader.tick("104.5")
    assert not trader.state.account.breaker
    trader.balances(quote="1000.9")
    assert trader.state.account.day_marked == usd("1000")


def test_without_live_equity_balances_change_no_figure_of_the_day() -> None:
    trader = LiveTraderHarness()
    trader.balances(quote="1000")
    trader.tick("100")
    before = trader.state.account
    trader.balances(quote="5")
    assert trader.state.account == before
