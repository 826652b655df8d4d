"""What a run was like, against the same worked out from its trades and candles with pandas."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cbbot.domain.timestamps import rfc3339
from cbbot.kernel.codes import EXIT_STOP_LOSS, EXIT_TAKE_PROFIT, SELL
from cbbot.research.backtest import FillModel
from cbbot.research.backtest_report import as_document, marked_equity
from cbbot.research.excursions import excursions
from cbbot.research.exposure import exposure_pct, held_base
from cbbot.research.run_analysis import equity_columns


def test_a_trade_returns_its_net_profit_in_percent_of_its_cost(demo: Any) -> None:
    for row in demo.document["trades"]:
        assert row["return_pct"] == pytest.approx(float(Decimal(row["net_pnl"]) / Decimal(row["cost"]) * 100))


def test_excursions_are_the_extremes_of_the_closes_while_a_lot_was_held(demo: Any) -> None:
    closes = pd.Series(demo.result.closes, index=demo.result.times)
    assert any(row["mae_pct"] > 0.5 for row in demo.document["trades"])
    for row, closed in zip(demo.document["trades"], demo.result.tally.closed, strict=True):
        seen = closes.loc[closed.lot.opened_ms + 1 : closed.closed_ms]
        opened = closed.lot.open_ticks
        assert row["mae_pct"] == pytest.approx(max(0.0, (1 - seen.min() / opened) * 100))
        assert row["mfe_pct"] == pytest.approx(max(0.0, (seen.max() / opened - 1) * 100))


def with_one_lot(demo: Any, candles: list[tuple[int, int, int, int]], reason: int, **lot: Any) -> Any:
    """The run with one lot over these candles (open, high, low, close), entered at the first, left in the last."""
    first, count = demo.span.first, len(candles)
    columns = [column.copy() for column in demo.candles]
    for place, prices in enumerate(zip(*candles, strict=True), start=1):
        columns[place][first : first + count] = prices
    times = demo.result.times
    model = demo.result.tally.closed[0]
    closed = model._replace(
        lot=model.lot._replace(opened_ms=int(times[0]), open_ticks=candles[0][3], **lot),
        closed_ms=int(times[count - 1]), close_ticks=candles[-1][3], reason=reason,
    )  # fmt: skip
    tally = demo.result.tally._replace(closed=[closed])
    return replace(demo.result, tally=tally), type(demo.candles)(*columns)


def only_excursion(result: Any, candles: Any, fill_model: FillModel) -> tuple[float, float]:
    """How far the price went against the one closed lot, and for it."""
    (found,) = excursions(result, candles, fill_model)
    return found.adverse_pct, found.favourable_pct


def test_inside_the_candles_the_extremes_count(demo: Any) -> None:
    path = [(10_000, 12_000, 8_000, 10_000), (10_000, 10_300, 9_500, 10_100), (10_050, 10_900, 9_000, 9_800)]
    result, candles = with_one_lot(demo, path, EXIT_STOP_LOSS, stop=98.0, take=200.0)
    assert only_excursion(result, candles, "close") == pytest.approx((2.0, 1.0))
    # Of the last candle only the open and the exit: the stop was met before the low.
    assert only_excursion(result, candles, "ohlc") == pytest.approx((5.0, 3.0))
    # A take is met after the low.
    taken, candles = with_one_lot(demo, path, EXIT_TAKE_PROFIT, stop=50.0, take=109.0)
    assert only_excursion(taken, candles, "ohlc") == pytest.approx((10.0, 3.0))
    # The open was beyond the take: the lot left there.
    gapped, candles = with_one_lot(demo, path, EXIT_TAKE_PROFIT, stop=50.0, take=100.2)
    assert only_excursion(gapped, candles, "ohlc") == pytest.approx((5.0, 3.0))


def test_a_lot_that_was_sold_mirrors_one_that_was_bought(demo: Any) -> None:
    path = [(10_000, 12_000, 8_000, 10_000), (10_000, 10_300, 9_500, 10_100), (9_950, 10_900, 9_000, 9_800)]
    result, candles = with_one_lot(demo, path, EXIT_TAKE_PROFIT, side=SELL, stop=150.0, take=98.0)
    assert only_excursion(result, candles, "close") == pytest.approx((1.0, 2.0))
    assert only_excursion(result, candles, "ohlc") == pytest.approx((9.0, 5.0))


def test_what_is_held_comes_with_entries_and_goes_with_exits(demo: Any) -> None:
    held = held_base(demo.result)
    lots = [*(closed.lot for closed in demo.result.tally.closed), *demo.result.portfolio.lots]
    gone = {closed.lot.id: closed.closed_ms for closed in demo.result.tally.closed}
    for at in range(0, len(held), 97):
        now = int(demo.result.times[at])
        assert held[at] == sum(lot.base for lot in lots if lot.opened_ms <= now < gone.get(lot.id, now + 1))
    assert ((held > 0) == (np.asarray(demo.result.tally.lots) > 0)).all()
    exposed = exposure_pct(demo.result, marked_equity(demo.result))
    most = max(demo.result.tally.lots)
    # 5 % of equity a lot, scaled by volatility to at most twice that.
    assert 0 < exposed.max() < most * 10.5


def test_equity_of_every_step_is_told_to_the_last_digit(demo: Any) -> None:
    curve = equity_columns(demo.result, marked_equity(demo.result))
    assert curve["at"] == [rfc3339(int(moment)) for moment in demo.result.times]
    unit = demo.result.instrument.ledger_increment
    assert [Decimal(text) for text in curve["equity_usd"]] == [amount * unit for amount in demo.result.tally.marked]
    assert curve["open_lots"] == list(demo.result.tally.lots)
    assert max(curve["drawdown_pct"]) == pytest.approx(demo.document["summary"]["max_drawdown_pct"])
    assert curve["equity_usd"][-1] == demo.document["summary"]["equity_end_mtm"]


def test_the_months_amount_to_the_whole_return(demo: Any) -> None:
    grown = np.prod([1 + month["return_pct"] / 100 for month in demo.document["monthly_returns"]])
    assert (grown - 1) * 100 == pytest.approx(demo.document["summary"]["total_return_pct"])
    assert [month["period"] for month in demo.document["monthly_returns"]] == ["2025-09"]
    assert [year["period"] for year in demo.document["yearly_returns"]] == ["2025"]


def test_the_worst_drawdown_is_the_summarys(demo: Any) -> None:
    summary, worst = demo.document["summary"], demo.document["drawdowns"]
    assert worst[0] == {
        "drawdown_pct": summary["max_drawdown_pct"],
        "peak_at": summary["max_drawdown_peak_at"],
        "trough_at": summary["max_drawdown_trough_at"],
        "recovered_at": summary["max_drawdown_recovered_at"],
        "seconds": summary["max_drawdown_seconds"],
    }
    depths = [each["drawdown_pct"] for each in worst]
    assert len(depths) == 5
    assert depths == sorted(depths, reverse=True)


def test_hours_weekdays_and_the_distribution_count_every_trade(demo: Any) -> None:
    trades = demo.document["trades"]
    net = sum(Decimal(row["net_pnl"]) for row in trades)
    for slots in (demo.document["by_hour"], demo.document["by_weekday"]):
        assert sum(slot["trades"] for slot in slots) == len(trades)
        assert sum(Decimal(slot["net_pnl_usd"]) for slot in slots) == net
    assert sum(demo.document["net_pnl_distribution"]["trades"]) == len(trades)
    assert [slot["slot"] for slot in demo.document["by_weekday"]][0::6] == ["Monday", "Sunday"]


def test_a_figure_that_is_null_has_its_reason(demo: Any) -> None:
    summary, reasons = demo.document["summary"], demo.document["undefined"]
    assert set(reasons) == {key for key, value in summary.items() if value is None}
    assert reasons["cagr_pct"] == reasons["calmar"] == "the run is 1.2 days long; it takes 30"
    assert reasons["value_at_risk_95_pct"] == "2 daily returns; it takes 20"


def test_a_run_without_a_trade_says_so_of_every_figure_of_trades(demo: Any) -> None:
    account = demo.result.portfolio.account
    steps = len(demo.result.times)
    empty = replace(
        demo.result,
        tally=demo.result.tally._replace(closed=[], marked=[account.start_equity] * steps, lots=[0] * steps),
        portfolio=demo.result.portfolio._replace(lots=[], account=account._replace(fee_sum=0, cost_sum=0)),
    )
    document = as_document(empty)
    assert set(document["undefined"]) == {key for key, value in document["summary"].items() if value is None}
    assert document["undefined"]["sqn"] == document["undefined"]["profit_factor"] == "no lot was closed"
    assert document["undefined"]["max_drawdown_seconds"] == "equity never fell below a high"
    assert document["drawdowns"] == []
    assert document["net_pnl_distribution"] == {"edges_usd": [], "trades": []}
    assert set(equity_columns(empty, marked_equity(empty))["exposure_pct"]) == {0.0}


def test_the_document_names_the_version_and_what_was_warned_of(demo: Any) -> None:
    from cbbot import __version__  # noqa: PLC0415  only this test compares it

    document = as_document(demo.result, warnings=["a take below the fees"])
    assert (document["version"], document["warnings"]) == (__version__, ["a take below the fees"])
