"""The fit against scikit-learn's, to 1e-8, on the same standardised rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from cbbot.kernel.batch import feature_rows, readings
from cbbot.kernel.model import Fit, fit
from oracle.definitions import Floats
from oracle.market import SHORT, YEAR, columns_of, walk


def theirs(rows: Floats, closes: Floats) -> tuple[Floats, float, Floats, Floats]:
    """Weights, intercept, mean and deviation by scikit-learn and numpy."""
    x, higher = rows[:-1], np.diff(closes) > 0
    counted = np.isfinite(x).all(axis=1)
    x, higher = x[counted], higher[counted]
    mean, std = x.mean(axis=0), x.std(axis=0)
    std = np.where(std < 1e-12, 1.0, std)
    model = LogisticRegression(C=1.0, tol=1e-12, solver="newton-cholesky", max_iter=1000)
    model.fit((x - mean) / std, higher)
    return model.coef_[0], float(model.intercept_[0]), mean, std


def same(found: Fit | None, rows: Floats, closes: Floats) -> None:
    assert found is not None
    weights, bias, mean, std = theirs(rows, closes)
    assert np.abs(np.array(found.weights) - weights).max() < 1e-8
    assert abs(found.bias - bias) < 1e-8
    assert np.allclose(found.mean, mean, rtol=1e-9, atol=1e-15)
    assert np.allclose(found.std, std, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("extended", [False, True], ids=["baseline", "extended"])
@pytest.mark.parametrize("name", [SHORT, YEAR])
@pytest.mark.parametrize("window", [(0, 60), (0, 480), (200, 1200), (900, 5900)])
def test_real_candles_give_scikit_learns_model(name: str, window: tuple[int, int], extended: bool) -> None:
    candles = columns_of(name)
    part = slice(*window)
    rows = feature_rows(readings(candles, 10, 30, extended), extended)[part]
    closes = np.asarray(candles.close, dtype=np.float64)[part]
    same(fit(rows, closes), rows, closes)


@pytest.mark.parametrize("extended", [False, True], ids=["baseline", "extended"])
def test_a_year_gives_scikit_learns_model(extended: bool) -> None:
    candles = columns_of(YEAR)
    rows = feature_rows(readings(candles, 10, 30, extended), extended)[:300_000]
    closes = np.asarray(candles.close[:300_000], dtype=np.float64)
    same(fit(rows, closes), rows, closes)


@pytest.mark.parametrize("shape", ["up", "down", "chop", "crash", "rally", "gap", "wild"])
def test_shaped_walks_give_scikit_learns_model(shape: str) -> None:
    candles = walk([("chop", 60), (shape, 300)], 5)
    rows = feature_rows(readings(candles, 10, 30, True), True)
    same(fit(rows, np.asarray(candles.close)), rows, np.asarray(candles.close))


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(5, 400), k=st.sampled_from([4, 8]), scale=st.floats(1e-6, 1e4))
@settings(max_examples=60, deadline=None)
def test_random_rows_give_scikit_learns_model(seed: int, n: int, k: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, k)) * rng.uniform(0.1, 10.0, k) * scale + rng.normal(size=k)
    drawn = rows[:, 0] * rng.normal() + rng.normal(size=n) * scale > 0.0
    labels = np.where(drawn[:-1], 1, -1)
    labels[:2] = (1, -1)  # both classes: one alone has its own rule
    closes = 10_000 + np.concatenate(([0], np.cumsum(labels)))
    same(fit(rows, closes), rows, closes)


@pytest.mark.parametrize("gap", [0.5, 5.0, 500.0])
def test_separable_rows_give_scikit_learns_model(gap: float) -> None:
    labels = np.tile([1, -1, -1], 70)
    closes = 10_000 + np.concatenate(([0], np.cumsum(labels)))
    rows = np.random.default_rng(8).normal(size=(211, 4)) * 0.1
    rows[:-1, 2] += labels * gap
    same(fit(rows, closes), rows, closes)


def test_constant_and_doubled_features_give_scikit_learns_model() -> None:
    rng = np.random.default_rng(9)
    rows = rng.normal(size=(301, 4))
    rows[:, 1] = 3.25
    rows[:, 3] = rows[:, 0]
    closes = 10_000 + np.concatenate(([0], np.cumsum(np.where(rng.random(300) < 0.5, 1, -1))))
    same(fit(rows, closes), rows, closes)


@pytest.mark.parametrize(("ones", "n"), [(0, 10), (10, 10), (1, 1), (0, 1)])
def test_labels_of_one_class_give_the_smoothed_share(ones: int, n: int) -> None:
    closes = 10_000 + np.arange(n + 1) * (1 if ones else -1)
    found = fit(np.random.default_rng(1).normal(size=(n + 1, 4)), closes)
    assert found is not None
    assert found.weights == (0.0,) * 4
    p = (ones + 0.5) / (n + 1)
    assert found.bias == pytest.approx(np.log(p / (1 - p)), rel=1e-11)


def test_an_unmoved_close_is_not_higher() -> None:
    rows = np.random.default_rng(2).normal(size=(6, 4))
    found = fit(rows, np.full(6, 10_000))
    assert found is not None
    assert found.bias == pytest.approx(np.log(0.5 / 5.5))
