"""Logistic regression of "the next close is higher", fitted to one answer.

The objective is sum(log loss) + |w|^2 / 2 with a free intercept: strictly convex, so Newton's
method run to convergence has one answer and needs no seed. It starts from nothing every time, so the
result depends on the rows alone; the order of its sums depends on their number alone; and it is rounded
to 12 significant digits: the same rows give the same bits wherever they are fitted.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cbbot.kernel.elementary import logarithm
from cbbot.kernel.logistic import WORK_ROWS, minimised

__all__ = ["Fit", "fit", "scores"]

Floats = npt.NDArray[np.float64]

_DIGITS: Final = 12
_CONSTANT: Final = 1e-12
# A fit's scratch is kept for the next one: to ask the system for fresh memory costs half as much as the fit.
# A thread takes it out of the list while it fits, so that two never share it. 8 MiB at most stay.
_SPARE: Final[list[Floats]] = []
_LARGEST_SPARE: Final = 1 << 20


class Fit(NamedTuple):
    """A fitted model: standardise a row with ``mean`` and ``std``, then ``bias + weights . row``."""

    weights: tuple[float, ...]
    bias: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    rows: int


def fit(rows: Floats, closes: npt.NDArray[Any]) -> Fit | None:
    """Fit ``rows`` (n, k) of features to whether the next close is higher.

    ``closes`` (n) are the closes of the same candles; the last row has no label yet and rows
    with a feature that is not finite do not count. None when no row counts, or when
    the features are so large that they have no variance in float64.
    """
    x = rows[:-1]
    labels = closes[1:] > closes[:-1]
    finite = np.isfinite(x)
    if not finite.all():
        counted = finite.all(axis=1)
        x, labels = x[counted], labels[counted]
    n, k = x.shape
    if n == 0:
        return None
    block = _borrowed((2 * (k + 1) + WORK_ROWS) * n)
    try:
        return _fitted(x, labels, block[: (2 * (k + 1) + WORK_ROWS) * n].reshape(-1, n))
    finally:
        _returned(block)


def scores(model: Fit, rows: Floats) -> Floats:
    """``cbbot.kernel.strategy.score`` of many rows: the same operations in the same order, so the same bits."""
    total = np.full(len(rows), model.bias)
    for j, weight in enumerate(model.weights):
        total += weight * ((rows[:, j] - model.mean[j]) / model.std[j])
    return total


def _fitted(x: Floats, labels: npt.NDArray[np.bool_], work: Floats) -> Fit | None:
    n, k = x.shape
    design, rest = work[: k + 1], work[k + 1 :]
    columns, sign = design[:k], design[k]
    columns[:] = x.T
    mean, std = _standardised(columns, rest[:k])
    if not np.isfinite(std).all():
        return None
    ones = int(np.count_nonzero(labels))
    if ones in (0, n):
        bias = logarithm((ones + 0.5) / (n - ones + 0.5))
        return Fit((0.0,) * k, _rounded(bias), _floats(mean), _floats(std), n)
    np.multiply(labels, 2.0, out=sign)
    sign -= 1.0
    columns *= sign
    *weights, bias = map(_rounded, minimised(design, rest))
    return Fit(tuple(weights), bias, _floats(mean), _floats(std), n)


def _standardised(columns: Floats, squares: Floats) -> tuple[Floats, Floats]:
    """Standardise every row of ``columns`` in place; their means and standard deviations, not finite on overflow."""
    n = columns.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.add.reduce(columns, axis=1) / n
        columns -= mean[:, None]
        np.multiply(columns, columns, out=squares)
        std = np.sqrt(np.add.reduce(squares, axis=1) / n)
        std[std < _CONSTANT] = 1.0
        columns /= std[:, None]
    return mean, std


def _borrowed(size: int) -> Floats:
    """Scratch of at least ``size`` numbers, of any content."""
    try:
        block = _SPARE.pop()
    except IndexError:
        block = np.empty(0)
    return block if block.size >= size else np.empty(size)


def _returned(block: Floats) -> None:
    if not _SPARE and block.size <= _LARGEST_SPARE:
        _SPARE.append(block)


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS - 1}e}")


def _floats(values: Floats) -> tuple[float, ...]:
    return tuple(float(v) for v in values)
