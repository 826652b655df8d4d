"""Rows that are hard to fit, held against scikit-learn, and the same bits on other processors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
from sklearn.linear_model import LogisticRegression

from cbbot.kernel import model as model_module
from cbbot.kernel.batch import columns, feature_rows, readings
from cbbot.kernel.logistic import WORK_ROWS, minimised
from cbbot.kernel.model import Fit, fit

N = 5001


def closes_of(ups: np.ndarray) -> np.ndarray:
    return 100_000 + np.concatenate(([0], np.cumsum(np.where(ups, 1, -1))))


def random_ups(n: int) -> np.ndarray:
    return np.random.default_rng(9).random(n) < 0.5


def normal(n: int = N) -> np.ndarray:
    return np.random.default_rng(8).normal(size=(n, 8))


def oracle(rows: np.ndarray, closes: np.ndarray, fitted: Fit) -> np.ndarray:
    standardised = (rows[:-1] - np.array(fitted.mean)) / np.array(fitted.std)
    regression = LogisticRegression(C=1.0, tol=1e-12, solver="newton-cholesky", max_iter=1000)
    with warnings.catch_warnings():
        # Its line search says so when it can go no further down, which is what is wanted.
        warnings.simplefilter("ignore")
        found = regression.fit(standardised, np.diff(closes) > 0)
    return np.append(found.coef_[0], found.intercept_[0])


def noise() -> tuple[np.ndarray, np.ndarray]:
    return normal(), closes_of(random_ups(N - 1))


def changed(name: str) -> np.ndarray:
    x = normal()
    match name:
        case "nearly collinear":
            x[:, 1] = x[:, 0] + 1e-7 * x[:, 1]
        case "constant columns":
            x[:, 1], x[:, 5] = 3.0, 1e9
        case "one huge outlier":
            x[5, :] = 1e12
        case "huge outliers":
            x[::97] *= 1e6
        case "heavy tails":
            x = np.random.default_rng(7).standard_cauchy(size=(N, 8))
        case "huge numbers":
            x *= 1e150
    return x


def labelled(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows and closes of ``what the rows are, what their labels are``."""
    rows, labels = name.split(", ")
    x = changed(rows)
    score = x[:-1] @ np.arange(8)
    match labels:
        case "separable":
            ups = score > 0
        case "separable and rare":
            ups = score > np.sort(score)[-9]
        case "one up":
            ups = np.arange(N - 1) == 77
        case "a signal":
            ups = x[:-1, 0] + np.random.default_rng(6).normal(size=N - 1) > 0
        case _:
            ups = random_ups(N - 1)
    return x, closes_of(ups)


CASES = [
    "plain, random",
    "plain, a signal",
    "plain, separable",
    "plain, separable and rare",
    "plain, one up",
    "nearly collinear, random",
    "nearly collinear, a signal",
    "constant columns, random",
    "one huge outlier, random",
    "huge outliers, separable",
    "heavy tails, random",
    "heavy tails, separable",
    "huge numbers, random",
]


@pytest.mark.parametrize("name", CASES)
def test_scikit_learn_finds_the_same_weights(name: str) -> None:
    rows, closes = labelled(name)
    found = fit(rows, closes)
    assert found is not None
    assert np.abs(oracle(rows, closes, found) - [*found.weights, found.bias]).max() < 1e-8


@pytest.mark.parametrize("n", [3, 4, 5, 10, 400])
def test_few_rows_are_fitted_as_exactly_as_many(n: int) -> None:
    rows, closes = normal(n + 1), closes_of(np.arange(n) % 2 == 0)
    found = fit(rows, closes)
    assert found is not None
    assert found.rows == n
    assert np.abs(oracle(rows, closes, found) - [*found.weights, found.bias]).max() < 1e-8


@pytest.mark.parametrize(("n", "bias"), [(1, np.log(3.0)), (2, np.log(5.0))])
def test_one_or_two_rows_of_one_class_give_an_intercept_alone(n: int, bias: float) -> None:
    found = fit(normal(n + 1), closes_of(np.full(n, True)))
    assert found is not None
    assert (found.rows, set(found.weights)) == (n, {0.0})
    assert found.bias == pytest.approx(bias, rel=1e-11)
    assert fit(normal(1), closes_of(np.array([], dtype=bool))) is None


def test_a_long_series_is_fitted_to_12_digits() -> None:
    x = np.random.default_rng(8).normal(size=(100_001, 8))
    closes = closes_of(np.random.default_rng(2).random(100_000) < 1.0 / (1.0 + np.exp(-0.1 * x[:-1, 0])))
    found = fit(x, closes)
    assert found is not None
    assert [*found.weights, found.bias] == pytest.approx(polished(x, closes, found), rel=6e-12)


def test_the_twelve_digits_of_weights_are_those_of_the_minimum() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows = rng.normal(size=(1001, 8))
        closes = closes_of(rng.random(1000) < 1.0 / (1.0 + np.exp(-0.2 * rows[:-1, 0])))
        found = fit(rows, closes)
        assert found is not None
        assert [*found.weights, found.bias] == pytest.approx(polished(rows, closes, found), rel=6e-12)


def polished(rows: np.ndarray, closes: np.ndarray, found: Fit) -> list[float]:
    """Newton's method from what was found, in extended precision."""
    x = np.hstack([(rows[:-1] - np.array(found.mean)) / np.array(found.std), np.ones((len(rows) - 1, 1))])
    x, y = x.astype(np.longdouble), (np.diff(closes) > 0).astype(np.longdouble)
    weights = np.array([*found.weights, found.bias], dtype=np.longdouble)
    penalty = np.append(np.ones(len(weights) - 1), 0.0)
    for _ in range(2):
        p = 1 / (1 + np.exp(-(x @ weights)))
        hessian = ((x.T * (p * (1 - p))) @ x).astype(float) + np.diag(penalty)
        weights = weights - np.linalg.solve(hessian, (x.T @ (p - y) + penalty * weights).astype(float))
    return [float(w) for w in weights]


def test_features_too_large_for_a_variance_give_no_fit_and_no_warning() -> None:
    rows, closes = noise()
    assert fit(rows * 1e300, closes) is None
    rows[3, 3], rows[4, 3] = np.inf, -np.inf
    found = fit(rows, closes)
    assert found is not None
    assert found.rows == N - 3


def test_a_fit_does_not_depend_on_the_fits_before_it() -> None:
    rows, closes = noise()
    first = fit(rows, closes)
    fit(*labelled("plain, separable"))
    fit(rows[:50], closes[:50])
    for block in model_module._SPARE:  # noqa: SLF001  spoils the memory that fits hand on to each other
        block.fill(np.nan)
    assert fit(rows, closes) == first
    model_module._SPARE.clear()  # noqa: SLF001  likewise
    assert fit(np.asfortranarray(rows), closes.copy()) == first


def test_threads_that_fit_at_once_do_not_disturb_each_other() -> None:
    cases = [labelled(name) for name in CASES[::3]]
    alone = [fit(*each) for each in cases]
    found: list[list[Fit | None]] = [[] for _ in cases]

    def several(index: int) -> None:
        for _ in range(20):
            found[index].append(fit(*cases[index]))

    threads = [threading.Thread(target=several, args=(index,)) for index in range(len(cases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[one] * 20 for one in alone]


def whole_numbers(n: int) -> np.ndarray:
    """A walk of candles made of whole numbers: the same on every machine and with every numpy."""
    state, close, rows = 20_240_229, 5_000_000, []
    for i in range(n):
        candle = [60 * i, close]
        for _ in range(4):
            state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
            candle.append(state >> 12)
        step, up, down, volume = candle[2:]
        opened, close = close, close + step % 4001 - 2000
        rows.append((60 * i, opened, max(opened, close) + up % 900, min(opened, close) - down % 900, close, volume))
    return np.array(rows, dtype=np.int64)


def digits() -> list[str]:
    """Every bit of three fits, as text."""
    found = []
    candles = columns(whole_numbers(6000))
    for extended in (False, True):
        rows = feature_rows(readings(candles, 10, 30, extended), extended)
        found.append(fit(rows[-5000:], candles.close[-5000:]))
    # Separable, so that the search is a long one.
    found.append(fit(rows[-1000:], closes_of(rows[-1000:-1, 0] > 0)))
    values = [v for each in found if each for v in (*each.weights, each.bias, *each.mean, *each.std)]
    # Without the rounding to 12 digits, which hides most of what could differ.
    signed = np.vstack((rows[-5000:].T, np.ones(5000))) * np.where(np.arange(5000) % 3 == 0, 1.0, -1.0)
    values += minimised(signed, np.empty((9 + WORK_ROWS, 5000)))
    return [float(v).hex() for v in values]


def test_the_weights_are_those_of_the_day_this_was_written() -> None:
    assert [float.fromhex(v) for v in digits()[13:22]] == [
        -0.017988313701,
        -0.000307891837773,
        -0.0788621037332,
        0.145112909812,
        0.0351091216217,
        -0.104712286752,
        0.00570956562564,
        -0.0424089729623,
        0.0099718870454,
    ]


def test_a_processor_without_vector_units_gives_the_same_bits() -> None:
    present = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    if not present:
        pytest.skip("numpy has nothing to switch off here")
    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import {Path(__file__).stem} as t; "
    program += "import json; from numpy._core._multiarray_umath import __cpu_features__ as f; "
    program += f"print(json.dumps([t.digits(), [n for n in {present!r} if f[n]]]))"
    there = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(present), "OPENBLAS_CORETYPE": "Prescott"},
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert json.loads(there.stdout) == [digits(), []]
