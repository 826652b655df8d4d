"""A backtest of the bundled real candles, and what its report says."""

from __future__ import annotations

import io
import json
from collections import Counter
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from cbbot.contract.settings import load
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.errors import BadInput
from cbbot.kernel.batch import columns
from cbbot.research import backtest_run
from cbbot.research.backtest import Span
from cbbot.research.backtest import run as run_span
from cbbot.research.backtest_run import BacktestOptions, backtest
from cbbot.trader.rules import build_rules

SAMPLE = Path(str(files("cbbot_bridge.simulator") / "sample" / "BTC-USD-1m-6000.csv"))
DEMO = {
    "FEE_RATE_PCT": "0.05", "TAKE_PROFIT_PCT": "0.15", "SCALP_TP_MIN_PCT": "0.15", "STOP_LOSS_PCT": "2",
    "PYRAMID_MIN_ADVERSE_PCT": "0.1", "PYRAMID_DECAY_MIN_PCT": "0.05", "BUY_THRESHOLD": "0.5",
    "RISK_PER_TRADE_PCT": "5", "ALLOW_PYRAMIDING": "true", "WALK_FORWARD_MIN": "5",
}  # fmt: skip


def run(keys: dict[str, str], capsys: pytest.CaptureFixture[str], **options: Any) -> tuple[dict[str, Any], str]:
    said = io.StringIO()
    document = backtest(load(keys), BacktestOptions(csv=options.pop("csv", SAMPLE), **options), said)
    return document, said.getvalue() + capsys.readouterr().out


def test_the_demo_settings_close_thirty_two_lots_on_the_bundled_candles(capsys: pytest.CaptureFixture[str]) -> None:
    document, said = run(DEMO, capsys)
    assert (document["candles"], document["train"], document["evaluated"]) == (6000, 4200, 1750)
    assert Counter(trade["exit_reason"] for trade in document["trades"]) == {"take_profit": 31, "stop_loss": 1}
    assert document["summary"]["equity_end"] == "1000.7816625959"
    assert "19 gaps" in said
    assert "Steps on closes" in said


def test_equity_is_the_start_and_every_net_profit_to_the_last_digit(capsys: pytest.CaptureFixture[str]) -> None:
    document, _ = run(DEMO, capsys)
    summary = document["summary"]
    nets = [Decimal(trade["net_pnl"]) for trade in document["trades"]]
    assert Decimal(summary["equity_end"]) == Decimal(summary["equity_start"]) + sum(nets)
    open_profit = sum(Decimal(lot["unrealized_pnl"]) for lot in document["open_lots"])
    assert Decimal(summary["equity_end_mtm"]) == Decimal(summary["equity_end"]) + open_profit
    for trade in document["trades"]:
        parts = [Decimal(trade[name]) for name in ("proceeds", "cost", "entry_fee", "exit_fee")]
        assert Decimal(trade["net_pnl"]) == parts[0] - parts[1] - parts[2] - parts[3]
        assert parts[1] == Decimal(trade["open_price"]) * Decimal(trade["base_size"])
    fees = sum(Decimal(t["entry_fee"]) + Decimal(t["exit_fee"]) for t in document["trades"])
    assert Decimal(summary["fees_usd"]) == fees + sum(Decimal(lot["entry_fee"]) for lot in document["open_lots"])
    assert (summary["wins"], summary["losses"]) == (sum(n > 0 for n in nets), sum(n <= 0 for n in nets))


def test_without_trades_what_is_undefined_is_null_and_not_zero(capsys: pytest.CaptureFixture[str]) -> None:
    document, _ = run({"BUY_THRESHOLD": "1"}, capsys)
    summary = document["summary"]
    assert document["trades"] == []
    assert {summary[key] for key in ("profit_factor", "win_rate_pct", "expectancy_usd", "calmar", "sharpe")} == {None}
    assert summary["equity_end"] == "1000.0000000000"


def test_the_json_is_the_document_and_says_every_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "result.json"
    document, _ = run(DEMO, capsys, json=path)
    assert json.loads(path.read_text()) == document
    assert document["settings"]["TAKE_PROFIT_PCT"] == "0.15"
    assert document["settings"]["MAX_CONCURRENT_LOTS"] == "20"
    assert list(tmp_path.iterdir()) == [path]


def test_live_settings_are_forced_onto_paper_and_unwise_ones_are_warned_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document, said = run({**DEMO, "DRY_RUN": "false", "FEE_RATE_PCT": "0.75"}, capsys)
    assert document["settings"]["DRY_RUN"] == "true"
    assert "TAKE_PROFIT_PCT=0.15 does not cover the fees" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"train_fraction": "1"}, "between 0 and 1"),
        ({"train_fraction": "most"}, "--train-fraction"),
        ({"warmup": -1}, "--warmup"),
        ({"warmup": 6000}, "too few"),
        ({"price_increment": "0"}, "--price-increment=0 is not accepted"),
        ({"csv": Path("nowhere.csv")}, "no such file"),
        ({"json": Path("no/such/folder/out.json")}, "cannot be written"),
    ],
)
def test_bad_options_are_named_and_nothing_is_written(
    options: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadInput, match=said):
        run(DEMO, capsys, **options)


def test_one_row_is_too_few() -> None:
    with pytest.raises(BadInput, match="1 candles are too few"):
        Span.of(1, Decimal("0.7"), 50)


def test_the_training_share_is_exact() -> None:
    assert Span.of(10, Decimal("0.7"), 0) == Span(10, 7, 7)


@pytest.mark.parametrize(
    ("sleep", "served", "said"),
    [
        ("100", True, "makes this take 175 s at least"),
        ("2", True, ""),
        ("0", True, ""),
        ("2", False, "BACKTEST_SLEEP_MS=2 is ignored: it counts with --serve alone"),
        ("0", False, ""),
    ],
)
def test_a_pace_that_was_meant_for_watching_is_pointed_out(sleep: str, served: bool, said: str) -> None:
    stream = io.StringIO()
    backtest_run.say_pace(stream, load({"BACKTEST_SLEEP_MS": sleep}), Span(6000, 4200, 4250), served=served)
    assert said in stream.getvalue()
    assert bool(said) == bool(stream.getvalue())


def test_without_being_served_a_backtest_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def slept(_: float) -> None:
        raise AssertionError("it waits for nobody")

    monkeypatch.setattr("cbbot.research.backtest_run.time.sleep", slept)
    backtest_run.backtest(load({"BACKTEST_SLEEP_MS": "100"}), BacktestOptions(csv=SAMPLE), io.StringIO())


def test_a_fit_that_was_impossible_is_not_counted() -> None:
    candles = columns([Candle(60 * i, 10_000, 10_000, 10_000, 10_000, 1) for i in range(60)])
    rules = build_rules(load({"WALK_FORWARD_MIN": "1"}), BTC_USD)
    # RSI begins at row 14 and the z-score at row 19: 15 candles make no row, 21 make the first that has a label.
    assert run_span(rules, candles, Span(60, 15, 50)).fits == 10
    assert run_span(rules, candles, Span(60, 21, 50)).fits == 11
