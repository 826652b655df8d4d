"""Sizes and fees against exact fractions, at the edges where floats and rounding would show."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from hypothesis import given, settings
from hypothesis import strategies as st

from cbbot.kernel.money import fee_up, share, slipped
from cbbot.kernel.params import RATE_SCALE, SLIPPAGE_SCALE
from cbbot.kernel.sizing import base_for

TICKS = st.integers(1, 10**8)
RATES = st.one_of(st.just(0), st.integers(0, RATE_SCALE // 10))


@given(ticks=TICKS, cost=st.integers(1, 10**18), rate=RATES, beside=st.integers(-1, 1), large=st.booleans())
@settings(max_examples=1000)
def test_a_size_is_the_exact_quotient_rounded_down(ticks: int, cost: int, rate: int, beside: int, large: bool) -> None:
    # Just around what a size costs, fee included, and up to the largest account: there a float is a whole unit off.
    base = (8 * 10**17 + cost // 10 if large else cost) // ticks
    spend = max(0, ceil(ticks * base * (1 + Fraction(rate, RATE_SCALE))) + beside)
    assert base_for(spend, ticks, rate) == floor(spend / ((1 + Fraction(rate, RATE_SCALE)) * ticks))


@given(notional=st.integers(0, 10**18), rate=RATES)
def test_a_fee_is_the_exact_product_rounded_up(notional: int, rate: int) -> None:
    assert fee_up(notional, rate) == ceil(Fraction(notional * rate, RATE_SCALE))


@given(ticks=TICKS, slippage=st.integers(0, SLIPPAGE_SCALE // 10))
def test_slippage_is_rounded_to_the_tick_against_us(ticks: int, slippage: int) -> None:
    moved = Fraction(slippage, SLIPPAGE_SCALE)
    assert slipped(ticks, 1, slippage) == ceil(ticks * (1 + moved))
    assert slipped(ticks, -1, slippage) == max(floor(ticks * (1 - moved)), 1)


@given(total=st.integers(0, 10**18), whole=st.integers(1, 10**12), data=st.data())
def test_a_share_is_the_exact_one_rounded_down(total: int, whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole))
    assert share(total, part, whole) == floor(Fraction(total * part, whole))
