"""To close every lot, asked of a trader whose start has yet to find the account's orders."""

from __future__ import annotations

import pytest

from cbbot.trader.events import FlattenAsked
from cbbot.trader.intent import Purpose
from unit.bot.trader.restarted_traders import begun, bought, ended, finished, holding, listed


@pytest.mark.parametrize("before_the_list", [True, False])
def test_to_close_every_lot_holds_for_those_that_a_start_finds_later(before_the_list: bool) -> None:
    trader = holding(0)
    begun(trader)
    if before_the_list:
        trader.feed(FlattenAsked(trader.now_ms))
    assert listed(trader, bought(1)) == ["bot-7-1"]
    if not before_the_list:
        trader.feed(FlattenAsked(trader.now_ms))
    ended(trader, "bot-7-1", "100", "0.2")
    (sale,) = trader.tick("100")
    assert (sale.purpose, sale.lot, sale.reason) == (Purpose.EXIT, 1, "flatten")


def test_to_close_every_lot_holds_for_one_that_only_the_second_look_finds() -> None:
    trader = holding(1)
    begun(trader)
    trader.feed(FlattenAsked(trader.now_ms))
    assert listed(trader) == []
    (first,) = trader.tick("100")
    trader.fill(first, "100")
    trader.now_ms += 30_000
    assert listed(trader, bought(3)) == ["bot-7-3"]
    ended(trader, "bot-7-3", "100", "0.2")
    (sale,) = trader.tick("100")
    assert (sale.lot, sale.reason) == (2, "flatten")


def test_closing_every_lot_is_over_with_the_start_when_there_is_none() -> None:
    trader = holding(0)
    begun(trader)
    trader.feed(FlattenAsked(trader.now_ms))
    listed(trader)
    finished(trader)
    assert (trader.state.reconciled, trader.state.flattening) == (True, False)
    assert trader.state.paused_by == {"hand"}
