"""The venue's clock is set back, and forth again: neither the day nor the wait for balances begins anew by it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cbbot.domain.instrument import BTC_USD
from cbbot.domain.last_trade import LastTrade
from cbbot.kernel.account import Account, opening_account, with_day
from cbbot.trader.events import Tick, TimePassed
from cbbot.trader.intent import Intent
from trader_harness import placed
from unit.bot.trader.live_trader_harness import LiveTraderHarness

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MIDNIGHT_MS = 20_000 * DAY_MS


def stepped(trader: LiveTraderHarness, account: Account, *moments: int) -> Account:
    for moment in moments:
        account = with_day(trader.rules.params, account, moment, 1_000, 1_000)
    return account


def tripped() -> tuple[LiveTraderHarness, Account]:
    trader = LiveTraderHarness()
    today = stepped(trader, opening_account(1_000), MIDNIGHT_MS + HOUR_MS)
    return trader, today._replace(breaker=True, day_realised=-500)


@pytest.mark.parametrize("back_ms", [1, HOUR_MS, 2 * HOUR_MS, 8 * HOUR_MS, DAY_MS, 7 * DAY_MS])
def test_a_clock_that_goes_back_over_midnight_and_forth_resets_no_breaker(back_ms: int) -> None:
    trader, account = tripped()
    now_ms = MIDNIGHT_MS + HOUR_MS
    after = stepped(trader, account, now_ms - back_ms, now_ms - back_ms // 2, MIDNIGHT_MS - 1, now_ms, now_ms + HOUR_MS)
    assert after == account


def test_the_next_day_begins_all_the_same() -> None:
    trader, account = tripped()
    after = stepped(trader, account, MIDNIGHT_MS - HOUR_MS, MIDNIGHT_MS + DAY_MS)
    assert (after.breaker, after.day_realised, after.day) == (False, 0, account.day + 1)


def test_a_market_of_long_ago_has_days_of_its_own() -> None:
    trader, account = tripped()
    after = stepped(trader, account, MIDNIGHT_MS - 8 * DAY_MS)
    assert (after.breaker, after.day) == (False, account.day - 8)


def price_at(trader: LiveTraderHarness, price: str, elapsed_ms: int) -> list[Intent]:
    trader.feed(TimePassed(trader.now_ms, elapsed_ms))
    ticks = BTC_USD.ticks(Decimal(price))
    return placed(trader.feed(Tick(trader.now_ms, ticks, LastTrade(f"{trader.now_ms} {elapsed_ms}"))))


def test_balances_count_again_half_a_minute_after_an_order_that_a_clock_was_set_back_since() -> None:
    trader = LiveTraderHarness()
    trader.buy("100", "0.2")
    (exit_,) = trader.tick("104")
    trader.fill(exit_, "104")
    assert not trader.state.lots
    elapsed_ms = trader.state.elapsed_ms
    trader.now_ms -= HOUR_MS
    price_at(trader, "104", elapsed_ms + 29_000)
    trader.balances()
    assert price_at(trader, "104", elapsed_ms + 29_500) == [], "a reading that began before the order may come so late"
    assert trader.reason == "balances_stale"
    price_at(trader, "104", elapsed_ms + 31_000)
    trader.balances()
    assert len(price_at(trader, "104", elapsed_ms + 31_500)) == 1


def test_balances_from_before_a_clock_was_set_back_are_not_young_for_an_hour() -> None:
    trader = LiveTraderHarness()
    trader.balances()
    trader.now_ms -= HOUR_MS
    assert price_at(trader, "100", 60_000) == []
    assert trader.reason == "balances_stale"
