"""Exits that do not come off: refused, without a fill, without base. And closing everything, which must."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.trader.events import (
    CandleClosed,
    FlattenAsked,
    OrderAbsent,
    Started,
)
from trader_harness import placed
from unit.bot.trader.live_trader_harness import PYRAMID, T0, LiveTraderHarness


def refused_for_lack_of_base(trader: LiveTraderHarness, code: str = "INSUFFICIENT_FUND") -> None:
    """The exit of the only lot is refused, long after it was bought, and the account's balances show no base."""
    trader.now_ms += 60_000
    (exit_,) = trader.tick("95")
    trader.refuse(exit_, code)
    trader.balances(base="0")


def test_while_a_refused_exit_waits_for_its_next_try_nothing_is_bought() -> None:
    trader = LiveTraderHarness(**PYRAMID)
    trader.buy("100", "0.2")
    (exit_,) = trader.tick("95")
    trader.refuse(exit_, "RATE_LIMITED")
    trader.balances()
    before = trader.state.decision
    assert trader.tick("95") == []
    assert trader.state.decision is before
    trader.now_ms += 4000
    (again,) = trader.tick("95")
    assert again.reason == "stop_loss"


def test_an_exit_that_ends_without_a_fill_is_tried_again_after_a_pause() -> None:
    trader = LiveTraderHarness()
    trader.buy("100", "0.2")
    (exit_,) = trader.tick("95")
    trader.fill(exit_, "95", "0")
    assert trader.tick("95") == []
    trader.now_ms += 4000
    assert len(trader.tick("95")) == 1


@pytest.mark.parametrize("nothing", ["refused", "unfilled", "absent"])
def test_when_the_runner_has_left_and_the_exit_of_the_other_comes_to_nothing_the_other_is_promoted(
    nothing: str,
) -> None:
    trader = LiveTraderHarness(**PYRAMID)
    trader.buy("100", "0.2")
    trader.buy("100", "0.2")
    first, second = trader.tick("95")
    trader.fill(first, "95")
    assert [lot.runner for lot in trader.state.lots] == [False]  # it is on its way out as well
    if nothing == "refused":
        trader.refuse(second, "RATE_LIMITED")
    elif nothing == "unfilled":
        trader.fill(second, "95", "0")
    else:
        trader.feed(OrderAbsent(trader.now_ms + 60_000, second.client_order_id, complete=True))
    (lot,) = trader.state.lots
    assert (lot.runner, lot.opened_as_runner, lot.take) == (True, False, 104.0)


def test_when_the_runner_leaves_in_parts_it_stays_the_runner_and_is_followed_by_the_newest_when_gone() -> None:
    trader = LiveTraderHarness(**PYRAMID)
    for price in ("100", "99", "98"):
        trader.buy(price, "0.2")
    (exit_,) = trader.tick("95")
    trader.fill(exit_, "95", "0.15")
    assert [(lot.id, lot.runner) for lot in trader.state.lots] == [(1, True), (2, False), (3, False)]
    (rest,) = trader.tick("95")
    trader.fill(rest, "94.9")
    assert [(lot.id, lot.runner, lot.stop) for lot in trader.state.lots] == [(2, False, 94.05), (3, True, 93.1)]


@pytest.mark.parametrize("code", ["INSUFFICIENT_FUND", "INSUFFICIENT_FUNDS"])
def test_lack_of_base_by_any_of_the_venues_names_stops_entries(code: str) -> None:
    trader = LiveTraderHarness()
    trader.buy("100", "0.2")
    refused_for_lack_of_base(trader, code)
    assert trader.state.paused_by == {"lots_without_base"}


def test_what_was_bought_lately_and_is_not_in_the_balances_yet_does_not_count_as_missing() -> None:
    trader = LiveTraderHarness()
    trader.buy("100", "0.2")
    (exit_,) = trader.tick("95")
    trader.refuse(exit_, "INSUFFICIENT_FUND")
    trader.balances(base="0")
    assert trader.state.paused_by == frozenset()
    assert [refused.short for refused in trader.state.refused_exits] == [False]
    trader.now_ms += 20_000
    # The venue has posted it by now; the whole lot leaves.
    (again,) = trader.tick("95")
    assert again.base == trader.state.lots[0].base
    trader.fill(again, "95")
    assert (trader.state.lots, trader.state.refused_exits) == ((), ())


def test_the_pause_for_missing_base_ends_when_the_base_is_back() -> None:
    trader = LiveTraderHarness()
    trader.buy("100", "0.2")
    refused_for_lack_of_base(trader)
    assert [refused.short for refused in trader.state.refused_exits] == [True]
    trader.now_ms += 1000
    trader.balances(base="0.2")
    assert trader.state.paused_by == frozenset()
    assert [refused.short for refused in trader.state.refused_exits] == [False]
    # And the exit goes out at once, however long its next try had to wait.
    assert [intent.lot for intent in trader.tick("95")] == [1]


def test_with_the_base_gone_for_good_exits_are_tried_a_dozen_times_an_hour() -> None:
    trader = LiveTraderHarness()
    trader.buy("100", "0.2")
    refused_for_lack_of_base(trader)
    sent = 0
    for _ in range(3600):
        for exit_ in trader.tick("95"):
            trader.refuse(exit_, "INSUFFICIENT_FUND")
            sent += 1
    assert 10 <= sent <= 20
    assert trader.counts["orders", "liveSELL"] == 1


def test_the_pause_for_missing_base_ends_with_the_last_lot() -> None:
    trader = LiveTraderHarness(**PYRAMID)
    trader.buy("100", "0.2")
    trader.buy("100", "0.2")
    first, second = trader.tick("95")
    trader.refuse(first, "INSUFFICIENT_FUND")
    trader.fill(second, "95")
    trader.now_ms += 60_000
    trader.pass_time()
    trader.balances(base="0.0001")
    assert trader.state.paused_by == {"lots_without_base"}
    trader.now_ms += 5000
    (again,) = trader.tick("95")
    trader.fill(again, "95")
    assert trader.state.paused_by == frozenset()


def test_after_an_exit_was_refused_for_lack_of_base_what_the_account_has_is_sold_and_the_rest_stays_a_lot() -> None:
    trader = LiveTraderHarness(**PYRAMID)
    trader.buy("100", "0.2")
    trader.buy("100", "0.2")
    for exit_ in trader.tick("95"):
        trader.refuse(exit_, "INSUFFICIENT_FUND")
    trader.now_ms += 60_000
    trader.pass_time()
    trader.balances(base="0.3")
    first, second = trader.tick("95")
    assert [first.base, second.base] == [20_000_000, 10_000_000]
    trader.fill(first, "95")
    trader.fill(second, "95")
    (short,) = trader.state.lots
    assert (short.base, trader.state.paused_by) == (10_000_000, frozenset({"lots_without_base"}))
    trader.balances(base="0.0001")
    # Too little to sell: the whole is asked for, in case it comes back.
    assert [intent.base for intent in trader.tick("95")] == [10_000_000]


def test_a_refused_exit_waits_on_a_clock_that_nobody_sets_whatever_the_candles_times_are() -> None:
    trader = LiveTraderHarness(USE_TICK_PRICE="false")
    trader.now_ms = T0 + 59_000
    trader.balances()
    start = T0 // 1000
    close = BTC_USD.ticks(Decimal(100))
    trader.feed(CandleClosed(Candle(start, close, close, close, close, 1)))
    (entry,) = placed(trader.commands)
    trader.fill(entry, "100")
    # The venue's clock is ten minutes ahead when the exit is refused, and its candles are not.
    low = BTC_USD.ticks(Decimal(90))
    trader.feed(CandleClosed(Candle(start + 60, low, low, low, low, 1)))
    (exit_,) = placed(trader.commands)
    trader.now_ms = T0 + 600_000
    trader.refuse(exit_, "RATE_LIMITED")
    trader.now_ms += 5_000
    trader.pass_time()
    trader.feed(CandleClosed(Candle(start + 120, low, low, low, low, 1)))
    assert [intent.lot for intent in placed(trader.commands)] == [1]


def test_one_lots_refused_exit_keeps_no_other_lot_from_its_stop() -> None:
    trader = LiveTraderHarness(**PYRAMID)
    trader.buy("100", "0.2")
    trader.buy("98", "0.2")
    (first,) = trader.tick("95")
    trader.refuse(first, "RATE_LIMITED")
    assert [intent.lot for intent in trader.tick("93")] == [2]
    trader.now_ms += 5000
    assert [intent.lot for intent in trader.tick("93")] == [1]


@pytest.mark.parametrize("ends", ["filled", "unfilled", "refused"])
def test_an_entry_under_way_when_everything_is_closed_is_closed_as_well(ends: str) -> None:
    trader = LiveTraderHarness(**PYRAMID)
    trader.buy("100", "0.2")
    trader.balances()
    (entry,) = trader.tick("100")
    trader.feed(FlattenAsked(trader.now_ms))
    (exit_,) = trader.tick("100")
    trader.fill(exit_, "100")
    assert (trader.state.lots, trader.state.flattening) == ((), True)
    if ends == "filled":
        trader.fill(entry, "100")
        (last,) = trader.tick("100")
        assert (last.lot, last.reason) == (2, "flatten")
        trader.fill(last, "100")
    elif ends == "unfilled":
        trader.fill(entry, "100", "0")
    else:
        trader.refuse(entry, "RATE_LIMITED")
    assert (trader.state.lots, trader.state.flattening) == ((), False)


def test_closing_everything_with_nothing_open_yet_waits_for_the_entry_under_way() -> None:
    trader = LiveTraderHarness()
    trader.balances()
    (entry,) = trader.tick("100")
    trader.feed(FlattenAsked(trader.now_ms))
    trader.fill(entry, "100")
    assert [intent.reason for intent in trader.tick("100")] == ["flatten"]


def test_a_state_whose_lots_have_no_runner_gets_one_at_the_start() -> None:
    trader = LiveTraderHarness(**PYRAMID)
    trader.buy("100", "0.2")
    trader.buy("100", "0.2")
    bare = tuple(lot._replace(runner=False) for lot in trader.state.lots)
    trader.state = replace(trader.state, lots=bare, reconciled=False)
    trader.feed(Started(trader.now_ms))
    assert [lot.runner for lot in trader.state.lots] == [False, True]
