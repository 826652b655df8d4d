"""Indicators kept incrementally: constant work a candle, whatever the history's length.

Everything counts in ticks and base units. Windowed sums are integers and therefore exact: they
depend on their window alone. The recursive averages (RSI, ATR, EMA) run from the first row.
``cbbot.kernel.batch`` gives the same bits for a whole column at once.

A closed candle is *committed* once; the forming candle is *peeked*, which changes nothing.
"""

from __future__ import annotations

from math import sqrt
from typing import Final, NamedTuple

from cbbot.domain.candle import Candle
from cbbot.kernel.formulas import (
    ATR_LENGTH,
    EMA_FAST,
    EMA_SIGNAL,
    EMA_SLOW,
    MACD_FIRST,
    NAN,
    RSI_LENGTH,
    WINDOW,
    ema,
    flow,
    flow_ratio,
    relative_strength,
    true_range,
    variance,
    wilder,
    z_score,
)

__all__ = ["BASELINE_WARM", "EXTENDED_WARM", "Indicators", "Reading", "commit", "empty", "features", "peek", "read"]

BASELINE_WARM: Final = 40
EXTENDED_WARM: Final = 60


BASELINE_FEATURES: Final = 4
EXTENDED_FEATURES: Final = 8


class Indicators(NamedTuple):
    """The state after ``rows`` rows. Tuples hold the newest value last.

    ``closes`` reaches back over the longest window any indicator needs; ``flows`` and
    ``volumes`` are the last 20 signed and unsigned volumes.
    """

    rows: int
    reach: int
    closes: tuple[int, ...]
    flows: tuple[int, ...]
    volumes: tuple[int, ...]
    gain: float
    loss: float
    true_range: float
    ema_fast: float
    ema_slow: float
    ema_signal: float


class Reading(NamedTuple):
    """The indicators at one row, scale-free where the model uses them. NaN until warm.

    ``fast`` and ``slow`` are moving averages in ticks; ``std_ratio`` is std20 over the close.
    """

    ret1: float
    ret5: float
    rsi: float
    z: float
    atr_ratio: float
    macd_ratio: float
    obv_ratio: float
    std_ratio: float
    fast: float
    slow: float


def empty(ma_slow: int) -> Indicators:
    return Indicators(0, max(ma_slow, WINDOW) + 1, (), (), (), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def commit(state: Indicators, candle: Candle) -> Indicators:
    """The state with one more row. The row is final: call it once for a candle, when it has closed."""
    close = candle.close
    if state.rows == 0:
        seed = float(close)
        return Indicators(1, state.reach, (close,), (0,), (candle.volume,), 0.0, 0.0, 0.0, seed, seed, 0.0)
    change = close - state.closes[-1]
    ema_fast = ema(state.ema_fast, close, EMA_FAST)
    ema_slow = ema(state.ema_slow, close, EMA_SLOW)
    return Indicators(
        state.rows + 1,
        state.reach,
        (*state.closes, close)[-state.reach :],
        (*state.flows, flow(change, candle.volume))[-WINDOW:],
        (*state.volumes, candle.volume)[-WINDOW:],
        wilder(state.gain, max(change, 0), state.rows, RSI_LENGTH),
        wilder(state.loss, max(-change, 0), state.rows, RSI_LENGTH),
        wilder(state.true_range, true_range(candle.high, candle.low, state.closes[-1]), state.rows, ATR_LENGTH),
        ema_fast,
        ema_slow,
        ema(state.ema_signal, ema_fast - ema_slow, EMA_SIGNAL),
    )


def peek(state: Indicators, candle: Candle, ma_fast: int, ma_slow: int) -> Reading:
    """The reading as if ``candle`` were committed; ``state`` stays as it is."""
    return read(commit(state, candle), ma_fast, ma_slow)


def read(state: Indicators, ma_fast: int, ma_slow: int) -> Reading:
    """The reading at the newest committed row."""
    closes, rows = state.closes, state.rows
    close = closes[-1]
    windowed = rows >= WINDOW
    recent = closes[-WINDOW:]
    total = sum(recent)
    spread = variance(total, sum([c * c for c in recent])) if windowed else NAN
    return Reading(
        ret1=close / closes[-2] - 1.0 if rows > 1 else NAN,
        ret5=close / closes[-6] - 1.0 if rows > 5 else NAN,
        rsi=relative_strength(state.gain, state.loss) if rows > RSI_LENGTH else NAN,
        z=z_score(close, total, spread) if windowed else NAN,
        atr_ratio=state.true_range / close if rows > ATR_LENGTH else NAN,
        macd_ratio=(state.ema_fast - state.ema_slow - state.ema_signal) / close if rows > MACD_FIRST else NAN,
        obv_ratio=flow_ratio(sum(state.flows), sum(state.volumes)) if rows > WINDOW else NAN,
        std_ratio=sqrt(spread) / close if windowed else NAN,
        fast=sum(closes[-ma_fast:]) / ma_fast if rows >= ma_fast else NAN,
        slow=sum(closes[-ma_slow:]) / ma_slow if rows >= ma_slow else NAN,
    )


def feature_count(extended: bool) -> int:
    """How many values :func:`features` has."""
    return EXTENDED_FEATURES if extended else BASELINE_FEATURES


def features(reading: Reading, extended: bool) -> tuple[float, ...]:
    """The model's row: 4 features (baseline) or 8 (extended)."""
    baseline = (reading.ret1, reading.ret5, reading.rsi / 100.0, reading.z)
    if not extended:
        return baseline
    return (*baseline, reading.atr_ratio, reading.macd_ratio, reading.obv_ratio, reading.std_ratio)
