"""Indicators against their definitions, written out naively here in exact fractions or plain floats."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import isnan, sqrt
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbbot.domain.candle import Candle
from cbbot.kernel.batch import columns, feature_rows, readings
from cbbot.kernel.indicators import Reading, commit, empty, features, peek, read
from cbbot.kernel.limits import LARGEST_VOLUME

PRICES = st.lists(
    st.tuples(st.integers(-300, 300), st.integers(0, 50), st.integers(0, 50), st.integers(0, 10**9)),
    min_size=1,
    max_size=90,
)


def candles_of(moves: list[tuple[int, int, int, int]]) -> list[Candle]:
    candles, close = [], 100_000
    for i, (move, up, down, volume) in enumerate(moves):
        opened, close = close, close + move
        candles.append(Candle(60 * i, opened, max(opened, close) + up, min(opened, close) - down, close, volume))
    return candles


@given(PRICES, st.integers(1, 12), st.integers(13, 50))
@settings(deadline=None)
def test_one_by_one_and_all_at_once_give_the_same_bits(
    moves: list[tuple[int, int, int, int]], fast: int, slow: int
) -> None:
    candles = candles_of(moves)
    whole = readings(columns(candles), fast, slow, extended=True)
    state = empty(slow)
    for i, candle in enumerate(candles):
        peeked = peek(state, candle, fast, slow)
        state = commit(state, candle)
        row = read(state, fast, slow)
        batch = Reading(*(float(column[i]) for column in whole))
        assert np.array_equal(np.array(row), np.array(batch), equal_nan=True)
        assert np.array_equal(np.array(row), np.array(peeked), equal_nan=True)
        assert np.array_equal(np.array(features(row, True)), feature_rows(whole, True)[i], equal_nan=True)


def test_volumes_whose_sum_a_float_cannot_hold_give_the_same_bits_too() -> None:
    # A day of ADA-USD, whose base increment is 1e-8, has such a volume.
    rng = Random(1)
    candles = candles_of([(rng.randint(-9, 9), 5, 5, rng.randint(0, LARGEST_VOLUME)) for _ in range(300)])
    ratios = readings(columns(candles), 5, 20, extended=True).obv_ratio
    state = empty(20)
    for i, candle in enumerate(candles):
        state = commit(state, candle)
        assert np.array_equal(read(state, 5, 20).obv_ratio, ratios[i], equal_nan=True)


def reference_rsi(closes: list[int]) -> float:
    changes = [b - a for a, b in itertools.pairwise(closes)]
    gain = sum(max(c, 0) for c in changes[:14]) / 14
    loss = sum(max(-c, 0) for c in changes[:14]) / 14
    for c in changes[14:]:
        gain, loss = (13 * gain + max(c, 0)) / 14, (13 * loss + max(-c, 0)) / 14
    return 50.0 if gain == loss == 0 else 100.0 if loss == 0 else 100 - 100 / (1 + gain / loss)


def reference_ema(values: Sequence[float], span: int) -> list[float]:
    k, out = 2 / (span + 1), [float(values[0])]
    for value in values[1:]:
        out.append(value * k + out[-1] * (1 - k))
    return out


def test_each_indicator_is_what_its_definition_says() -> None:
    rng = np.random.default_rng(3)
    moves = list(zip(rng.integers(-300, 300, 80).tolist(), *rng.integers(0, 50, (80, 3)).T.tolist(), strict=True))
    candles = candles_of(moves)
    closes = [c.close for c in candles]
    state = empty(30)
    for candle in candles:
        state = commit(state, candle)
    found = read(state, 10, 30)
    window = closes[-20:]
    mean = sum(window) / 20
    std = sqrt(sum((c - mean) ** 2 for c in window) / 20)
    assert found.fast == pytest.approx(sum(closes[-10:]) / 10, rel=1e-12)
    assert found.slow == pytest.approx(sum(closes[-30:]) / 30, rel=1e-12)
    assert found.ret1 == pytest.approx(closes[-1] / closes[-2] - 1)
    assert found.ret5 == pytest.approx(closes[-1] / closes[-6] - 1)
    assert found.z == pytest.approx((closes[-1] - mean) / std)
    assert found.std_ratio == pytest.approx(std / closes[-1])
    assert found.rsi == pytest.approx(reference_rsi(closes))
    macd = [a - b for a, b in zip(reference_ema(closes, 12), reference_ema(closes, 26), strict=True)]
    assert found.macd_ratio == pytest.approx((macd[-1] - reference_ema(macd, 9)[-1]) / closes[-1])
    ranges = [max(c.high, p.close) - min(c.low, p.close) for p, c in itertools.pairwise(candles)]
    atr = sum(ranges[:14]) / 14
    for width in ranges[14:]:
        atr = (13 * atr + width) / 14
    assert found.atr_ratio == pytest.approx(atr / closes[-1])
    signs = [0, *(int(np.sign(b - a)) for a, b in itertools.pairwise(closes))]
    volumes = [c.volume for c in candles]
    flow = sum(s * v for s, v in zip(signs[-20:], volumes[-20:], strict=True))
    assert found.obv_ratio == pytest.approx(flow / sum(volumes[-20:]))


def test_each_indicator_begins_at_its_own_row() -> None:
    first = {"ret1": 1, "ret5": 5, "rsi": 14, "z": 19, "atr_ratio": 14, "macd_ratio": 33, "obv_ratio": 20}
    first |= {"std_ratio": 19, "fast": 9, "slow": 29}
    state = empty(30)
    seen: dict[str, int] = {}
    for i, candle in enumerate(candles_of([(7, 1, 1, 5)] * 40)):
        state = commit(state, candle)
        for name, value in read(state, 10, 30)._asdict().items():
            if not isnan(value):
                seen.setdefault(name, i)
    assert seen == first


def test_a_flat_market_is_neutral() -> None:
    state = empty(30)
    for candle in candles_of([(0, 0, 0, 0)] * 40):
        state = commit(state, candle)
    found = read(state, 10, 30)
    assert (found.rsi, found.z, found.obv_ratio, found.std_ratio) == (50.0, 0.0, 0.0, 0.0)


def test_what_is_kept_does_not_grow() -> None:
    state = empty(30)
    for candle in candles_of([(1, 0, 0, 1)] * 500):
        state = commit(state, candle)
    assert (len(state.closes), len(state.flows), len(state.volumes)) == (31, 20, 20)
