"""The logistic function of a column, with the same bits on every processor.

numpy's and the C library's exponentials differ by an ulp between instruction sets. This one is made
of additions, multiplications, one division and shifts of integers alone, which IEEE 754 rounds in one way.

With ``n`` the integer nearest to ``z / ln 2`` and ``r = z - n ln 2``, so that ``|r| <= ln 2 / 2``::

    exp(z) = 2^n exp(r),   exp(r) = (E + O) / (E - O) (1 + d),   |d| < 2e-19
    E = r^6 + 840 r^4 + 75600 r^2 + 665280,   O = r (42 r^4 + 10080 r^2 + 332640)

which is the diagonal Padé approximant of degree 6 with its denominators cleared: the coefficient of
``r^j`` in ``E + O`` is ``12! / 6!`` times ``(12-j)! 6! / (12! j! (6-j)!)``, and the error is at most about
``(6!)^2 / (12! 13!) r^13``. So ``1 / (1 + exp(z))`` is ``(E - O) / ((E - O) + 2^n (E + O))``: one division.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from cbbot.kernel.elementary import LN2_HIGH, LN2_LOW, PER_LN2

__all__ = ["WORK_ROWS", "complement"]

Floats = npt.NDArray[np.float64]

WORK_ROWS: Final = 5
"""How many columns of scratch :func:`complement` needs."""

# Added to a float below 2^51 it leaves the nearest integer in the low bits of the sum.
_TO_INTEGER: Final = 6755399441055744.0
_EXPONENT_BIAS: Final = 1023
_MANTISSA_BITS: Final = 52
# Well before 2^n leaves the normal numbers; beyond it the answer is 0 or 1 to 260 digits.
_LARGEST: Final = 600.0


def complement(z: Floats, out: Floats, work: Floats) -> None:
    """``1 / (1 + exp(z))`` of every element into ``out``, within 4 ulp. ``work``: (WORK_ROWS, n), overwritten."""
    n, r, square, even, odd = work
    np.minimum(z, _LARGEST, out=r)
    np.maximum(r, -_LARGEST, out=r)
    np.multiply(r, PER_LN2, out=out)
    out += _TO_INTEGER
    np.subtract(out, _TO_INTEGER, out=n)
    power = out.view(np.int64)
    power += _EXPONENT_BIAS
    power <<= _MANTISSA_BITS
    np.multiply(n, LN2_HIGH, out=odd)
    r -= odd
    n *= LN2_LOW
    r -= n
    np.multiply(r, r, out=square)
    np.add(square, 840.0, out=even)
    even *= square
    even += 75600.0
    even *= square
    even += 665280.0
    np.multiply(square, 42.0, out=odd)
    odd += 10080.0
    odd *= square
    odd += 332640.0
    odd *= r
    np.add(even, odd, out=r)
    even -= odd
    r *= out  # the bits of ``power``: 2^n
    r += even
    np.divide(even, r, out=out)
