"""Small symmetric positive definite systems, in one order of operations.

Python's floats round every operation by itself, which a BLAS does not promise (and ``sum`` is a
compensated sum from Python 3.12 on, so it is not used either).
"""

from __future__ import annotations

from math import sqrt
from typing import Final

__all__ = ["factored", "solved"]

# A saturated fit leaves a diagonal of 0 up to rounding; a tiny pivot keeps the step finite.
_SMALLEST_PIVOT: Final = 1e-300

Rows = list[list[float]]


def factored(matrix: Rows) -> Rows:
    """The Cholesky factor's rows, each as long as its lower triangle. Reads the lower triangle alone."""
    lower: Rows = []
    for i, values in enumerate(matrix):
        row: list[float] = []
        for j in range(i):
            above = lower[j]
            rest = values[j]
            for m in range(j):
                rest -= row[m] * above[m]
            row.append(rest / above[j])
        rest = values[i]
        for value in row:
            rest -= value * value
        row.append(sqrt(rest if rest > _SMALLEST_PIVOT else _SMALLEST_PIVOT))
        lower.append(row)
    return lower


def solved(lower: Rows, right: list[float]) -> list[float]:
    """``x`` of ``lower lower' x = right``."""
    x: list[float] = []
    for i, row in enumerate(lower):
        rest = right[i]
        for m in range(i):
            rest -= row[m] * x[m]
        x.append(rest / row[i])
    for i in reversed(range(len(x))):
        row = lower[i]
        last = x[i] / row[i]
        x[i] = last
        for m in range(i):
            x[m] -= row[m] * last
    return x
