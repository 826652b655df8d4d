"""Exits that do not come off: refused, without a fill, without base. And closing everything, which must."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.trader.commands import Place
from cbbot.trader.events import (
    CandleClosed,
    FlattenAsked,
    OrderAbsent,
    Started,
)
from unit.bot.trader.live_desk import PYRAMID, T0, Desk


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
