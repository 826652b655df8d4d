"""The formulas of the indicators, each for one row: the one place where they are written out.

The live indicators (``cbbot.kernel.indicators``) and the compiled loop (``cbbot.kernel.observe``)
call them; the columns of ``cbbot.kernel.batch`` repeat them on arrays, and a test holds all three
to the same bits.
"""

from __future__ import annotations

from math import sqrt
from typing import Final

__all__ = [
    "ATR_LENGTH",
    "EMA_FAST",
    "EMA_SIGNAL",
    "EMA_SLOW",
    "MACD_FIRST",
    "NAN",
    "RSI_LENGTH",
    "WINDOW",
    "ema",
    "flow",
    "flow_ratio",
    "relative_strength",
    "true_range",
    "variance",
    "wilder",
    "z_score",
]

WINDOW: Final = 20  # z-score, standard deviation, OBV ratio
RSI_LENGTH: Final = 14
ATR_LENGTH: Final = 14
EMA_FAST: Final = 2.0 / 13.0
EMA_SLOW: Final = 2.0 / 27.0
EMA_SIGNAL: Final = 2.0 / 10.0
MACD_FIRST: Final = 33  # first row at which the MACD histogram counts
NAN: Final = float("nan")


def variance(total: int, squares: int) -> float:
    """Population variance over the window, in ticks squared, from exact integer sums."""
    return float(WINDOW * squares - total * total) / float(WINDOW * WINDOW)


def z_score(close: int, total: int, spread: float) -> float:
    """Standard deviations between the close and the window's mean; ``spread`` is the variance."""
    # A flat window has close == mean, so any floor under the variance gives 0.
    return (close - total / WINDOW) / sqrt(spread) if spread > 0.0 else 0.0


def relative_strength(gain: float, loss: float) -> float:
    """RSI of the average gain and loss, 0 to 100."""
    if loss == 0.0:
        return 50.0 if gain == 0.0 else 100.0
    return 100.0 - 100.0 / (1.0 + gain / loss)


def flow(change: int, volume: int) -> int:
    """Volume with the sign of the close's change."""
    return volume if change > 0 else -volume if change < 0 else 0


def flow_ratio(flows: int, traded: int) -> float:
    """OBV ratio of the window's signed and unsigned volumes; 0 when nothing was traded.

    Both become floats first, as in machine code: Python divides integers beyond 2^53 more exactly.
    """
    return float(flows) / float(traded) if traded != 0 else 0.0


def true_range(high: int, low: int, previous: int) -> int:
    """The candle's range, stretched to the close before it."""
    return max(high, previous) - min(low, previous)


def wilder(average: float, value: float, rows: int, length: int) -> float:
    """Wilder's average after one more value; ``rows`` rows came before it, row 0 without a value.

    While warming up it is the plain sum, from row ``length`` on the average.
    """
    if rows < length:
        return average + value
    if rows == length:
        return (average + value) / length
    return ((length - 1.0) * average + value) / length


def ema(average: float, value: float, weight: float) -> float:
    """The exponential average after one more value."""
    return value * weight + average * (1.0 - weight)
