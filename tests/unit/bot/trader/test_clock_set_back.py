"""After the venue's clock was set back nothing waits until it is where it was: not entries, not balances, not a start."""

from __future__ import annotations

from dataclasses import replace

from cbbot.trader.commands import ListOrders
from cbbot.trader.events import TimePassed
from unit.bot.trader.live_trader_harness import LiveTraderHarness

HOUR_MS = 3_600_000


def set_back(trader: LiveTraderHarness, by_ms: int = HOUR_MS) -> list[object]:
    elapsed_ms = trader.state.elapsed_ms + 1_000
    trader.now_ms -= by_ms
    return list(trader.feed(TimePassed(trader.now_ms, elapsed_ms)))


def test_an_order_and_a_loss_before_it_hold_no_entry_back() -> None:
    trader = LiveTraderHarness()
    trader.buy("100", "0.2")
    (exit_,) = trader.tick("95")
    trader.fill(exit_, "95")
    set_back(trader)
    trader.balances()
    assert len(trader.tick("96")) == 1, trader.reason


def test_balances_from_before_it_are_not_taken_for_new_ones() -> None:
    trader = LiveTraderHarness()
    trader.balances()
    set_back(trader)
    assert (trader.tick("100"), trader.reason) == ([], "balances_stale")


def test_a_step_back_that_events_overtake_each_other_by_changes_nothing() -> None:
    trader = LiveTraderHarness()
    trader.balances()
    known = trader.state.balances
    set_back(trader, 600_000 - 1_000)
    assert trader.state.balances is known


def test_a_start_looks_a_second_time_as_if_it_had_begun_then() -> None:
    trader = LiveTraderHarness()
    startup = replace(trader.state.startup, looks=1, started_ms=trader.now_ms, asked_at=0)
    trader.state = replace(trader.state, reconciled=False, startup=startup)
    assert set_back(trader) == []
    trader.now_ms += 30_000
    (asked,) = trader.feed(TimePassed(trader.now_ms, trader.state.elapsed_ms + 30_000))
    assert isinstance(asked, ListOrders)
