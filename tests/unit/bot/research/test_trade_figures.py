"""Figures of a row of trades, of days and of the time between: by hand, and as pandas has them."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from cbbot.research import performance, tail_losses, trade_figures
from cbbot.research.rolling_ratios import Rolling, rolling

DAY = 86_400_000


def ms(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp() * 1000)


def test_the_quality_number_is_mean_over_deviation_times_the_root_of_the_trades() -> None:
    # The mean is 2; the deviations are 2, -4, 2 and 0, their squares 24, the sample variance 8.
    assert trade_figures.quality_number([4, -2, 4, 2]) == pytest.approx(2 * 2 / 8**0.5)
    chance = random.Random(5)
    nets = [chance.randrange(-100, 120) for _ in range(300)]
    series = pd.Series(nets)
    assert trade_figures.quality_number(nets) == pytest.approx(len(nets) ** 0.5 * series.mean() / series.std())


@pytest.mark.parametrize("nets", [[], [5], [5, 5]])
def test_trades_without_a_spread_have_no_quality_number(nets: list[int]) -> None:
    assert trade_figures.quality_number(nets) is None


@pytest.mark.parametrize(
    ("nets", "longest"),
    [([], (0, 0)), ([1], (1, 0)), ([1, 1, -1, 1, 0, -1, 1], (2, 2)), ([-1, -1, -1], (0, 3)),
     ([1, 1, -1, 1, 1, 1], (3, 1))],
)  # fmt: skip
def test_a_streak_ends_with_the_first_trade_that_is_otherwise(nets: list[int], longest: tuple[int, int]) -> None:
    assert trade_figures.longest_streaks(nets) == longest


def test_trades_are_summed_by_the_hour_and_the_weekday_of_their_entry() -> None:
    # 2018-05-07 was a Monday.
    opened = [ms(2018, 5, 7, 0, 0), ms(2018, 5, 7, 23, 59), ms(2018, 5, 13, 23, 0), ms(1969, 12, 31, 23, 30)]
    hours = trade_figures.by_hour(opened, [10, -4, 7, 0])
    assert [slot for slot in hours if slot.trades] == [(0, 1, 1, 10), (23, 3, 1, 3)]
    assert len(hours) == 24
    days = trade_figures.by_weekday(opened, [10, -4, 7, 0])
    assert days == [(0, 2, 1, 6), (1, 0, 0, 0), (2, 1, 0, 0), (3, 0, 0, 0), (4, 0, 0, 0), (5, 0, 0, 0), (6, 1, 1, 7)]


def test_hours_and_weekdays_are_those_of_pandas() -> None:
    chance = random.Random(11)
    opened = [chance.randrange(ms(2018, 1, 1), ms(2026, 1, 1)) for _ in range(500)]
    nets = [chance.randrange(-50, 50) for _ in opened]
    moments = pd.to_datetime(pd.Series(opened), unit="ms", utc=True)
    for slots, keys in ((trade_figures.by_hour(opened, nets), moments.dt.hour),
                        (trade_figures.by_weekday(opened, nets), moments.dt.day_of_week)):  # fmt: skip
        grouped = pd.Series(nets).groupby(keys)
        assert {slot.slot: slot.net for slot in slots} == grouped.sum().to_dict()
        assert {slot.slot: slot.trades for slot in slots} == grouped.size().to_dict()


def test_a_distribution_counts_every_value_once_in_bins_of_one_width() -> None:
    found = trade_figures.distribution([0.0, 1.0, 1.9, 2.0, 10.0])
    assert found == ([0.0, 2.0, 4.0, 6.0, 8.0, 10.0], [3, 1, 0, 0, 1])
    assert trade_figures.distribution([]) == ([], [])
    assert sum(trade_figures.distribution([3.0] * 100).counts) == 100
    assert len(trade_figures.distribution([float(i) for i in range(10_000)]).counts) == 40


def test_one_day_in_twenty_falls_below_the_value_at_risk() -> None:
    # Of 21 days the second worst is the 5 % quantile; beyond it are the two worst.
    returns = [-0.1, -0.06, *([0.01] * 19)]
    assert tail_losses.value_at_risk(returns) == pytest.approx(-0.06)
    assert tail_losses.conditional_value_at_risk(returns) == pytest.approx(-0.08)
    # Of 20 days it lies 0.95 of the way from the worst to the second.
    assert tail_losses.value_at_risk(returns[:20]) == pytest.approx(-0.062)
    assert tail_losses.conditional_value_at_risk(returns[:20]) == pytest.approx(-0.1)


def test_value_at_risk_is_the_quantile_of_pandas() -> None:
    returns = [random.Random(seed).gauss(0.001, 0.03) for seed in range(257)]
    series = pd.Series(returns)
    assert tail_losses.value_at_risk(returns) == pytest.approx(series.quantile(0.05))
    assert tail_losses.conditional_value_at_risk(returns) == pytest.approx(
        series[series <= series.quantile(0.05)].mean()
    )


def test_fewer_than_twenty_days_have_no_value_at_risk() -> None:
    assert tail_losses.value_at_risk([-0.1] * 19) is None
    assert tail_losses.conditional_value_at_risk([-0.1] * 19) is None


def test_a_rolling_ratio_begins_when_its_window_is_full() -> None:
    days = [("a", 0.01), ("b", 0.03), ("c", 0.01), ("d", 0.01)]
    # The mean of 1 % and 3 % is 2 %, the sample deviation the root of two percent points.
    root = 2**0.5 / 100
    *spread, flat = rolling(days, 2)
    assert [each.day for each in spread] == ["b", "c"]
    assert [each.sharpe for each in spread] == pytest.approx([0.02 / root * 365**0.5] * 2)
    assert [each.volatility_pct for each in spread] == pytest.approx([root * 100 * 365**0.5] * 2)
    assert flat == Rolling("d", None, 0.0)
    assert rolling(days, 5) == []


def test_rolling_ratios_are_those_of_pandas() -> None:
    returns = [random.Random(seed).gauss(0.001, 0.03) for seed in range(90)]
    found = rolling([(str(i), change) for i, change in enumerate(returns)], 30)
    windows = pd.Series(returns).rolling(30)
    expected = (windows.mean() / windows.std() * 365**0.5).dropna().tolist()
    assert [each.sharpe for each in found] == pytest.approx(expected)
    assert [each.volatility_pct for each in found] == pytest.approx((windows.std() * 365**0.5 * 100).dropna().tolist())


def test_months_and_years_run_from_last_equity_to_last_equity() -> None:
    # The candle that closes at midnight of 1 February belongs to January.
    times = np.array([ms(2017, 12, 31, 12), ms(2018, 1, 15), ms(2018, 2, 1), ms(2018, 2, 1, 0, 1), ms(2018, 4, 2)])
    equity = np.array([110.0, 90.0, 121.0, 60.0, 60.5])
    months = performance.period_returns(times, equity, 100.0, "M")
    assert [name for name, _ in months] == ["2017-12", "2018-01", "2018-02", "2018-04"]
    assert [change for _, change in months] == pytest.approx([0.1, 0.1, 60 / 121 - 1, 60.5 / 60 - 1])
    years = performance.period_returns(times, equity, 100.0, "Y")
    assert dict(years) == pytest.approx({"2017": 0.1, "2018": -0.45})


def test_returns_of_days_and_months_are_those_of_pandas() -> None:
    chance = np.random.default_rng(3)
    times = ms(2018, 1, 1) + np.cumsum(chance.integers(1, 40, 3_000)) * 3_600_000
    equity = np.asarray(1000 * np.cumprod(1 + chance.normal(0.0, 0.004, len(times))))
    # A step belongs to the period that its candle lies in.
    series = pd.Series(equity, index=pd.to_datetime(times - 1, unit="ms", utc=True))
    rules: dict[performance.Unit, str] = {"D": "D", "M": "MS", "Y": "YS"}
    for unit, rule in rules.items():
        ends = pd.concat([pd.Series([1000.0]), series.resample(rule).last().dropna()])
        ours = performance.period_returns(times, equity, 1000.0, unit)
        assert [change for _, change in ours] == pytest.approx(ends.pct_change().dropna().tolist())


def test_the_worst_drawdowns_come_deepest_first_and_do_not_overlap() -> None:
    equity = np.array([100, 90, 95, 100, 99, 120, 60, 119, 121, 110.0])
    worst = performance.worst_drawdowns(equity, 3)
    assert [each.pct for each in worst] == pytest.approx([50.0, 10.0, 100 * 11 / 121])
    assert [(each.peak, each.trough, each.end) for each in worst] == [(5, 6, 8), (0, 1, 3), (8, 9, None)]
    assert len(performance.worst_drawdowns(equity, 9)) == 4
    assert performance.worst_drawdowns(np.array([100.0, 100.0, 101.0]), 5) == []


def test_drawdowns_are_those_that_pandas_finds() -> None:
    equity = np.cumsum(np.random.default_rng(8).normal(0.02, 1.0, 2_000)) + 200
    series = pd.Series(equity)
    fallen = (series.cummax() - series) / series.cummax() * 100
    episodes = fallen.groupby((fallen == 0).cumsum()).max()
    assert [each.pct for each in performance.worst_drawdowns(equity, 5)] == pytest.approx(
        episodes.sort_values(ascending=False).head(5).tolist()
    )
    for each in performance.worst_drawdowns(equity, 5):
        end = len(equity) if each.end is None else each.end
        assert equity[each.trough] == equity[each.peak : end].min()
        assert equity[each.peak + 1 : end].max() < equity[each.peak]


@pytest.mark.parametrize(("days", "known"), [(29.99, False), (30, True)])
def test_growth_a_year_is_told_from_thirty_days_on(days: float, known: bool) -> None:
    found = performance.cagr_pct(np.array([100.0, 101.0]), np.array([0, int(days * DAY)]))
    assert (found is not None) == known
    if known:
        assert found == pytest.approx((1.01 ** (365 / 30) - 1) * 100)
