"""The figures of a run beside those that QuantStats worked out of the same equity: an implementation that is not ours.

``tools/renew_quantstats.py`` recorded them. Value at risk and what is beyond it have no counterpart there: QuantStats
assumes a normal distribution, here the days that were count; pandas is what those are held against.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cbbot.kernel.params import DAY_MS
from cbbot.research import performance, trade_figures
from cbbot.research.rolling_ratios import rolling

RECORDED = json.loads((Path(__file__).parent / "quantstats.json").read_text())
FIGURES = RECORDED["figures"]
START = RECORDED["start"]
EQUITY = np.array(list(RECORDED["equity"].values()))
# A day's last candle closes at the midnight that ends it.
ENDS = np.array(
    [int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000) + DAY_MS for day in RECORDED["equity"]]
)
WITH_START = np.concatenate(([START], EQUITY))
TIMES_WITH_START = np.concatenate((ENDS[:1] - DAY_MS, ENDS))


@pytest.fixture(scope="module")
def days() -> list[tuple[str, float]]:
    found = performance.period_returns(ENDS, EQUITY, START, "D")
    assert [name for name, _ in found] == list(RECORDED["equity"])
    return found


@pytest.fixture(scope="module")
def returns(days: list[tuple[str, float]]) -> list[float]:
    return [change for _, change in days]


def test_growth_and_its_ratio_to_the_largest_drawdown() -> None:
    growth, deepest = performance.cagr_pct(WITH_START, TIMES_WITH_START), performance.largest_drawdown(WITH_START)
    assert growth is not None
    assert deepest is not None
    assert WITH_START[-1] / START - 1 == pytest.approx(FIGURES["total_return"])
    assert growth == pytest.approx(100 * FIGURES["cagr"])
    assert deepest.pct == pytest.approx(-100 * FIGURES["max_drawdown"])
    assert growth / deepest.pct == pytest.approx(FIGURES["calmar"])


def test_ratios_of_daily_returns(returns: list[float]) -> None:
    assert performance.sharpe(returns) == pytest.approx(FIGURES["sharpe"])
    assert performance.volatility_pct(returns) == pytest.approx(100 * FIGURES["volatility"])
    # QuantStats takes the mean of the squares over all days, we over the days that lost.
    lost = sum(change < 0 for change in returns) / len(returns)
    assert performance.sortino(returns) == pytest.approx(FIGURES["sortino"] * lost**0.5)


def test_best_and_worst_day_and_streaks(returns: list[float]) -> None:
    assert (max(returns), min(returns)) == pytest.approx((FIGURES["best"], FIGURES["worst"]))
    streaks = trade_figures.longest_streaks([1 if change > 0 else -1 for change in returns])
    assert streaks == (FIGURES["consecutive_wins"], FIGURES["consecutive_losses"])


def test_rolling_ratios(days: list[tuple[str, float]]) -> None:
    found = rolling(days)
    assert len(found) == len(days) - 29
    assert [each.sharpe for each in found] == pytest.approx(FIGURES["rolling_sharpe"])
    assert [each.volatility_pct for each in found] == pytest.approx([100 * v for v in FIGURES["rolling_volatility"]])


def test_returns_of_months_and_years() -> None:
    months = dict(performance.period_returns(ENDS, EQUITY, START, "M"))
    # The table of QuantStats has every month of a year; 0 before the first day and after the last.
    assert {name: value for name, value in FIGURES["months"].items() if value} == pytest.approx(months)
    assert dict(performance.period_returns(ENDS, EQUITY, START, "Y")) == pytest.approx(FIGURES["years"])


def test_the_worst_drawdowns_and_when_they_were() -> None:
    worst = performance.worst_drawdowns(WITH_START, 5)
    assert [each.pct for each in worst] == pytest.approx([-each["max drawdown"] for each in FIGURES["drawdowns"]])
    names = ["before", *RECORDED["equity"]]
    for ours, theirs in zip(worst, FIGURES["drawdowns"], strict=True):
        # Ours begins at the high and ends at the day that regained it; QuantStats names the days below it.
        below: Any = (names[ours.peak + 1], names[ours.trough], names[-1 if ours.end is None else ours.end - 1])
        assert below == tuple(theirs[key][:10] for key in ("start", "valley", "end"))
