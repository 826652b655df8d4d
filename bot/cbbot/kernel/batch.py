"""The indicators of whole columns: the same bits as committing the candles one by one.

Windowed sums come from integer cumulative sums; they may wrap at 64 bits on the way, but their
differences do not. The recursive averages are loops, because their order of operations is
their definition.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cbbot.kernel.formulas import (
    ATR_LENGTH,
    EMA_FAST,
    EMA_SIGNAL,
    EMA_SLOW,
    MACD_FIRST,
    RSI_LENGTH,
    WINDOW,
)

__all__ = ["Columns", "Readings", "columns", "feature_rows", "readings"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class Columns(NamedTuple):
    """Candles as columns of equal length: start in UNIX seconds, prices in ticks, volume in base units."""

    start: Integers
    open: Integers
    high: Integers
    low: Integers
    close: Integers
    volume: Integers


class Readings(NamedTuple):
    """``cbbot.kernel.indicators.Reading``, a column each. The extended ones are empty when not asked for."""

    ret1: Floats
    ret5: Floats
    rsi: Floats
    z: Floats
    atr_ratio: Floats
    macd_ratio: Floats
    obv_ratio: Floats
    std_ratio: Floats
    fast: Floats
    slow: Floats


def columns(candles: Any) -> Columns:
    """Columns of a sequence of candles."""
    table = np.array(candles, dtype=np.int64).reshape(-1, 6)
    return Columns(*(np.ascontiguousarray(table[:, j]) for j in range(6)))


def readings(candles: Columns, ma_fast: int, ma_slow: int, extended: bool) -> Readings:
    """Every indicator at every row. ``extended`` adds ATR, MACD and OBV."""
    close = candles.close
    price = close.astype(np.float64)
    total = _window_sum(close, WINDOW)
    spread = np.full(len(close), np.nan)
    squares = _window_sum(close * close, WINDOW)
    warm = slice(WINDOW - 1, None)
    spread[warm] = (WINDOW * squares[warm] - total[warm] * total[warm]).astype(np.float64) / float(WINDOW * WINDOW)
    nothing = np.empty(0)
    return Readings(
        ret1=_returns(price, 1),
        ret5=_returns(price, 5),
        rsi=_rsi(close),
        z=_z_scores(price, total, spread),
        atr_ratio=_atr(candles) / price if extended else nothing,
        macd_ratio=_macd(close) / price if extended else nothing,
        obv_ratio=_obv_ratio(close, candles.volume) if extended else nothing,
        std_ratio=np.sqrt(spread) / price,
        fast=_average(close, ma_fast),
        slow=_average(close, ma_slow),
    )


def feature_rows(readings: Readings, extended: bool) -> Floats:
    """The model's rows, shape (n, 4) or (n, 8), in C order."""
    chosen = [readings.ret1, readings.ret5, readings.rsi / 100.0, readings.z]
    if extended:
        chosen += [readings.atr_ratio, readings.macd_ratio, readings.obv_ratio, readings.std_ratio]
    return np.ascontiguousarray(np.stack(chosen, axis=1))


def _window_sum(values: Integers, length: int) -> Integers:
    """Sums over the last ``length`` values; 0 where there are fewer."""
    running = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(values)))
    sums = np.zeros(len(values), dtype=np.int64)
    sums[length - 1 :] = running[length:] - running[:-length]
    return sums


def _average(close: Integers, length: int) -> Floats:
    averages = np.full(len(close), np.nan)
    averages[length - 1 :] = _window_sum(close, length)[length - 1 :] / float(length)
    return averages


def _returns(price: Floats, rows: int) -> Floats:
    returns = np.full(len(price), np.nan)
    returns[rows:] = price[rows:] / price[:-rows] - 1.0
    return returns


def _z_scores(price: Floats, total: Integers, spread: Floats) -> Floats:
    moving = spread > 0.0
    scores = np.where(np.isnan(spread), np.nan, 0.0)
    scores[moving] = (price[moving] - total[moving] / float(WINDOW)) / np.sqrt(spread[moving])
    return scores


def _rsi(close: Integers) -> Floats:
    out = np.full(len(close), np.nan)
    change = np.diff(close)
    if len(change) < RSI_LENGTH:
        return out
    # Lists of integers: sum() of floats is another one from Python 3.12 on.
    gains, losses = np.maximum(change, 0).tolist(), np.maximum(-change, 0).tolist()
    gain, loss = sum(gains[:RSI_LENGTH]) / RSI_LENGTH, sum(losses[:RSI_LENGTH]) / RSI_LENGTH
    averages = [gain]
    lost = [loss]
    for g, x in zip(gains[RSI_LENGTH:], losses[RSI_LENGTH:], strict=True):
        gain = (13.0 * gain + g) / 14.0
        loss = (13.0 * loss + x) / 14.0
        averages.append(gain)
        lost.append(loss)
    up, down = np.array(averages), np.array(lost)
    quiet = down == 0.0
    safe = np.where(quiet, 1.0, down)
    out[RSI_LENGTH:] = np.where(quiet, np.where(up == 0.0, 50.0, 100.0), 100.0 - 100.0 / (1.0 + up / safe))
    return out


def _atr(candles: Columns) -> Floats:
    out = np.full(len(candles.close), np.nan)
    previous = candles.close[:-1]
    width = np.maximum(candles.high[1:], previous) - np.minimum(candles.low[1:], previous)
    if len(width) < ATR_LENGTH:
        return out
    widths = width.tolist()
    value = sum(widths[:ATR_LENGTH]) / ATR_LENGTH
    averages = [value]
    for w in widths[ATR_LENGTH:]:
        value = (13.0 * value + w) / 14.0
        averages.append(value)
    out[ATR_LENGTH:] = averages
    return out


def _macd(close: Integers) -> Floats:
    """The MACD histogram in ticks; masked before row 33."""
    out = np.full(len(close), np.nan)
    closes = close.tolist()
    if not closes:
        return out
    fast = slow = float(closes[0])
    signal = 0.0
    histogram = [0.0]
    fast_rest, slow_rest, signal_rest = 1.0 - EMA_FAST, 1.0 - EMA_SLOW, 1.0 - EMA_SIGNAL
    for c in closes[1:]:
        fast = c * EMA_FAST + fast * fast_rest
        slow = c * EMA_SLOW + slow * slow_rest
        signal = (fast - slow) * EMA_SIGNAL + signal * signal_rest
        histogram.append(fast - slow - signal)
    out[MACD_FIRST:] = histogram[MACD_FIRST:]
    return out


def _obv_ratio(close: Integers, volume: Integers) -> Floats:
    sign = np.concatenate((np.zeros(1, dtype=np.int64), np.sign(np.diff(close))))
    # Row 0 has no change: the first window of 20 changes ends at row 20.
    flow = _window_sum(sign * volume, WINDOW)[WINDOW:].astype(np.float64)
    traded = _window_sum(volume, WINDOW)[WINDOW:].astype(np.float64)
    ratio = np.full(len(close), np.nan)
    ratio[WINDOW:] = np.where(traded > 0.0, flow / np.where(traded > 0.0, traded, 1.0), 0.0)
    return ratio
