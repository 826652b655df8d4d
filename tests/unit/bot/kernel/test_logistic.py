"""The guarantees of the search that ordinary rows never need."""

from __future__ import annotations

import numpy as np

from cbbot.kernel.cholesky import factored, solved
from cbbot.kernel.logistic import WORK_ROWS, _Problem, minimised


def signed(n: int, k: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = np.vstack((rng.normal(size=(k, n)), np.ones(n)))
    return np.ascontiguousarray(rows * np.where(rng.random(n) < 0.5, 1.0, -1.0))


def loss(x: np.ndarray, weights: list[float]) -> float:
    return float(np.logaddexp(0.0, -(np.array(weights) @ x)).sum() + 0.5 * sum(w * w for w in weights[:-1]))


def test_a_step_that_shoots_far_beyond_the_minimum_is_shortened_until_it_goes_down() -> None:
    x = signed(200, 3, 1)
    problem = _Problem(x, np.full((len(x) + WORK_ROWS, x.shape[1]), np.nan))
    start = problem.gradient(problem.weights)
    before = loss(x, problem.weights)
    step = [50.0 * g for g in start]
    reach = problem.aim(step)
    gradient, share = problem.go(step, 2.0 / (2.0 + reach))
    assert share < 1.0
    assert loss(x, problem.weights) < before
    moved = problem.after(0.0, step)
    assert moved == problem.weights
    assert np.allclose(problem.gradient(problem.weights), gradient, rtol=0, atol=0)


def test_a_long_step_that_still_goes_down_is_taken_whole() -> None:
    x = signed(200, 3, 1)
    problem = _Problem(x, np.full((len(x) + WORK_ROWS, x.shape[1]), np.nan))
    step = [0.001 * g for g in problem.gradient(problem.weights)]
    problem.aim(step)
    assert problem.go(step, 0.1)[1] == 1.0


def test_the_minimum_is_below_its_surroundings() -> None:
    x = signed(300, 4, 2)
    found = minimised(x, np.full((len(x) + WORK_ROWS, x.shape[1]), np.nan))
    lowest = loss(x, found)
    for j in range(len(found)):
        for nudge in (-1e-3, 1e-3):
            assert loss(x, [w + nudge * (i == j) for i, w in enumerate(found)]) > lowest


def test_a_cholesky_factor_solves_its_system() -> None:
    rng = np.random.default_rng(4)
    half = rng.normal(size=(9, 20))
    matrix = half @ half.T
    right = rng.normal(size=9)
    found = solved(factored([matrix[i, : i + 1].tolist() for i in range(9)]), right.tolist())
    assert np.allclose(matrix @ found, right, atol=1e-10)
