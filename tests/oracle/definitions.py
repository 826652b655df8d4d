"""The indicators by other people's code: pandas and TA-Lib, on prices as floats.

Each is a column over all rows, NaN before its first valid row. What pandas and TA-Lib leave open
(no movement, no volume) is decided here as the product defines it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import talib

from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.batch import Columns

__all__ = ["Floats", "feature_columns", "floats", "frame", "indicators"]

Floats = npt.NDArray[np.float64]


def frame(candles: Columns) -> pd.DataFrame:
    """Candles with prices in currency; volumes stay base units, whose sums a float holds exactly."""
    tick = float(BTC_USD.price_increment)
    scale = {"open": tick, "high": tick, "low": tick, "close": tick, "volume": 1.0}
    return pd.DataFrame({name: getattr(candles, name).astype(float) * unit for name, unit in scale.items()})


def indicators(candles: pd.DataFrame) -> dict[str, Floats]:
    """Every indicator of the model except the simple averages."""
    close = candles.close
    change = close.diff()
    above, std = windowed(floats(close))
    macd = ema(close, 12) - ema(close, 26)
    traded = candles.volume.rolling(20).sum()
    flow = (np.sign(change).fillna(0.0) * candles.volume).rolling(20).sum()
    return {
        "ret1": floats(close.pct_change(1)),
        "ret5": floats(close.pct_change(5)),
        "rsi": rsi(close),
        "z": above / np.sqrt(np.maximum(std**2, 1e-12)),
        "atr": talib.ATR(floats(candles.high), floats(candles.low), floats(close), timeperiod=14),
        "macd": masked(floats(macd - ema(macd, 9)), 33),
        "obv": floats((flow / traded.where(traded > 0.0)).where(traded.isna() | (traded > 0.0), 0.0)),
        "std": std,
    }


def windowed(close: Floats, length: int = 20) -> tuple[Floats, Floats]:
    """The close above its window's mean, and the window's population standard deviation.

    Measured from each window's first close: squares of whole prices would cost half the digits.
    """
    above, std = np.full(len(close), np.nan), np.full(len(close), np.nan)
    if len(close) >= length:
        windows = np.lib.stride_tricks.sliding_window_view(close, length)
        moved = windows - windows[:, :1]
        above[length - 1 :] = moved[:, -1] - moved.mean(axis=1)
        std[length - 1 :] = moved.std(axis=1)
    return above, std


def rsi(close: pd.Series[Any]) -> Floats:
    """TA-Lib's, which gives 0 where nothing moved at all: there it is 50 by definition."""
    values: Floats = talib.RSI(floats(close), timeperiod=14)
    still = (close.diff().abs().cumsum() == 0.0).to_numpy()
    return np.where(still & np.isfinite(values), 50.0, values)


def feature_columns(candles: pd.DataFrame, extended: bool) -> Floats:
    """The model's rows, shape (n, 4) or (n, 8)."""
    known, close = indicators(candles), floats(candles.close)
    chosen = [known["ret1"], known["ret5"], known["rsi"] / 100.0, known["z"]]
    if extended:
        chosen += [known["atr"] / close, known["macd"] / close, known["obv"], known["std"] / close]
    return np.stack(chosen, axis=1)


def ema(values: pd.Series[Any], span: int) -> pd.Series[Any]:
    return values.ewm(span=span, adjust=False).mean()


def masked(values: Floats, first: int) -> Floats:
    return np.where(np.arange(len(values)) < first, np.nan, values)


def floats(values: Any) -> Floats:
    return np.asarray(values, dtype=np.float64)
