"""The gate of an add by the formula of docs/trading.md, section 2, at every moment, also when it reaches the floor."""

from __future__ import annotations

from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbbot.contract.settings import load
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.gates import adverse_pct
from cbbot.trader.rules import build_rules

PERCENT = st.decimals("0.01", "5", places=2)


@given(
    percent=PERCENT,
    share=st.integers(0, 100),
    decay=st.one_of(st.just(0), st.decimals("0.0001", "2", places=4)),
    near=st.integers(-3_000, 3_000),
    any_ms=st.integers(0, 10**10),
)
def test_the_decayed_gate_is_the_formula_with_its_floor(
    percent: object, share: int, decay: object, near: int, any_ms: int
) -> None:
    floor = f"{float(str(percent)) * share / 100:.4f}"
    if float(floor) > float(str(percent)):
        floor = str(percent)
    keys = {
        "PYRAMID_MIN_ADVERSE_PCT": str(percent), "PYRAMID_DECAY_MIN_PCT": floor, "PYRAMID_DECAY_LAMBDA": str(decay),
    }  # fmt: skip
    params = build_rules(load(keys), BTC_USD).params
    start, low, rate = float(str(percent)), float(floor), float(str(decay))
    moments = [0, any_ms]
    if rate and low:
        moments.append(max(0, int(log(start / low) / rate * 60_000) + near))
    for elapsed_ms in moments:
        expected = max(start * exp(-rate * (elapsed_ms / 60_000)), low) if rate else start
        # The product's exponential is its own, the same on every machine and a few ulp from the C library's.
        assert adverse_pct(params, elapsed_ms) == pytest.approx(expected, rel=1e-15)
        assert low <= adverse_pct(params, elapsed_ms) or not rate
