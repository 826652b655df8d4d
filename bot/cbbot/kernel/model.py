"""Logistic regression of "the next close is higher", fitted to one answer.

The objective is sum(log loss) + |w|^2 / 2 with a free intercept: strictly convex, so Newton's
method run to convergence has one answer and needs no seed. Sums run over rows in row order
(numpy adds along the first axis of a C-ordered array that way), and the result is rounded to
12 significant digits: the same rows give the same bits wherever they are fitted.
"""

from __future__ import annotations

from math import log
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Fit", "fit", "scores"]

Floats = npt.NDArray[np.float64]

_DIGITS: Final = 12
_STEPS: Final = 100
# Newton's error after a step is about the square of the step: this one leaves nothing in 12 digits.
_TOLERANCE: Final = 1e-8
_HALVINGS: Final = 30
_UPHILL: Final = 1e-9


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
    with a feature that is not finite do not count. None when no row counts.
    """
    x = rows[:-1]
    labels = closes[1:] > closes[:-1]
    counted = np.isfinite(x).all(axis=1)
    if not counted.all():
        x, labels = x[counted], labels[counted]
    n, k = x.shape
    if n == 0:
        return None
    mean = np.add.reduce(x, axis=0) / n
    design = np.ones((n, k + 1))
    centred = np.subtract(x, mean, out=design[:, :k])
    std = np.sqrt(np.add.reduce(centred * centred, axis=0) / n)
    std[std < 1e-12] = 1.0
    ones = int(np.count_nonzero(labels))
    if ones in (0, n):
        bias = log((ones + 0.5) / (n - ones + 0.5))
        return Fit((0.0,) * k, _rounded(bias), _floats(mean), _floats(std), n)
    centred /= std
    solution = _newton(design, labels.astype(np.float64))
    weights = tuple(_rounded(w) for w in solution[:k])
    return Fit(weights, _rounded(solution[k]), _floats(mean), _floats(std), n)


def scores(model: Fit, rows: Floats) -> Floats:
    """``cbbot.kernel.strategy.score`` of many rows: the same operations in the same order, so the same bits."""
    total = np.full(len(rows), model.bias)
    for j, weight in enumerate(model.weights):
        total += weight * ((rows[:, j] - model.mean[j]) / model.std[j])
    return total


def _newton(x: Floats, y: Floats) -> list[float]:
    """Minimise the penalised log loss; the last column of ``x`` is the intercept's and is not penalised."""
    n, width = x.shape
    columns = np.asfortranarray(x)
    products = _products(columns)
    weighted, residuals = np.empty_like(products), np.empty_like(x)
    penalty = np.ones(width)
    penalty[-1] = 0.0
    beta = np.zeros(width)
    z = np.zeros(n)
    loss = _loss(z, y, beta, penalty)
    for _ in range(_STEPS):
        p = _sigmoid(z)
        np.multiply(x, (p - y)[:, None], out=residuals)
        gradient = np.add.reduce(residuals, axis=0) + penalty * beta
        np.multiply(products, (p * (1.0 - p))[:, None], out=weighted)
        curvature = np.add.reduce(weighted, axis=0).tolist()
        step = np.array(_solve(_symmetric(curvature, penalty.tolist()), gradient.tolist()))
        scale = 1.0
        for _ in range(_HALVINGS):
            candidate = beta - scale * step
            z = _linear(columns, candidate)
            reached = _loss(z, y, candidate, penalty)
            if reached <= loss + _UPHILL * abs(loss):
                break
            scale *= 0.5
        beta, loss = candidate, reached
        if float(np.max(np.abs(scale * step))) <= _TOLERANCE:
            break
    return [float(b) for b in beta]


def _products(columns: Floats) -> Floats:
    """The products of every pair of columns, shape (n, k (k + 1) / 2) in C order, as the rows of an upper triangle."""
    n, width = columns.shape
    products = np.empty((width * (width + 1) // 2, n))
    at = 0
    for i in range(width):
        # One contiguous pass a pair: row by row the inner loops would be too short to be fast.
        for j in range(i, width):
            np.multiply(columns[:, i], columns[:, j], out=products[at])
            at += 1
    return np.ascontiguousarray(products.T)


def _symmetric(upper: list[float], diagonal: list[float]) -> list[list[float]]:
    """The matrix of an upper triangle's rows, one behind the other, with ``diagonal`` added."""
    size = len(diagonal)
    matrix = [[0.0] * size for _ in range(size)]
    values = iter(upper)
    for i in range(size):
        for j in range(i, size):
            matrix[i][j] = matrix[j][i] = next(values)
        matrix[i][i] += diagonal[i]
    return matrix


def _linear(columns: Floats, beta: Floats) -> Floats:
    total = np.zeros(len(columns))
    for j in range(columns.shape[1]):
        total += beta[j] * columns[:, j]
    return total


def _sigmoid(z: Floats) -> Floats:
    grown = np.exp(-np.abs(z))
    return np.where(z >= 0.0, 1.0, grown) / (1.0 + grown)


def _loss(z: Floats, y: Floats, beta: Floats, penalty: Floats) -> float:
    each = np.maximum(z, 0.0) - z * y + np.log1p(np.exp(-np.abs(z)))
    return float(each.sum() + 0.5 * (penalty * beta * beta).sum())


def _solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Solve a symmetric positive definite system by Cholesky, in one fixed order of operations."""
    size = len(right)
    lower = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i][j]
            for m in range(j):
                rest -= lower[i][m] * lower[j][m]
            # A saturated fit leaves a diagonal of 0 up to rounding; a tiny pivot keeps the step finite.
            lower[i][j] = max(rest, 1e-300) ** 0.5 if i == j else rest / lower[j][j]
    forward = [0.0] * size
    for i in range(size):
        forward[i] = (right[i] - sum(lower[i][m] * forward[m] for m in range(i))) / lower[i][i]
    solution = [0.0] * size
    for i in reversed(range(size)):
        rest = sum(lower[m][i] * solution[m] for m in range(i + 1, size))
        solution[i] = (forward[i] - rest) / lower[i][i]
    return solution


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS - 1}e}")


def _floats(values: Floats) -> tuple[float, ...]:
    return tuple(float(v) for v in values)
