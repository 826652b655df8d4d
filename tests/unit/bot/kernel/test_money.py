from __future__ import annotations

from fractions import Fraction
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from cbbot.kernel.codes import BUY, SELL
from cbbot.kernel.money import fee_up, marked, net_pnl, share, slipped
from cbbot.kernel.params import RATE_SCALE, SLIPPAGE_SCALE
from cbbot.kernel.sizing import base_for, vol_tenths

NOTIONALS = st.integers(0, 10**18)
RATES = st.integers(0, RATE_SCALE // 10)


@given(NOTIONALS, RATES)
def test_a_fee_is_the_exact_product_rounded_up(notional: int, rate: int) -> None:
    assert fee_up(notional, rate) == ceil(Fraction(notional * rate, RATE_SCALE))


@given(NOTIONALS, RATES)
def test_no_part_of_a_fee_needs_more_than_63_bits(notional: int, rate: int) -> None:
    whole = notional // RATE_SCALE
    assert max(whole * rate, (notional - whole * RATE_SCALE) * rate) < 2**63


@given(spend=st.integers(10**8, 10**18), ticks=st.integers(1, 10**9), rate=RATES)
def test_the_size_is_the_largest_whose_cost_and_fee_fit_in_the_budget(spend: int, ticks: int, rate: int) -> None:
    base = base_for(spend, ticks, rate)
    assert base == spend * RATE_SCALE // ((RATE_SCALE + rate) * ticks)
    assert base * ticks + fee_up(base * ticks, rate) <= spend


@given(ticks=st.integers(1, 10**9), bps=st.integers(0, 10**9))
def test_slippage_moves_the_price_against_us_and_to_the_tick(ticks: int, bps: int) -> None:
    bought, sold = slipped(ticks, BUY, bps), slipped(ticks, SELL, bps)
    exact = Fraction(ticks * bps, SLIPPAGE_SCALE)
    assert 0 <= bought - (ticks + exact) < 1
    assert sold == max(1, ticks - ceil(exact))


@given(st.integers(1, 10**16), st.integers(0, 10**10), st.integers(1, 10**10))
def test_a_share_is_rounded_down_and_never_more_than_the_whole(total: int, part: int, whole: int) -> None:
    part = min(part, whole)
    assert share(total, part, whole) == total * part // whole


def test_profit_is_proceeds_less_cost_and_each_fee_once_and_mirrored_for_a_sell_lot() -> None:
    assert net_pnl(BUY, 1000, 1100, 15) == 85
    assert net_pnl(SELL, 1000, 900, 15) == 85
    assert marked(BUY, 11, 100, 1000, 7) == 93
    assert marked(SELL, 9, 100, 1000, 7) == 93


def test_the_volatility_factor_has_the_pages_steps() -> None:
    assert [vol_tenths(r) for r in (0.021, 0.02, 0.011, 0.01, 0.004, 0.0039)] == [6, 8, 8, 10, 10, 12]
