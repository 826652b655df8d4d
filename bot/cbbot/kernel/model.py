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
_TOLERANCE: Final = 1e-12


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
    counted = np.isfinite(rows[:-1]).all(axis=1)
    x = np.ascontiguousarray(rows[:-1][counted])
    y = (closes[1:] > closes[:-1])[counted].astype(np.float64)
    n, k = x.shape
    if n == 0:
        return None
    mean = np.add.reduce(x, axis=0) / n
    centred = x - mean
    std = np.sqrt(np.add.reduce(centred * centred, axis=0) / n)
    std[std < 1e-12] = 1.0
    ones = int(y.sum())
    if ones in (0, n):
        bias = log((ones + 0.5) / (n - ones + 0.5))
        return Fit((0.0,) * k, _rounded(bias), _floats(mean), _floats(std), n)
    solution = _newton(np.column_stack((centred / std, np.ones(n))), y)
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
    width = x.shape[1]
    upper = np.triu_indices(width)
    products = np.ascontiguousarray(x[:, upper[0]] * x[:, upper[1]])
    penalty = np.ones(width)
    penalty[-1] = 0.0
    beta = np.zeros(width)
    loss = _loss(x, y, beta, penalty)
    for _ in range(_STEPS):
        p = _sigmoid(_linear(x, beta))
        gradient = np.add.reduce(x * (p - y)[:, None], axis=0) + penalty * beta
        hessian = np.zeros((width, width))
        hessian[upper] = np.add.reduce(products * (p * (1.0 - p))[:, None], axis=0)
        hessian = hessian + np.triu(hessian, 1).T + np.diag(penalty)
        step = _solve(hessian.tolist(), gradient.tolist())
        beta, loss, moved = _descend(x, y, beta, np.array(step), penalty, loss)
        if moved <= _TOLERANCE:
            break
    return [float(b) for b in beta]


def _descend(
    x: Floats, y: Floats, beta: Floats, step: Floats, penalty: Floats, loss: float
) -> tuple[Floats, float, float]:
    """Take the Newton step, halved until it does not go uphill; also how far it moved."""
    scale = 1.0
    for _ in range(30):
        candidate = beta - scale * step
        reached = _loss(x, y, candidate, penalty)
        if reached <= loss + 1e-9 * abs(loss):
            return candidate, reached, float(np.max(np.abs(scale * step)))
        scale *= 0.5
    return beta, loss, 0.0


def _linear(x: Floats, beta: Floats) -> Floats:
    total = np.zeros(len(x))
    for j in range(x.shape[1]):
        total += beta[j] * x[:, j]
    return total


def _sigmoid(z: Floats) -> Floats:
    grown = np.exp(-np.abs(z))
    return np.where(z >= 0.0, 1.0, grown) / (1.0 + grown)


def _loss(x: Floats, y: Floats, beta: Floats, penalty: Floats) -> float:
    z = _linear(x, beta)
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
