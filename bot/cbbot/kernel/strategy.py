"""From features to a signal: the model's score, the thresholds, the moving averages."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from cbbot.kernel.codes import BUY, FLAT, SELL
from cbbot.kernel.elementary import exponential, logarithm

__all__ = ["logit", "probability", "score", "signal"]


def score(
    row: Sequence[float], weights: Sequence[float], mean: Sequence[float], std: Sequence[float], bias: float
) -> float:
    """The log-odds of a higher next close: ``bias + sum(w (x - mean) / std)``, summed in feature order."""
    total = bias
    for j in range(len(weights)):
        total += weights[j] * ((row[j] - mean[j]) / std[j])
    return total


def logit(p: float) -> float:
    """The score at which the probability is ``p``; infinite at 0 and 1."""
    if p <= 0.0:
        return -inf
    if p >= 1.0:
        return inf
    return logarithm(p / (1.0 - p))


def probability(z: float) -> float:
    """The probability of a score, without overflow on either side."""
    if z >= 0.0:
        return 1.0 / (1.0 + exponential(-z))
    grown = exponential(z)
    return grown / (1.0 + grown)


def signal(z: float, fast: float, slow: float, buy_logit: float, sell_logit: float, ma_filter: bool) -> int:
    """BUY, SELL or FLAT. BUY is asked first, because the thresholds may overlap.

    Comparing scores instead of probabilities decides the same and costs no exponential.
    """
    if z > buy_logit and (not ma_filter or fast > slow):
        return BUY
    if z < sell_logit and (not ma_filter or fast < slow):
        return SELL
    return FLAT
