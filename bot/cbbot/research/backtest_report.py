"""What a backtest amounts to: the figures a trader asks for, and the JSON that scripts read.

Undefined figures (no trades, fewer than two daily returns) are None, never 0. Keys keep their
meaning for good; ``docs/backtest.md`` lists them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from cbbot import __version__
from cbbot.contract.settings import as_text
from cbbot.domain.decimals import plain
from cbbot.domain.timestamps import rfc3339
from cbbot.kernel import account
from cbbot.kernel.codes import ALLOWED, DENIALS, DENY_FLAT
from cbbot.kernel.lot import Lot
from cbbot.kernel.params import DAY_MS
from cbbot.research import performance, tail_losses, trade_figures
from cbbot.research.backtest import FillModel, Result
from cbbot.research.candles import CandleFile
from cbbot.research.excursions import excursions
from cbbot.research.run_analysis import analysis, return_pct
from cbbot.research.undefined_figures import undefined
from cbbot.views.fields import lot_fields, trade_fields

__all__ = ["as_document", "marked_equity", "summary"]

SCHEMA = 1


def as_document(
    result: Result, fill_model: FillModel = "close", file: CandleFile | None = None, warnings: Sequence[str] = ()
) -> dict[str, Any]:
    """The result as JSON values; money as decimal text. ``warnings`` are what was told of settings and file."""
    tally = result.tally
    denials = {
        DENIALS[code]: int(count)
        for code, count in enumerate(tally.denials)
        if count and code not in (ALLOWED, DENY_FLAT)
    }
    marked, figures = marked_equity(result), summary(result)
    returns = performance.daily_returns(result.times, marked, float(result.portfolio.account.start_equity))
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "version": __version__,
        "warnings": list(warnings),
        "product_id": result.instrument.product_id,
        "candles": result.span.total,
        "train": result.span.train,
        "evaluated": result.span.total - result.span.first,
        "fill_model": fill_model,
        "period": {"first": rfc3339(int(result.times[0])), "last": rfc3339(int(result.times[-1]))},
        "settings": as_text(result.rules.settings),
        "decisions": {"buy": int(tally.signals[2]), "sell": int(tally.signals[0]), "flat": int(tally.signals[1])},
        "denials": denials,
        "fits": result.fits,
        "trades": [
            trade_fields(result.instrument, closed) | {"return_pct": return_pct(closed)} for closed in tally.closed
        ],
        "open_lots": [_open_row(result, lot) for lot in result.portfolio.lots],
        "summary": figures,
        "undefined": undefined(figures, float(result.times[-1] - result.times[0]) / DAY_MS, len(returns)),
        **analysis(result, marked),
    }
    if file is not None:
        for row, each in zip(document["trades"], excursions(result, file.columns, fill_model), strict=True):
            row |= {"mae_pct": each.adverse_pct, "mfe_pct": each.favourable_pct}
        document["file"] = {"gaps": file.gaps, "duplicates": file.duplicates, "bad_rows": file.bad_rows}
    return document


def _open_row(result: Result, lot: Lot) -> dict[str, Any]:
    """An open lot marked at the last close; its role is the one it was opened with, as in a trade."""
    row = lot_fields(result.instrument, lot, int(result.closes[-1]))
    del row["trail_active"], row["trail_stop_price"]
    return row | {"role": "runner" if lot.opened_as_runner else "scalp"}


def marked_equity(result: Result) -> performance.Floats:
    """Marked equity after each step, in ledger units."""
    return np.asarray(result.tally.marked[-len(result.times) :], dtype=np.float64)


def summary(result: Result) -> dict[str, Any]:
    """Returns, risk and costs of a run. Percentages and ratios are floats, money decimal text."""
    instrument, final = result.instrument, result.portfolio.account
    marked = marked_equity(result)
    equity = np.concatenate((np.array([final.start_equity], dtype=np.float64), marked))
    growth = performance.cagr_pct(equity, result.times)
    days = performance.period_returns(result.times, marked, float(final.start_equity), "D")
    returns = [change for _, change in days]
    deepest = performance.largest_drawdown(equity)
    drawdown = deepest.pct if deepest else 0.0
    lots = np.asarray(result.tally.lots[-len(result.times) :])
    end = account.equity(final) + account.unrealised(final, int(result.closes[-1]))
    nets = [closed.net_pnl for closed in result.tally.closed]
    wins = [net for net in nets if net > 0]
    losses = [net for net in nets if net <= 0]
    traded = {
        "equity_start": plain(result.rules.settings.usd_equity),
        "equity_end": instrument.money_text(account.equity(final)),
        "equity_end_mtm": instrument.money_text(end),
        "wins": len(wins),
        "losses": len(losses),
        "total_return_pct": float(equity[-1] / equity[0] - 1.0) * 100.0,
        "max_drawdown_pct": drawdown,
        "sharpe": performance.sharpe(returns),
        "sortino": performance.sortino(returns),
        "calmar": growth / drawdown if growth is not None and drawdown > 0 else None,
        "profit_factor": sum(wins) / -sum(losses) if sum(losses) < 0 else None,
        "win_rate_pct": 100.0 * len(wins) / len(nets) if nets else None,
        "expectancy_usd": _mean_usd(result, nets),
        "exposure_pct": 100.0 * int(np.count_nonzero(lots)) / len(lots),
        "fees_usd": instrument.money_text(_fees(result)),
        "buy_and_hold_return_pct": float(result.closes[-1] / result.closes[0] - 1.0) * 100.0,
        "cagr_pct": growth,
    }
    return traded | _drawdowns(result, equity, deepest) | _trading(result, nets, wins, losses) | _days(days)


def _days(days: Sequence[tuple[str, float]]) -> dict[str, Any]:
    """How much a day moves equity, and how badly the worst ones did."""
    returns = [change for _, change in days]
    best, worst = max(days, key=_change, default=None), min(days, key=_change, default=None)
    at_risk = tail_losses.value_at_risk(returns), tail_losses.conditional_value_at_risk(returns)
    return {
        "volatility_pct": performance.volatility_pct(returns),
        "value_at_risk_95_pct": None if at_risk[0] is None else at_risk[0] * 100.0,
        "cvar_95_pct": None if at_risk[1] is None else at_risk[1] * 100.0,
        "best_day": best[0] if best else None,
        "best_day_pct": best[1] * 100.0 if best else None,
        "worst_day": worst[0] if worst else None,
        "worst_day_pct": worst[1] * 100.0 if worst else None,
    }


def _change(day: tuple[str, float]) -> float:
    return day[1]


def _fees(result: Result) -> int:
    """Of closed and open lots, in ledger units."""
    return sum(c.lot.entry_fee + c.exit_fee for c in result.tally.closed) + result.portfolio.account.fee_sum


def _drawdowns(result: Result, equity: performance.Floats, deepest: performance.Drawdown | None) -> dict[str, Any]:
    """How long equity was below a high, besides how deep. The start of the account counts as a high."""
    # The account's start has no step of its own: the first step's time stands for it.
    times = np.concatenate((result.times[:1], result.times))
    ended = None if deepest is None or deepest.end is None else deepest.end
    return {
        "max_drawdown_seconds": deepest.lasted_ms(times) // 1000 if deepest else None,
        "max_drawdown_recovered": None if deepest is None else ended is not None,
        "max_drawdown_peak_at": rfc3339(int(times[deepest.peak])) if deepest else None,
        "max_drawdown_trough_at": rfc3339(int(times[deepest.trough])) if deepest else None,
        "max_drawdown_recovered_at": None if ended is None else rfc3339(int(times[ended])),
        "longest_drawdown_seconds": performance.longest_under_water_ms(equity, times) // 1000 if deepest else None,
    }


def _trading(result: Result, nets: list[int], wins: list[int], losses: list[int]) -> dict[str, Any]:
    """What an average trade was like, and what trading cost."""
    instrument, closed = result.instrument, result.tally.closed
    turnover = sum(c.lot.cost + c.proceeds for c in closed) + result.portfolio.account.cost_sum
    streaks = trade_figures.longest_streaks(nets)
    held = sum(c.closed_ms - c.lot.opened_ms for c in closed)
    return {
        "average_win_usd": _mean_usd(result, wins),
        "average_loss_usd": _mean_usd(result, losses),
        "best_trade_usd": instrument.money_text(max(nets)) if nets else None,
        "worst_trade_usd": instrument.money_text(min(nets)) if nets else None,
        "average_holding_seconds": held / len(nets) / 1000 if nets else None,
        "turnover_usd": instrument.money_text(turnover),
        "fees_turnover_pct": 100.0 * _fees(result) / turnover if turnover else None,
        "longest_winning_streak": streaks[0],
        "longest_losing_streak": streaks[1],
        "sqn": trade_figures.quality_number(nets),
    }


def _mean_usd(result: Result, amounts: list[int]) -> str | None:
    return result.instrument.money_text(round(Fraction(sum(amounts), len(amounts)))) if amounts else None
