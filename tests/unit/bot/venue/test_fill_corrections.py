"""Fills that are taken back or put right: the entries, the order's totals, the balances."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cbbot.errors import BadInput
from cbbot.venue.exchange import Delays
from cbbot.venue.records import fill_record, order_record
from cbbot.venue.venue_fill import TradeType
from cbbot.venue.venue_order import OrderStatus
from exchange_cases import BTC, CENT, Market, limit, market


def test_a_reversal_takes_its_fill_back() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", 150 * CENT, 10_002, "sor_limit_ioc"))
    first, second = case.exchange.fills_since(0)
    reversal = case.exchange.reverse_fill(first.entry_id, case.now_ms)
    assert (reversal.trade_type, reversal.trade_id, reversal.trade) == (
        TradeType.REVERSAL,
        first.trade_id,
        first.trade,
    )
    assert reversal.entry_id not in (first.entry_id, second.entry_id)
    left = case.now(order)
    assert (left.base, left.value, left.commission) == (second.trade.base, second.trade.value, second.trade.commission)
    assert (left.status, left.fill_count) == (OrderStatus.CANCELLED, 1)
    record = order_record(left, BTC.instrument, "me", case.now_ms)
    assert (record["settled"], record["filled_size"]) == (False, "0.5")
    assert fill_record(reversal, BTC.instrument, "me")["trade_type"] == "REVERSAL"
    assert case.wallet("BTC") == (Decimal("10.5"), 0)
    assert case.wallet("USD") == (1000 - Decimal("50.01") * Decimal("1.01"), 0)


def test_a_sale_that_is_reversed_gives_the_base_back() -> None:
    case = Market()
    case.place(market("a", "SELL", base_size="1"))
    case.exchange.reverse_fill(case.exchange.fills_since(0)[0].entry_id, case.now_ms)
    assert (case.wallet("BTC"), case.wallet("USD")) == ((10, 0), (1000, 0))


def test_a_correction_stands_in_for_the_fill_at_another_price() -> None:
    case = Market()
    order = case.place(market("a", "BUY", base_size="1"))
    fill = case.exchange.fills_since(0)[0]
    correction = case.exchange.correct_fill(fill.entry_id, 9_000, case.now_ms)
    types = [entry.trade_type for entry in case.exchange.fills_since(0)]
    assert types == [TradeType.FILL, TradeType.REVERSAL, TradeType.CORRECTION]
    assert {entry.trade_id for entry in case.exchange.fills_since(0)} == {fill.trade_id}
    corrected = case.now(order)
    assert (corrected.status, corrected.base, corrected.value) == (OrderStatus.FILLED, 100 * CENT, 900_000 * CENT)
    assert case.wallet("USD") == (1000 - 90 * Decimal("1.01"), 0)
    again = case.exchange.reverse_fill(correction.entry_id, case.now_ms)
    assert again.trade == correction.trade
    assert (case.now(order).base, case.wallet("USD")) == (0, (1000, 0))


def test_what_cannot_be_taken_back_leaves_everything_as_it_is() -> None:
    case = Market()
    case.place(market("a", "BUY", base_size="1"))
    fill = case.exchange.fills_since(0)[0]
    with pytest.raises(BadInput, match="no fill"):
        case.exchange.reverse_fill("x", case.now_ms)
    with pytest.raises(BadInput, match="USD"):
        case.exchange.correct_fill(fill.entry_id, 10**6, case.now_ms)
    case.place(limit("b", "SELL", 1100 * CENT, 20_000))
    with pytest.raises(BadInput, match="BTC"):
        case.exchange.reverse_fill(fill.entry_id, case.now_ms)
    assert len(case.exchange.fills_since(0)) == 1
    assert case.wallet("USD")[0] == 1000 - Decimal("100.01") * Decimal("1.01")
    case.exchange.cancel(next(case.exchange.open_orders(case.now_ms)).order_id, case.now_ms)
    case.exchange.reverse_fill(fill.entry_id, case.now_ms)
    with pytest.raises(BadInput, match="reversed already"):
        case.exchange.reverse_fill(fill.entry_id, case.now_ms)


def test_a_fill_that_is_not_posted_yet_is_posted_to_be_reversed() -> None:
    case = Market(delays=Delays(post_ms=1_000))
    order = case.place(market("a", "BUY", base_size="1"))
    case.exchange.reverse_fill(case.exchange.fills_since(0)[0].entry_id, case.now_ms)
    assert (case.wallet("USD"), case.wallet("BTC")) == ((1000, 0), (10, 0))
    case.wait(1_000)
    assert (case.wallet("USD"), case.now(order).hold) == ((1000, 0), 0)


def test_an_order_of_which_a_part_was_reversed_is_never_filled() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", 150 * CENT, 10_001))
    case.exchange.reverse_fill(case.exchange.fills_since(0)[0].entry_id, case.now_ms)
    assert (case.now(order).status, case.now(order).leaves) == (OrderStatus.OPEN, 50 * CENT)
    case.print(9_999, 1)
    assert (case.now(order).status, case.now(order).base) == (OrderStatus.CANCELLED, 50 * CENT)
