"""After the venue's clock was set back no cooldown and no start waits until it is where it was."""

from __future__ import annotations

from dataclasses import replace

from cbbot.trader.commands import Command, ListOrders
from cbbot.trader.events import TimePassed
from unit.bot.trader.live_trader_harness import LiveTraderHarness

HOUR_MS = 3_600_000


def set_back(trader: LiveTraderHarness, by_ms: int = HOUR_MS) -> list[Command]:
    trader.now_ms -= by_ms
    return list(trader.feed(TimePassed(trader.now_ms, trader.state.elapsed_ms + 31_000)))


def stopped_out() -> LiveTraderHarness:
    trader = LiveTraderHarness()
    trader.buy("100", "0.2")
    (exit_,) = trader.tick("95")
    trader.fill(exit_, "95")
    assert not trader.state.lots
    return trader


def test_a_loss_before_it_cools_down_for_no_longer_than_set() -> None:
    trader = stopped_out()
    set_back(trader)
    trader.balances()
    trader.tick("96")
    assert trader.reason != "cooldown"


def test_a_step_back_that_events_overtake_each_other_by_changes_nothing() -> None:
    trader = stopped_out()
    account = trader.state.account
    set_back(trader, 600_000 - 1_000)
    assert trader.state.account == account


def test_a_start_looks_a_second_time_as_if_it_had_begun_then() -> None:
    trader = LiveTraderHarness()
    startup = replace(trader.state.startup, looks=1, started_ms=trader.now_ms, asked_at=0)
    trader.state = replace(trader.state, reconciled=False, startup=startup)
    assert set_back(trader) == []
    trader.now_ms += 30_000
    (asked,) = trader.feed(TimePassed(trader.now_ms, trader.state.elapsed_ms + 30_000))
    assert isinstance(asked, ListOrders)
