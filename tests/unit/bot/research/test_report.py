"""The document of a run, and the table that is printed of it."""

from __future__ import annotations

import itertools
import json
import math
import statistics
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from cbbot.domain.instrument import BTC_USD
from cbbot.research.backtest_report import as_document, summary
from cbbot.research.result_tables import amounts, report_text, shown
from cbbot.views.json_rows import lot_row, trade_row

SUMMARY = [
    "equity_start", "equity_end", "equity_end_mtm", "wins", "losses", "total_return_pct", "max_drawdown_pct", "sharpe",
    "sortino", "calmar", "profit_factor", "win_rate_pct", "expectancy_usd", "exposure_pct", "fees_usd",
    "buy_and_hold_return_pct", "cagr_pct",
]  # fmt: skip


def test_every_key_of_the_specification_is_there(demo: Any) -> None:
    document = demo.document
    keys = ["schema", "product_id", "candles", "train", "evaluated", "settings", "decisions", "denials", "trades"]
    assert {*keys, "open_lots", "summary"} <= set(document)
    assert list(document["summary"])[: len(SUMMARY)] == SUMMARY
    assert list(document["trades"][0]) == [
        "lot", "role", "closed_as", "side", "opened_at", "open_price", "base_size", "cost", "entry_fee", "closed_at",
        "close_price", "proceeds", "exit_fee", "net_pnl", "exit_reason", "return_pct", "mae_pct", "mfe_pct",
    ]  # fmt: skip
    assert list(document["open_lots"][0]) == [
        "lot", "role", "side", "opened_at", "open_price", "base_size", "cost", "entry_fee", "stop_price", "take_price",
        "unrealized_pnl",
    ]  # fmt: skip
    assert document["fill_model"] == "close"
    json.dumps(document, allow_nan=False)


def test_rows_are_those_that_the_bot_answers_over_http(demo: Any) -> None:
    closed = demo.result.tally.closed
    added = ("return_pct", "mae_pct", "mfe_pct")
    shared = [{key: value for key, value in row.items() if key not in added} for row in demo.document["trades"]]
    assert shared == [trade_row(demo.result.instrument, each).model_dump() for each in closed]
    lot = demo.result.portfolio.lots[0]
    shape = lot_row(demo.result.instrument, lot, int(demo.result.closes[-1])).model_dump()
    assert {key: shape[key] for key in demo.document["open_lots"][0] if key != "role"} == {
        key: value for key, value in demo.document["open_lots"][0].items() if key != "role"
    }


def test_the_added_figures_are_those_of_the_trades(demo: Any) -> None:
    summary, trades = demo.document["summary"], demo.document["trades"]
    nets = [Decimal(trade["net_pnl"]) for trade in trades]
    assert Decimal(summary["best_trade_usd"]) == max(nets)
    assert Decimal(summary["worst_trade_usd"]) == min(nets)
    wins = [net for net in nets if net > 0]
    assert abs(Decimal(summary["average_win_usd"]) - sum(wins, Decimal(0)) / len(wins)) < Decimal("1e-9")
    opened = sum(Decimal(lot["cost"]) for lot in demo.document["open_lots"])
    turnover = sum(Decimal(trade["cost"]) + Decimal(trade["proceeds"]) for trade in trades) + opened
    assert Decimal(summary["turnover_usd"]) == turnover
    assert summary["fees_turnover_pct"] == pytest.approx(float(Decimal(summary["fees_usd"]) / turnover * 100))
    held = [closed.closed_ms - closed.lot.opened_ms for closed in demo.result.tally.closed]
    assert summary["average_holding_seconds"] == pytest.approx(sum(held) / len(held) / 1000)


def test_a_trade_that_earned_nothing_is_a_loss(demo: Any) -> None:
    even = [demo.result.tally.closed[0]._replace(net_pnl=0)]
    figures = summary(replace(demo.result, tally=demo.result.tally._replace(closed=even)))
    assert (figures["wins"], figures["losses"], figures["win_rate_pct"], figures["profit_factor"]) == (0, 1, 0.0, None)


def test_a_mean_is_exact_however_large_the_amounts(demo: Any) -> None:
    last = demo.result.tally.closed[-1]
    nets = (2**62 + 1, 2**62 + 3)
    closed = [last._replace(net_pnl=net) for net in nets]
    rich = replace(demo.result, tally=demo.result.tally._replace(closed=closed))
    assert summary(rich)["expectancy_usd"] == BTC_USD.money_text(2**62 + 2)


def test_a_drawdown_says_when_it_began_how_long_it_took_and_whether_it_ended(demo: Any) -> None:
    summary = demo.document["summary"]
    marked = [demo.result.portfolio.account.start_equity, *demo.result.tally.marked]
    times = [int(demo.result.times[0]), *demo.result.times.tolist()]
    trough = max(range(len(marked)), key=lambda i: 1 - marked[i] / max(marked[: i + 1]))
    high = max(marked[: trough + 1])
    peak = max(i for i in range(trough) if marked[i] == high)
    back = next((i for i in range(trough, len(marked)) if marked[i] >= high), None)
    assert summary["max_drawdown_recovered"] == (back is not None)
    assert summary["max_drawdown_seconds"] == (times[-1 if back is None else back] - times[peak]) // 1000
    assert summary["longest_drawdown_seconds"] >= summary["max_drawdown_seconds"]


def test_sharpe_and_sortino_begin_with_the_starting_equity(demo: Any) -> None:
    at_end_of_day: dict[int, int] = {}
    for closed_ms, marked in zip(demo.result.times.tolist(), demo.result.tally.marked, strict=True):
        at_end_of_day[(closed_ms - 1) // 86_400_000] = marked
    closes = [demo.result.portfolio.account.start_equity, *at_end_of_day.values()]
    returns = [after / before - 1 for before, after in itertools.pairwise(closes)]
    assert len(returns) == len(at_end_of_day) > 1
    assert math.prod(1 + each for each in returns) - 1 == pytest.approx(
        demo.document["summary"]["total_return_pct"] / 100
    )
    mean, year = statistics.fmean(returns), math.sqrt(365)
    downside = math.sqrt(statistics.fmean(each**2 for each in returns if each < 0))
    assert demo.document["summary"]["sharpe"] == pytest.approx(mean / statistics.stdev(returns) * year)
    assert demo.document["summary"]["sortino"] == pytest.approx(mean / downside * year)


def test_the_table_says_every_figure_in_at_most_eighty_columns(demo: Any) -> None:
    text = report_text(demo.document)
    assert max(map(len, text.splitlines())) <= 80
    assert "Steps on closes" in text
    wanted = [
        "return", "CAGR", "Sharpe", "Sortino", "Calmar", "largest drawdown", "its length", "its high was",
        "profit factor", "expectancy", "win rate", "average win", "average loss", "time in the market", "fees",
        "of the turnover", "buy and hold", "take_profit", "stop_loss", "runner", "scalp", "denied: adverse_gate",
        "best", "worst", "average holding", "SQN", "most losses in a row", "CVaR", "volatility a year", "best day",
        "No growth a year (CAGR), and so no Calmar: the run is 1.2 days long", "19 gaps", "still open",
        "4,200 to train on",
    ]  # fmt: skip
    assert [word for word in wanted if word not in text] == []


def test_a_run_without_trades_shows_dashes(demo: Any) -> None:
    summary = demo.document["summary"]
    empty = {key: None if key.endswith(("_usd", "_pct", "_at", "seconds")) else value for key, value in summary.items()}
    known = ("equity_start", "equity_end", "equity_end_mtm")
    document = demo.document | {
        "trades": [], "open_lots": [], "denials": {},
        "summary": empty | {key: summary[key] for key in known} | {"max_drawdown_recovered": None, "sharpe": None},
    }  # fmt: skip
    text = report_text(document)
    rows = {line[:22].strip(): line[22:38].strip() for line in text.splitlines() if line[37:38].strip()}
    assert rows["expectancy"] == rows["average win"] == rows["fees"] == "-"
    assert "closed by" not in text


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, "pct", "-"), (-0.286, "pct", "-0.29 %"), ("1234567.891", "usd", "1,234,567.89"), (2.0, "ratio", "2.00"),
        (0, "seconds", "0 s"), (59, "seconds", "59 s"), (3_600, "seconds", "1 h 0 min"), (90_061, "seconds", "1 d 1 h"),
    ],
)  # fmt: skip
def test_a_figure_as_a_person_reads_it(value: Any, kind: str, text: str) -> None:
    assert shown(value, kind) == text


def test_money_that_stands_together_has_as_many_decimals() -> None:
    assert amounts(["1.5", "-20", None]) == ["1.50", "-20.00", "-"]
    assert amounts(["0.0021", "-20"]) == ["0.0021", "-20.0000"]


def test_another_fill_model_is_named(demo: Any) -> None:
    document = as_document(demo.result, "ohlc")
    assert document["fill_model"] == "ohlc"
    assert "worse order" in report_text(document)
