"""Exponential, logarithm and power with the same bits on every machine.

The C library's ``exp``, ``log`` and ``pow`` give another last digit where the processor fuses a
multiplication and an addition, or the library is another one. These are made of additions,
multiplications and divisions alone, which IEEE 754 rounds in one way.
"""

from __future__ import annotations

from math import floor, frexp, ldexp
from typing import Final

__all__ = ["LN2_HIGH", "LN2_LOW", "PER_LN2", "exponential", "logarithm", "power"]

PER_LN2: Final = 1.4426950408889634
# ln 2 in two parts: the first has 32 bits, so that its product with a whole number below 2^21 is exact.
LN2_HIGH: Final = 2977044471 / 4294967296
LN2_LOW: Final = 1.9082149292705877e-10
_SQUARE_ROOT_OF_HALF: Final = 0.7071067811865476
# Beyond it e^x is below the smallest normal number, and nothing here tells it from 0.
_SMALLEST: Final = -700.0


def exponential(x: float) -> float:
    """``e^x`` for ``x <= 0``, within 3 ulp; 0 below -700. How: see ``cbbot.kernel.sigmoid``."""
    if x < _SMALLEST:
        return 0.0
    n = floor(x * PER_LN2 + 0.5)
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    square = r * r
    even = ((square + 840.0) * square + 75600.0) * square + 665280.0
    odd = ((square * 42.0 + 10080.0) * square + 332640.0) * r
    return ldexp((even + odd) / (even - odd), n)


def logarithm(x: float) -> float:
    """``ln x`` for a normal ``x > 0``, within 3 ulp.

    With ``x = m 2^n`` and ``m`` near 1: ``ln m = 2 artanh(s)``, ``s = (m - 1) / (m + 1)``, ``|s| < 0.172``.
    """
    m, n = frexp(x)
    if m < _SQUARE_ROOT_OF_HALF:
        m, n = 2.0 * m, n - 1
    s = (m - 1.0) / (m + 1.0)
    square = s * s
    series = 0.0
    for k in range(23, 1, -2):
        series = (series + 1.0 / k) * square
    return n * LN2_HIGH + (n * LN2_LOW + (2.0 * s + 2.0 * s * series))


def power(base: float, count: int) -> float:
    """``base^count``, one multiplication after the other; ``count`` is a small whole number."""
    product = 1.0
    for _ in range(count):
        product *= base
    return product
