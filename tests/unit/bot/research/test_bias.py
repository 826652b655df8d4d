"""The checks for bias find what they are there to find: every leak here is put in on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cbbot.contract.settings import load
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel import batch
from cbbot.kernel.batch import Columns, Readings
from cbbot.kernel.model import Fit
from cbbot.research import backtest, decisions, lookahead
from cbbot.research.backtest import Span
from cbbot.research.decisions import fit_rows, truncated
from cbbot.research.lookahead import Lookahead, check_lookahead, lookahead_steps
from cbbot.research.warmup import StartUp, WarmUp, check_warmup, warmup_lengths
from cbbot.trader.rules import Rules, build_rules

DEMO = {
    "FEE_RATE_PCT": "0.05", "TAKE_PROFIT_PCT": "0.15", "STOP_LOSS_PCT": "0.5", "PYRAMID_MIN_ADVERSE_PCT": "0.1",
    "PYRAMID_DECAY_MIN_PCT": "0.05", "BUY_THRESHOLD": "0.5", "ALLOW_PYRAMIDING": "true",
}  # fmt: skip


@pytest.fixture(scope="module")
def candles(demo: Any) -> Columns:
    return truncated(demo.candles, 3000, 4400)


SPAN = Span(1400, 900, 950)


def rules_with(**more: str) -> Rules:
    return build_rules(load(DEMO | more), BTC_USD)


def looked(rules: Rules, candles: Columns, span: Span = SPAN) -> Lookahead:
    done: list[int] = []
    found = check_lookahead(rules, candles, span, "close", done.append)
    assert done == sorted(set(done))
    if found.difference is None:
        assert done[-1] == lookahead_steps(span)
    return found


@pytest.mark.parametrize("more", [{}, {"WALK_FORWARD_MIN": "7"}, {"MODEL_MODE": "extended", "WALK_FORWARD_MIN": "30"}])
def test_nothing_is_found_where_nothing_looks_ahead(candles: Columns, more: dict[str, str]) -> None:
    found = looked(rules_with(**more), candles)
    assert (found.difference, found.points, found.cuts) == (None, 450, 5)
    assert 300 < found.decisions <= 450


def leaking(monkeypatch: pytest.MonkeyPatch, leak: Callable[[Readings], Readings]) -> None:
    """Puts a leak where the backtest and the check both take their indicators from."""

    def leaky(candles: Columns, ma_fast: int, ma_slow: int, extended: bool) -> Readings:
        return leak(batch.readings(candles, ma_fast, ma_slow, extended))

    for module in _takers("readings"):
        monkeypatch.setattr(module, "readings", leaky)


def _takers(name: str) -> list[Any]:
    import sys  # noqa: PLC0415  whichever of our modules took the name, wherever it moves

    original = getattr(batch, name)
    return [
        module
        for key, module in list(sys.modules.items())
        if key.startswith("cbbot.research") and getattr(module, name, None) is original
    ]


def shifted(column: Any) -> Any:
    return np.append(column[1:], column[-1])


def centred(column: Any) -> Any:
    padded = np.concatenate((column[:2], column, column[-2:]))
    return np.mean([padded[k : k + len(column)] for k in range(5)], axis=0)


@pytest.mark.parametrize("name", ["ret1", "rsi", "z", "fast", "slow", "std_ratio"])
@pytest.mark.parametrize("leak", [shifted, centred])
def test_an_indicator_that_sees_the_next_candle_is_found_and_named(
    candles: Columns, monkeypatch: pytest.MonkeyPatch, name: str, leak: Callable[[Any], Any]
) -> None:
    leaking(monkeypatch, lambda found: found._replace(**{name: leak(getattr(found, name))}))
    said = looked(rules_with(), candles).difference
    assert said is not None
    assert f"{name} is" in said
    assert said.startswith("at 2025-")
    assert "candle 951" in said


def test_an_average_over_the_whole_file_is_found(candles: Columns, monkeypatch: pytest.MonkeyPatch) -> None:
    leaking(monkeypatch, lambda found: found._replace(z=found.z / np.nanstd(found.z)))
    assert "z is" in str(looked(rules_with(), candles).difference)


def test_a_leak_into_earlier_rows_alone_shows_in_the_model(candles: Columns, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every candle's own indicators are sound; those that the model learns from know how the file ends."""

    def learnt(found: Readings) -> Readings:
        z = found.z.copy()
        z[100:200] += len(z)
        return found._replace(z=z)

    leaking(monkeypatch, learnt)
    said = str(looked(rules_with(), candles).difference)
    assert "the model's weights is " in said or "the model's mean is " in said
    assert len(said) < 200


def test_two_models_differ_in_a_part_that_is_named() -> None:
    one = Fit((1.0, 2.0), 0.5, (0.0, 0.0), (1.0, 1.0), 9)
    assert lookahead.unlike_fits(one, one._replace(weights=(1.0, 2.5))) == (
        "weights is 2.0 from the candles up to there and 2.5"
    )
    assert lookahead.unlike_fits(one, None) == "rows are 9 up to there and none"


def test_a_model_that_is_fitted_on_later_candles_is_found(candles: Columns, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run alone leaks: what it decides is not what the candles up to there say."""
    original = backtest.run

    def leaky(rules: Rules, given: Columns, span: Span, *rest: Any) -> Any:
        return original(rules, given, Span(span.total, min(span.total - 50, span.train + 200), span.first), *rest)

    monkeypatch.setattr(backtest, "run", leaky)
    assert "the run decided" in str(looked(rules_with(BUY_THRESHOLD="0.48", USE_MA_FILTER="false"), candles).difference)


def test_a_run_that_trades_on_what_it_does_not_know_yet_is_found(
    candles: Columns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every decision is sound; only the fills come from the end of the file."""
    original = backtest.run

    def leaky(rules: Rules, given: Columns, *rest: Any) -> Any:
        closes = given.close.copy()
        result = original(rules, given, *rest)
        result.tally.marked[0] += int(closes[-1])
        return result

    monkeypatch.setattr(backtest, "run", leaky)
    found = looked(rules_with(), candles)
    assert found.points == 450
    assert "equity or lots are not those of the whole run" in str(found.difference)
    assert "with 1,0" in str(found.difference)


def test_runs_that_end_early_are_compared_trade_by_trade(candles: Columns) -> None:
    rules = rules_with()
    whole = lookahead.ObservedRun(rules, candles, SPAN, "close")
    early = lookahead.ObservedRun(rules, truncated(candles, 0, 1300), Span(1300, 900, 950), "close")
    assert len(early.result.tally.closed) > 3
    assert list(lookahead.unlike_runs(early, whole)) == []
    early.result.tally.closed[2] = early.result.tally.closed[2]._replace(net_pnl=1)
    assert "is not the whole run's lot" in next(lookahead.unlike_runs(early, whole))
    del early.result.tally.closed[2:]
    assert "closed 2 lots where the whole run" in next(lookahead.unlike_runs(early, whole))


def test_a_large_file_is_sampled_and_the_number_is_said() -> None:
    span = Span(520_499, 364_349, 364_399)
    assert lookahead_steps(span) == 25 + 5
    assert "25 of 156,100 steps" in Lookahead(156_100, 25, 25, 5, None).text()
    assert "DIFFERENCE at noon" in Lookahead(1, 1, 1, 0, "at noon").text()


@pytest.mark.parametrize("minutes", ["1", "7", "7.5", "600", "100000"])
def test_the_schedule_of_fits_is_the_runs(candles: Columns, minutes: str) -> None:
    rules = rules_with(WALK_FORWARD_MIN=minutes)
    assert len(fit_rows(rules, candles, SPAN)) == backtest.run(rules, candles, SPAN).fits


def test_four_hundred_candles_of_history_are_enough(demo: Any) -> None:
    rules = rules_with(MODEL_MODE="extended")
    found = check_warmup(rules, demo.candles, demo.span, lambda _: None)
    by_length = {each.candles: each for each in found.start_ups}
    assert list(by_length) == warmup_lengths(rules, demo.span)
    assert max(by_length[400].differences.values()) < 1e-9
    assert by_length[400].otherwise == 0
    short = by_length[60].differences
    assert {name for name, most in short.items() if most} == {"rsi", "atr_ratio", "macd_ratio"}
    assert short["rsi"] > 1e-4
    assert short["rsi"] > by_length[150].differences["rsi"] > by_length[400].differences["rsi"]
    assert by_length[60].otherwise_fitted > 0
    assert (found.enough() or 9999) <= 400


def test_with_its_whole_window_of_history_a_fitted_model_decides_alike(demo: Any) -> None:
    rules = rules_with(MAX_HISTORY_CANDLES="1000", WALK_FORWARD_MIN="60")
    found = check_warmup(rules, demo.candles, demo.span, lambda _: None)
    assert 1450 in warmup_lengths(rules, demo.span)
    assert (found.enough(fitted=True) or 9999) <= 1450
    by_length = {each.candles: each for each in found.start_ups}
    assert by_length[1450].otherwise_fitted == 0 < by_length[400].otherwise_fitted


def test_the_shortest_start_up_counts_only_if_every_longer_one_agrees() -> None:
    def start_up(candles: int, otherwise: int) -> StartUp:
        return StartUp(candles, {"rsi": 0.5, "z": 0.0}, otherwise, otherwise)

    found = WarmUp(10, (start_up(60, 0), start_up(80, 1), start_up(100, 0), start_up(150, 0)))
    assert found.enough() == 100
    assert WarmUp(10, (start_up(60, 3),)).enough() is None
    text = found.text()
    assert "exactly the same whatever the start-up: z" in text
    assert "decisions agree from 100 candles" in text
    assert found.as_json()["agree_from"] == 100
    assert "too little history" in WarmUp(10, ()).text()


def test_the_check_decides_as_the_run_does(candles: Columns) -> None:
    """A wrong second way to the decisions would make the check find leaks that are none, or miss some."""
    rules = rules_with(WALK_FORWARD_MIN="9", SELL_THRESHOLD="0.52")
    whole = lookahead.ObservedRun(rules, candles, SPAN, "close")
    given = decisions.inputs(rules, candles)
    fits = decisions.Fits(rules, given, fit_rows(rules, candles, SPAN))
    made = [
        (decisions.decided(rules, given, fits.at(row), row).signal, whole.signals[row - SPAN.first])
        for row in range(SPAN.first, SPAN.total)
    ]
    assert {signal for signal, _ in made} == {-1, 0, 1}
    assert [pair for pair in made if pair[1] != lookahead.NO_DECISION and pair[0] != pair[1]] == []
