"""Figures of a report, against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cbbot.research import performance

DAY = 86_400_000


def at(*values: float) -> performance.Floats:
    return np.array(values, dtype=np.float64)


def test_a_drawdown_runs_from_its_high_until_the_high_is_regained() -> None:
    found = performance.largest_drawdown(at(100, 120, 120, 90, 110, 120, 60, 119))
    assert found == performance.Drawdown(50.0, peak=5, trough=6, end=None)
    times = np.arange(8, dtype=np.int64) * 1000
    assert found.lasted_ms(times) == 2000
    recovered = performance.largest_drawdown(at(100, 120, 120, 90, 110, 130))
    assert recovered == performance.Drawdown(25.0, peak=2, trough=3, end=5)
    assert recovered.lasted_ms(times[:6]) == 3000


def test_equity_that_never_falls_has_no_drawdown() -> None:
    assert performance.largest_drawdown(at(100, 100, 101)) is None
    assert performance.longest_under_water_ms(at(100, 100, 101), np.array([0, 1, 2])) == 0


def test_the_longest_time_below_a_high_need_not_be_the_deepest() -> None:
    times = np.array([0, 10, 20, 30, 40, 50, 60, 70], dtype=np.int64)
    assert performance.longest_under_water_ms(at(100, 50, 101, 100, 100, 100, 100, 102), times) == 50
    assert performance.longest_under_water_ms(at(100, 50, 101, 100, 100, 100, 100, 100), times) == 50
    assert performance.longest_under_water_ms(at(100, 99, 100, 100, 100, 100, 100, 100), times) == 20


def test_daily_returns_count_a_midnight_close_to_the_day_that_ends() -> None:
    times = np.array([DAY // 2, DAY, DAY + 1, 2 * DAY, 3 * DAY], dtype=np.int64)
    assert performance.daily_returns(times, at(1, 100, 5, 110, 99), 80) == pytest.approx([0.25, 0.1, -0.1])


def test_what_the_first_day_lost_makes_the_ratios_negative() -> None:
    times = np.array([DAY // 2, DAY, 2 * DAY, 3 * DAY], dtype=np.int64)
    returns = performance.daily_returns(times, at(950, 900, 918, 922.59), 1000)
    assert returns == pytest.approx([-0.1, 0.02, 0.005])
    # The mean is -0.025; the deviations from it are -0.075, 0.045 and 0.03.
    deviation = math.sqrt((0.005625 + 0.002025 + 0.0009) / 2)
    assert performance.sharpe(returns) == pytest.approx(-0.025 / deviation * math.sqrt(365))
    assert performance.sortino(returns) == pytest.approx(-0.25 * math.sqrt(365))


def test_a_run_within_a_day_has_the_one_return_of_that_day() -> None:
    times = np.array([DAY // 2, DAY // 2 + 60_000], dtype=np.int64)
    assert performance.daily_returns(times, at(101, 102), 100) == pytest.approx([0.02])


def test_ratios_are_what_their_formulas_say() -> None:
    returns = [0.02, -0.01, 0.03, -0.02]
    deviation = math.sqrt(sum((r - 0.005) ** 2 for r in returns) / 3)
    assert performance.sharpe(returns) == pytest.approx(0.005 / deviation * math.sqrt(365))
    assert performance.sortino(returns) == pytest.approx(0.005 / math.sqrt((0.0001 + 0.0004) / 2) * math.sqrt(365))
    assert performance.cagr_pct(at(100, 121), np.array([0, 730 * DAY])) == pytest.approx(10.0)


@pytest.mark.parametrize("returns", [[], [0.1]])
def test_fewer_than_two_returns_make_no_ratio(returns: list[float]) -> None:
    assert performance.sharpe(returns) is None
    assert performance.sortino(returns) is None


def test_what_cannot_be_divided_is_undefined() -> None:
    assert performance.sharpe([0.1, 0.1]) is None
    assert performance.sortino([0.1, 0.2]) is None
    assert performance.cagr_pct(at(100, 0), np.array([0, DAY])) is None
    assert performance.cagr_pct(at(100, 101), np.array([5, 5])) is None
