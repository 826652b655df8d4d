"""What a run was like besides its summary: months, worst drawdowns, rolling ratios, trades by time, as JSON values."""

from __future__ import annotations

from typing import Any

import numpy as np

from cbbot.domain.timestamps import rfc3339
from cbbot.kernel.advance import Closed
from cbbot.research import performance, trade_figures
from cbbot.research.backtest import Result
from cbbot.research.exposure import exposure_pct
from cbbot.research.rolling_ratios import WINDOW_DAYS, rolling

__all__ = ["WEEKDAYS", "analysis", "equity_columns", "return_pct"]

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WORST = 5


def analysis(result: Result, marked: performance.Floats) -> dict[str, Any]:
    """``marked`` is the equity after each step, in ledger units; the starting equity comes before it."""
    start = float(result.portfolio.account.start_equity)
    equity, times = np.concatenate(([start], marked)), np.concatenate((result.times[:1], result.times))
    rolled = rolling(performance.period_returns(result.times, marked, start, "D"))
    closed = result.tally.closed
    opened, nets = [each.lot.opened_ms for each in closed], [each.net_pnl for each in closed]
    unit = float(result.instrument.ledger_increment)
    spread = trade_figures.distribution([net * unit for net in nets])
    return {
        "monthly_returns": _periods(result, marked, start, "M"),
        "yearly_returns": _periods(result, marked, start, "Y"),
        "drawdowns": [_drawdown(each, times) for each in performance.worst_drawdowns(equity, _WORST)],
        "rolling": {
            "window_days": WINDOW_DAYS,
            "day": [each.day for each in rolled],
            "sharpe": [each.sharpe for each in rolled],
            "volatility_pct": [each.volatility_pct for each in rolled],
        },
        "net_pnl_distribution": {"edges_usd": spread.edges, "trades": spread.counts},
        "by_hour": [_slot(result, each) for each in trade_figures.by_hour(opened, nets)],
        "by_weekday": [
            _slot(result, each) | {"slot": WEEKDAYS[each.slot]} for each in trade_figures.by_weekday(opened, nets)
        ],
    }


def _periods(result: Result, marked: performance.Floats, start: float, unit: performance.Unit) -> list[dict[str, Any]]:
    found = performance.period_returns(result.times, marked, start, unit)
    return [{"period": name, "return_pct": change * 100.0} for name, change in found]


def _drawdown(drawdown: performance.Drawdown, times: performance.Integers) -> dict[str, Any]:
    return {
        "drawdown_pct": drawdown.pct,
        "peak_at": rfc3339(int(times[drawdown.peak])),
        "trough_at": rfc3339(int(times[drawdown.trough])),
        "recovered_at": None if drawdown.end is None else rfc3339(int(times[drawdown.end])),
        "seconds": drawdown.lasted_ms(times) // 1000,
    }


def _slot(result: Result, slot: trade_figures.Slot) -> dict[str, Any]:
    return {
        "slot": slot.slot,
        "trades": slot.trades,
        "wins": slot.wins,
        "net_pnl_usd": result.instrument.money_text(slot.net),
    }


def return_pct(closed: Closed) -> float:
    """Net profit in percent of what the lot was bought or sold for, its entry fee apart."""
    return 100.0 * closed.net_pnl / closed.lot.cost


def equity_columns(result: Result, marked: performance.Floats) -> dict[str, list[Any]]:
    """A value for each step: time, marked equity to the last digit, drawdown, open lots, exposure."""
    start = float(result.portfolio.account.start_equity)
    money = result.instrument.money_text
    exposed = exposure_pct(result, marked)
    steps = len(result.times)
    return {
        "at": _moments(result.times),
        "equity_usd": [money(int(value)) for value in result.tally.marked[-steps:]],
        "drawdown_pct": performance.drawdown_pct(np.concatenate(([start], marked)))[1:].tolist(),
        "open_lots": [int(value) for value in result.tally.lots[-steps:]],
        "exposure_pct": [None if np.isnan(value) else value for value in exposed.tolist()],
    }


def _moments(times: performance.Integers) -> list[str]:
    """As :func:`rfc3339`, for many at once; candles close on whole seconds."""
    moments: list[str] = np.datetime_as_string((times // 1000).astype("datetime64[s]"), timezone="UTC").tolist()
    return moments
