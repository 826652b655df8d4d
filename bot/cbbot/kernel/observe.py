"""Indicators and features of many candles in one loop, for machine code.

Row by row as live: windowed sums take the incoming value in and let the leaving one go, so they
stay exact integers; the recursive averages go on from row to row. ``cbbot.kernel.batch`` gives
the same bits column by column, which is the faster way in plain Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any, NamedTuple

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
from cbbot.kernel.strategy import score

__all__ = ["Observed", "observe", "score_rows"]


class Observed(NamedTuple):
    """What the model and the decision see, a row a candle; NaN until warm.

    ``rows`` (n, 4) or (n, 8) are the features, ``fast`` and ``slow`` (n) averages in ticks,
    ``std_ratio`` (n) is std20 over the close.
    """

    rows: Any
    fast: Any
    slow: Any
    std_ratio: Any


def observe(high: Any, low: Any, close: Any, volume: Any, ma_fast: int, ma_slow: int, seen: Observed) -> None:
    """Fill ``seen`` from columns of candles (ticks and base units, each of shape (n,))."""
    extended = seen.rows.shape[1] > 4
    total = squares = fast = slow = flows = traded = 0
    gain = loss = width = signal = 0.0
    ema_fast = ema_slow = 0.0
    for i in range(len(close)):
        price = close[i]
        total += price
        squares += price * price
        fast += price
        slow += price
        if i >= WINDOW:
            leaving = close[i - WINDOW]
            total -= leaving
            squares -= leaving * leaving
        if i >= ma_fast:
            fast -= close[i - ma_fast]
        if i >= ma_slow:
            slow -= close[i - ma_slow]
        if i == 0:
            ema_fast = ema_slow = price * 1.0
        else:
            change = price - close[i - 1]
            gain = wilder(gain, max(change, 0) * 1.0, i, RSI_LENGTH)
            loss = wilder(loss, max(-change, 0) * 1.0, i, RSI_LENGTH)
        windowed = i >= WINDOW - 1
        spread = variance(total, squares) if windowed else NAN
        row = seen.rows[i]
        row[0] = price / close[i - 1] - 1.0 if i > 0 else NAN
        row[1] = price / close[i - 5] - 1.0 if i > 4 else NAN
        row[2] = (relative_strength(gain, loss) if i >= RSI_LENGTH else NAN) / 100.0
        row[3] = z_score(price, total, spread) if windowed else NAN
        seen.fast[i] = fast / ma_fast if i >= ma_fast - 1 else NAN
        seen.slow[i] = slow / ma_slow if i >= ma_slow - 1 else NAN
        seen.std_ratio[i] = sqrt(spread) / price if windowed else NAN
        if not extended:
            continue
        traded += volume[i]
        if i >= WINDOW:
            traded -= volume[i - WINDOW]
        if i > 0:
            flows += flow(price - close[i - 1], volume[i])
            width = wilder(width, true_range(high[i], low[i], close[i - 1]) * 1.0, i, ATR_LENGTH)
            ema_fast = ema(ema_fast, price * 1.0, EMA_FAST)
            ema_slow = ema(ema_slow, price * 1.0, EMA_SLOW)
            signal = ema(signal, ema_fast - ema_slow, EMA_SIGNAL)
        if i > WINDOW:
            flows -= flow(close[i - WINDOW] - close[i - WINDOW - 1], volume[i - WINDOW])
        row[4] = width / price if i >= ATR_LENGTH else NAN
        row[5] = (ema_fast - ema_slow - signal) / price if i >= MACD_FIRST else NAN
        row[6] = flow_ratio(flows, traded) if i >= WINDOW else NAN
        row[7] = seen.std_ratio[i]


def score_rows(
    rows: Any, weights: Sequence[float], mean: Sequence[float], std: Sequence[float], bias: float, scores: Any
) -> None:
    """Fill ``scores`` (n) with the log-odds of ``rows`` (n, k)."""
    for i in range(len(scores)):
        scores[i] = score(rows[i], weights, mean, std, bias)
