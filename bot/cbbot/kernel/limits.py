"""How large a candle's numbers may be, so that no sum of integers leaves 64 bits.

The standard deviation takes ``20 x sum(close^2) - sum(close)^2`` over 20 closes, the balance of volume a sum
over 20 volumes. Both must fit a signed 64-bit integer, for compiled code and for numpy alike.
"""

from __future__ import annotations

from math import isqrt
from typing import Final

from cbbot.kernel.formulas import WINDOW

__all__ = ["LARGEST_TICKS", "LARGEST_VOLUME"]

_LARGEST: Final = 2**63 - 1

LARGEST_TICKS: Final = isqrt(_LARGEST // (WINDOW * WINDOW))
"""The largest price in ticks: 151,850,024, which is 1,518,500.24 USD at a price increment of 0.01."""

LARGEST_VOLUME: Final = _LARGEST // WINDOW
"""The largest volume of one candle in base units: 4,611,686,018 BTC at a base increment of 0.00000001."""
