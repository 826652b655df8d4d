"""The arithmetic of fills: exact, and rounded against the customer."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbbot.domain.instrument import BTC_USD
from cbbot.errors import BadInput
from cbbot.venue.matching import (
    commission,
    fee_rate,
    fill_market_buy_base,
    fill_market_buy_quote,
    fill_market_sell,
)
from cbbot.venue.order_book import Level, match_buy_base, match_buy_quote, match_sell

TAKER = fee_rate(Decimal("0.009"))
rates = st.decimals("0", "0.1", places=5).map(fee_rate)
prices = st.integers(1, 10**9)


def test_a_buy_by_quote_size_pays_value_and_fee_out_of_the_budget() -> None:
    budget = 100 * 10**10  # 100 USD in ledger units
    trade = fill_market_buy_quote(11_271_795, budget, TAKER)
    assert BTC_USD.base_text(trade.base) == "0.00087925"
    assert BTC_USD.money_text(trade.value) == "99.1072575375"
    # 99.1072575375 x 0.009 = 0.8919653178375, up to the next 1e-10.
    assert BTC_USD.money_text(trade.commission) == "0.8919653179"


def test_a_fee_that_is_exact_is_not_rounded_up() -> None:
    assert commission(1000, fee_rate(Decimal("0.009"))) == 9
    assert commission(1001, fee_rate(Decimal("0.009"))) == 10


def test_a_sale_and_a_buy_by_base_size_fill_exactly_that_size() -> None:
    for fill in (fill_market_buy_base, fill_market_sell):
        trade = fill(11_271_795, 87_925, TAKER)
        assert (trade.base, trade.value) == (87_925, 11_271_795 * 87_925)


def test_a_budget_below_one_base_unit_buys_nothing() -> None:
    assert fill_market_buy_quote(11_271_795, 11_271_795, TAKER).base == 0


@given(prices, st.integers(0, 10**18), rates)
def test_a_buy_by_quote_size_is_the_largest_that_the_budget_covers(price: int, budget: int, rate: object) -> None:
    trade = fill_market_buy_quote(price, budget, rate)  # type: ignore[arg-type]  # a Rate, drawn above
    assert trade.value + trade.commission <= budget
    bigger = fill_market_buy_base(price, trade.base + 1, rate)  # type: ignore[arg-type]  # a Rate, drawn above
    assert bigger.value + bigger.commission > budget


@given(prices, st.integers(0, 10**12), st.decimals("0", "0.5", places=6))
def test_a_commission_is_the_exact_fee_rounded_up_by_less_than_a_unit(price: int, base: int, rate: Decimal) -> None:
    trade = fill_market_sell(price, base, fee_rate(rate))
    exact = Fraction(price * base) * Fraction(rate)
    assert 0 <= trade.commission - exact < 1


@pytest.mark.parametrize("rate", ["-0.001", "1", "NaN", "Infinity"])
def test_a_rate_that_is_no_fraction_is_bad_input(rate: str) -> None:
    with pytest.raises(BadInput, match="fee rate"):
        fee_rate(Decimal(rate))


def test_an_order_larger_than_a_level_walks_the_book() -> None:
    bids, asks = (Level(100, 5), Level(99, 5)), (Level(101, 5), Level(102, 5))
    assert [(t.price, t.base) for t in match_sell(bids, 7, TAKER)] == [(100, 5), (99, 2)]
    assert [(t.price, t.base) for t in match_buy_base(asks, 50, TAKER)] == [(101, 5), (102, 5)]
    assert [(t.price, t.base) for t in match_buy_quote(asks, 101 * 5 + 5 + 102 + 1, TAKER)] == [(101, 5), (102, 1)]


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=5), st.integers(0, 10**7), rates)
def test_a_walk_through_the_book_never_costs_more_than_its_budget(sizes: list[int], budget: int, rate: object) -> None:
    asks = [Level(1_000 + depth, size) for depth, size in enumerate(sizes)]
    trades = match_buy_quote(asks, budget, rate)  # type: ignore[arg-type]  # a Rate, drawn above
    assert sum(trade.value + trade.commission for trade in trades) <= budget
    assert all(trade.base <= level.size for trade, level in zip(trades, asks, strict=False))
