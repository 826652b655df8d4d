from __future__ import annotations

import math

import numpy as np
import pytest

from cbbot.kernel.codes import BUY, FLAT, SELL
from cbbot.kernel.model import fit, scores
from cbbot.kernel.strategy import logit, probability, score, signal


def sample(n: int, k: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, k)) * np.arange(1, k + 1) + 3.0
    ups = rng.random(n) < 1.0 / (1.0 + np.exp(-(rows[:, 0] - 3.0)))
    closes = 10_000 + np.concatenate(([0], np.cumsum(np.where(ups[:-1], 1, -1))))
    return rows, closes


@pytest.mark.parametrize("k", [4, 8])
def test_the_fit_is_where_the_gradient_of_the_penalised_loss_vanishes(k: int) -> None:
    rows, closes = sample(3000, k)
    model = fit(rows, closes)
    assert model is not None
    x = (rows[:-1] - model.mean) / model.std
    y = (np.diff(closes) > 0).astype(float)
    p = 1.0 / (1.0 + np.exp(-(x @ np.array(model.weights) + model.bias)))
    assert np.abs(x.T @ (p - y) + np.array(model.weights)).max() < 1e-6
    assert abs((p - y).sum()) < 1e-6


def test_weights_have_twelve_significant_digits() -> None:
    model = fit(*sample(500, 4))
    assert model is not None
    assert all(w == float(f"{w:.11e}") for w in (*model.weights, model.bias))


def test_the_newest_row_has_no_label_and_does_not_count() -> None:
    rows, closes = sample(400, 4)
    changed = rows.copy()
    changed[-1] = 1e6
    assert fit(changed, closes) == fit(rows, closes)


def test_rows_that_are_not_finite_do_not_count() -> None:
    rows, closes = sample(400, 4)
    rows[:50, 2] = np.nan
    model = fit(rows, closes)
    assert model is not None
    assert model.rows == 349
    assert fit(rows[:51], closes[:51]) is None


def test_labels_of_one_class_give_no_weights_and_the_smoothed_intercept() -> None:
    rows = np.random.default_rng(1).normal(size=(11, 4))
    model = fit(rows, np.arange(11))
    assert model is not None
    assert model.weights == (0.0,) * 4
    assert model.bias == pytest.approx(logit(10.5 / 11.0))


def test_a_feature_that_never_moves_is_not_divided_by_nothing() -> None:
    rows, closes = sample(300, 4)
    rows[:, 1] = 7.0
    model = fit(rows, closes)
    assert model is not None
    assert model.std[1] == 1.0
    assert abs(model.weights[1]) < 1e-9


def test_separable_labels_still_have_one_finite_answer() -> None:
    closes = np.concatenate(([0], np.cumsum(np.tile([1, -1], 100))))
    rows = np.zeros((201, 4))
    rows[:-1, 0] = np.diff(closes)
    model = fit(rows, closes)
    assert model is not None
    assert 1.0 < model.weights[0] < 20.0


def test_a_column_of_scores_has_the_bits_of_single_scores() -> None:
    rows, closes = sample(500, 8)
    model = fit(rows, closes)
    assert model is not None
    single = [score(row, model.weights, model.mean, model.std, model.bias) for row in rows.tolist()]
    assert scores(model, rows).tolist() == single


def test_a_threshold_on_the_score_decides_as_one_on_the_probability() -> None:
    assert (logit(0.0), logit(1.0), logit(0.5)) == (-math.inf, math.inf, 0.0)
    assert probability(logit(0.55)) == pytest.approx(0.55)
    assert (probability(-800.0), probability(800.0)) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("z", "fast", "slow", "ma_filter", "expected"),
    [
        (1.0, 2.0, 1.0, True, BUY),
        (1.0, 1.0, 1.0, True, FLAT),
        (1.0, 1.0, 2.0, False, BUY),
        (-1.0, 1.0, 2.0, True, SELL),
        (-1.0, 2.0, 1.0, True, FLAT),
        (0.0, 2.0, 1.0, True, FLAT),
        (0.2, 2.0, 1.0, True, FLAT),
        (-0.2, 1.0, 2.0, True, FLAT),
        (math.nan, 2.0, 1.0, True, FLAT),
        (1.0, math.nan, 1.0, True, FLAT),
    ],
)
def test_a_signal_needs_the_score_and_with_the_filter_the_averages(
    z: float, fast: float, slow: float, ma_filter: bool, expected: int
) -> None:
    assert signal(z, fast, slow, 0.2, -0.2, ma_filter) == expected


def test_with_overlapping_thresholds_buy_is_asked_first() -> None:
    assert signal(0.0, 2.0, 1.0, -0.2, 0.2, True) == BUY
    assert signal(0.0, 1.0, 2.0, -0.2, 0.2, True) == SELL
