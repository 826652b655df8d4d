"""Indicators against other people's code, on both candle files and on random walks, the first rows included.

The product counts in ticks and gives what the model sees: ratios to the close. Oracles count in
currency.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
import talib

from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.batch import Columns, Readings, readings
from cbbot.kernel.indicators import commit, empty, read
from oracle.definitions import Floats, floats, frame
from oracle.market import FILES, YEAR, candles_of, columns_of, walk

WALKS = {
    "trends": walk([("up", 300), ("down", 300), ("rally", 40), ("crash", 40), ("chop", 300)], 1),
    "noise": walk([("wild", 400), ("gap", 400), ("chop", 300)], 2),
    "quiet": walk([("flat", 60), ("chop", 100), ("flat", 80), ("up", 60), ("flat", 40)], 3),
    "cheap": walk([("wild", 500), ("chop", 300)], 4, price=3_000),
}
MARKETS = [*FILES, *WALKS]
TICK = float(BTC_USD.price_increment)
LENGTHS = ((10, 30), (1, 2), (50, 400))


@cache
def market(name: str) -> tuple[Columns, pd.DataFrame]:
    candles = WALKS[name] if name in WALKS else columns_of(name)
    return candles, frame(candles)


@cache
def product(name: str) -> Readings:
    return readings(market(name)[0], 10, 30, extended=True)


def agree(ours: Floats, theirs: Floats, *, first: int, within: float) -> None:
    """Both begin at row ``first`` and are within an absolute error from there on."""
    for column in (ours, theirs):
        assert np.isnan(column[:first]).all()
        assert np.isfinite(column[first:]).all()
    assert np.abs(ours[first:] - theirs[first:]).max(initial=0.0) <= within


def scaled(ratio: Floats, name: str) -> Floats:
    """A ratio to the close in currency."""
    return ratio * floats(market(name)[1].close)


@pytest.mark.parametrize("name", MARKETS)
def test_rsi_is_talibs(name: str) -> None:
    close = floats(market(name)[1].close)
    theirs = talib.RSI(close, timeperiod=14)
    still = np.concatenate(([True], np.cumsum(np.abs(np.diff(close))) == 0.0))
    # Where nothing has moved at all TA-Lib says 0 and the product 50.
    agree(product(name).rsi, np.where(still & np.isfinite(theirs), 50.0, theirs), first=14, within=1e-7)


def test_rsi_is_50_when_nothing_moved_and_100_without_losses() -> None:
    still = readings(walk([("flat", 40)], 1), 10, 30, extended=True).rsi
    assert set(still[14:].tolist()) == {50.0}
    start = np.arange(30, dtype=np.int64)
    rising = Columns(start * 60, start + 100, start + 101, start + 99, start + 100, start)
    assert set(readings(rising, 2, 3, extended=False).rsi[14:].tolist()) == {100.0}


@pytest.mark.parametrize("name", MARKETS)
def test_atr_is_talibs(name: str) -> None:
    table = market(name)[1]
    theirs = talib.ATR(floats(table.high), floats(table.low), floats(table.close), timeperiod=14)
    agree(scaled(product(name).atr_ratio, name), theirs, first=14, within=1e-8)


@pytest.mark.parametrize("name", MARKETS)
def test_macd_is_of_pandas_ewm_from_row_0_and_masked_until_33(name: str) -> None:
    close = market(name)[1].close
    macd = close.ewm(span=12, adjust=False).mean() - close.ewm(span=26, adjust=False).mean()
    histogram = np.where(np.arange(len(close)) < 33, np.nan, macd - macd.ewm(span=9, adjust=False).mean())
    agree(scaled(product(name).macd_ratio, name), histogram, first=33, within=1e-8)


@pytest.mark.parametrize("name", MARKETS)
@pytest.mark.parametrize(("fast", "slow"), LENGTHS)
def test_moving_averages_are_pandas_rolling_means(name: str, fast: int, slow: int) -> None:
    candles, table = market(name)
    found = readings(candles, fast, slow, extended=False)
    for ours, length in ((found.fast, fast), (found.slow, slow)):
        agree(ours * TICK, floats(table.close.rolling(length).mean()), first=length - 1, within=1e-7)


def rolling(close: pd.Series[float]) -> tuple[Floats, Floats]:
    """pandas' 20-row mean, as distance of the close above it, and population deviation.

    In blocks that start anew: over a year the errors of its running sums would add up.
    """
    above, std = [], []
    for at in range(0, len(close), 500):
        reach = min(at, 19)
        block = close.iloc[at - reach : at + 500]
        block = block - block.iloc[0]
        windows = block.rolling(20)
        above.append(floats(block - windows.mean())[reach:])
        std.append(floats(windows.std(ddof=0))[reach:])
    return np.concatenate(above), np.concatenate(std)


@pytest.mark.parametrize("name", MARKETS)
def test_deviation_and_z_score_are_pandas_rolling_ones(name: str) -> None:
    above, std = rolling(market(name)[1].close)
    agree(scaled(product(name).std_ratio, name), std, first=19, within=1e-5)
    moving = std > 1e-2  # a cent; below that the digits of pandas' running sums are gone
    z = product(name).z
    assert np.isnan(z[:19]).all()
    assert np.isfinite(z[19:]).all()
    assert moving.sum() > 0.5 * len(z)
    assert np.abs(z[moving] - above[moving] / std[moving]).max() < 1e-5
    assert set(z[std == 0.0].tolist()) <= {0.0}


@pytest.mark.parametrize("name", MARKETS)
def test_returns_are_pandas_percent_changes(name: str) -> None:
    close = market(name)[1].close
    agree(product(name).ret1, floats(close.pct_change(1)), first=1, within=1e-12)
    agree(product(name).ret5, floats(close.pct_change(5)), first=5, within=1e-12)


@pytest.mark.parametrize("name", MARKETS)
def test_obv_ratio_is_signed_over_whole_volume(name: str) -> None:
    table = market(name)[1]
    flow = (np.sign(table.close.diff()) * table.volume).rolling(20).sum()
    traded = table.volume.rolling(20).sum()
    theirs = floats((flow / traded.where(traded > 0.0)).where(traded > 0.0, 0.0))
    assert np.abs(product(name).obv_ratio[20:] - theirs[20:]).max() <= 1e-9


def test_obv_ratio_begins_at_row_20() -> None:
    ratio = product("noise").obv_ratio
    assert np.isfinite(ratio[20:]).all()
    assert np.isnan(ratio[:20]).all()


@pytest.mark.parametrize("name", [FILES[0], *WALKS])
@pytest.mark.parametrize(("fast", "slow"), LENGTHS)
def test_one_by_one_gives_the_bits_of_all_at_once(name: str, fast: int, slow: int) -> None:
    one_by_one(market(name)[0], fast, slow, 0)


@pytest.mark.slow
def test_one_by_one_gives_the_bits_of_all_at_once_over_a_long_run() -> None:
    one_by_one(Columns(*(column[:200_000] for column in columns_of(YEAR))), 10, 30, 7)


def one_by_one(candles: Columns, fast: int, slow: int, every: int) -> None:
    """Compare each row (or every so many rows) bit for bit."""
    whole = np.stack([np.asarray(column) for column in readings(candles, fast, slow, extended=True)], axis=1)
    state = empty(slow)
    for i, candle in enumerate(candles_of(candles)):
        state = commit(state, candle)
        if not every or i % every == 0:
            row = np.array(read(state, fast, slow))
            assert np.array_equal(row, whole[i], equal_nan=True), i
