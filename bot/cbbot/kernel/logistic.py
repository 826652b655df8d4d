"""Minimises the penalised logistic loss: Newton's method with a bound on its steps instead of a line search.

The loss is ``sum(log(1 + exp(-z))) + |w|^2 / 2`` with ``z`` the margins: the scores, negated where the label
is 0. Along a direction that changes the margins by at most ``m``, its third derivative is at most ``m`` times
its second (F. Bach, "Self-concordant analysis for logistic regression", 2010). So Hessians whose margins are
at most ``m`` apart differ by a factor of at most ``exp(m)``, and from that follows:

- A step by a Hessian of margins at most ``near`` away goes downhill when ``exp(near) (exp(m) - m - 1) < m^2``:
  with ``near`` 0.25 for every ``m`` up to 1.
- A longer one is tried, and halved while the slope beyond it rises, but not below ``2 / (2 + m)`` of its
  length, which goes downhill always (``log(1 + m) / m``, a little more, minimises the bound).
- A factored Hessian is kept while the margins stay near: a step then costs no more than a gradient, and leaves
  a small share of the error. The first one belongs to margins of 0, where the curvature of every row is at its
  largest: steps by it go downhill whatever their length.

What decides the result are additions, multiplications, divisions and square roots in a fixed order; sums
along a row are numpy's pairwise ones, whose order depends on the length alone.
"""

from __future__ import annotations

from math import inf
from typing import Final

import numpy as np
import numpy.typing as npt

from cbbot.kernel import sigmoid
from cbbot.kernel.cholesky import Rows, factored, solved

__all__ = ["WORK_ROWS", "minimised"]

Floats = npt.NDArray[np.float64]

WORK_ROWS: Final = 4 + sigmoid.WORK_ROWS
"""How many columns of scratch :func:`minimised` needs besides as many as it is given."""

# Hard cases (separable rows with outliers) take some 30 steps, real candles 6.
_STEPS: Final = 500
_NEAR: Final = 0.25
_CERTAINLY_DOWNHILL: Final = 1.0
# A Hessian costs 1.5 steps: when a step leaves more of the error than this, a new one is cheaper than more steps.
_SHRINKS: Final = 1e-3
# The error that may be left in a margin and in a weight. Weights have 12 digits and few are below 0.01.
_LEFT: Final = 1e-15


def minimised(signed: Floats, work: Floats) -> list[float]:
    """The minimum for rows that are negated where the label is 0.

    ``signed`` has shape (k + 1, n): a column a row, the last is the intercept's and is not penalised.
    ``work`` has shape (k + 1 + WORK_ROWS, n) and is overwritten.
    """
    problem = _Problem(signed, work)
    gradient = problem.gradient(problem.weights)
    lower = factored(problem.hessian())
    near, moved, before = inf, 0.0, 0.0
    for _ in range(_STEPS):
        step = solved(lower, gradient)
        reach = problem.aim(step)
        size = max(reach, *map(abs, step))
        shrunk = size / before if before else moved + size
        if shrunk * size <= _LEFT:
            return problem.after(1.0, step)
        surely = 1.0 if near == inf or reach <= _CERTAINLY_DOWNHILL else 2.0 / (2.0 + reach)
        gradient, share = problem.go(step, surely)
        moved += share * reach
        if moved > near or share < 1.0 or (before and shrunk > _SHRINKS):
            lower = factored(problem.hessian())
            near, moved, before = _NEAR, 0.0, 0.0
        else:
            before = size
    return problem.weights


class _Problem:
    """Where the search is: ``weights``, the margins they give, and what the loss's derivatives need of them."""

    def __init__(self, signed: Floats, work: Floats) -> None:
        width = len(signed)
        self.weights = [0.0] * width
        self._x = signed
        self._product = work[:width]
        self._margins, self._ahead, self._change, self._miss = work[width : width + 4]
        self._work = work[width + 4 :]
        self._margins.fill(0.0)
        # A row's share of the slope of the loss: 1 / (1 + exp(margin)).
        self._miss.fill(0.5)

    def gradient(self, weights: list[float]) -> list[float]:
        """At ``weights``, which the margins must be those of."""
        pull = np.add.reduce(np.multiply(self._x, self._miss, out=self._product), axis=1).tolist()
        penalised = [weight - p for weight, p in zip(weights, pull, strict=True)]
        penalised[-1] = -pull[-1]
        return penalised

    def hessian(self) -> Rows:
        """Its lower triangle, row by row."""
        x, product, curvature, weighted = self._x, self._product, self._ahead, self._work[0]
        np.subtract(1.0, self._miss, out=curvature)
        curvature *= self._miss
        rows: Rows = []
        last = len(x) - 1
        for i in range(last + 1):
            np.multiply(x[i], curvature, out=weighted)
            row: list[float] = np.add.reduce(np.multiply(x[: i + 1], weighted, out=product[: i + 1]), axis=1).tolist()
            if i != last:
                row[i] += 1.0
            rows.append(row)
        return rows

    def aim(self, step: list[float]) -> float:
        """Work out what ``step`` changes in the margins; returns the largest change."""
        np.multiply(self._x, np.array(step)[:, None], out=self._product)
        np.add.reduce(self._product, axis=0, out=self._change)
        np.abs(self._change, out=self._ahead)
        return float(np.maximum.reduce(self._ahead))

    def go(self, step: list[float], surely: float) -> tuple[list[float], float]:
        """Go down along ``step``; a share of ``surely`` is known to. The gradient there, and the share gone."""
        share = 1.0
        while True:
            np.multiply(self._change, share, out=self._ahead)
            np.subtract(self._margins, self._ahead, out=self._ahead)
            sigmoid.complement(self._ahead, self._miss, self._work)
            weights = self.after(share, step)
            gradient = self.gradient(weights)
            if share <= surely or _dot(gradient, step) >= 0.0:
                break
            share = max(0.5 * share, surely)
        self.weights = weights
        self._margins, self._ahead = self._ahead, self._margins
        return gradient, share

    def after(self, share: float, step: list[float]) -> list[float]:
        return [weight - share * change for weight, change in zip(self.weights, step, strict=True)]


def _dot(a: list[float], b: list[float]) -> float:
    total = 0.0
    for x, y in zip(a, b, strict=True):
        total += x * y
    return total
