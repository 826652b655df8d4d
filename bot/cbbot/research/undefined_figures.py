"""Why a figure of a summary is null, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cbbot.research.performance import FEWEST_DAYS_OF_GROWTH
from cbbot.research.tail_losses import FEWEST_DAYS

__all__ = ["undefined"]

_NO_TRADE = "no lot was closed"
_OF_TRADES = (
    "win_rate_pct", "expectancy_usd", "average_win_usd", "average_loss_usd", "best_trade_usd", "worst_trade_usd",
    "average_holding_seconds", "profit_factor", "sqn",
)  # fmt: skip
_OF_DRAWDOWN = (
    "calmar", "max_drawdown_seconds", "max_drawdown_recovered", "max_drawdown_peak_at", "max_drawdown_trough_at",
    "max_drawdown_recovered_at", "longest_drawdown_seconds",
)  # fmt: skip


def undefined(summary: Mapping[str, Any], days: float, returns: int) -> dict[str, str]:
    """A reason for every figure that is None. The run is ``days`` long and has so many daily ``returns``."""
    reasons = _reasons(summary, days, returns)
    return {key: reasons[key] for key, value in summary.items() if value is None}


def _reasons(summary: Mapping[str, Any], days: float, returns: int) -> dict[str, str]:
    trades = summary["wins"] + summary["losses"]
    short = f"the run is {days:.1f} days long; it takes {FEWEST_DAYS_OF_GROWTH}"
    grown = short if days < FEWEST_DAYS_OF_GROWTH else "nothing is left to grow, or the growth cannot be told"
    few = f"{returns} daily return{'s' * (returns != 1)}; it takes two"
    tail = f"{returns} daily return{'s' * (returns != 1)}; it takes {FEWEST_DAYS}"
    reasons = dict.fromkeys(_OF_DRAWDOWN, "equity never fell below a high") | {
        "cagr_pct": grown,
        "sharpe": few if returns < 2 else "all daily returns are the same",
        "sortino": few if returns < 2 else "no daily return is negative",
        "volatility_pct": few,
        "value_at_risk_95_pct": tail,
        "cvar_95_pct": tail,
        "best_day": "no daily return",
        "best_day_pct": "no daily return",
        "worst_day": "no daily return",
        "worst_day_pct": "no daily return",
        "average_win_usd": "no trade won",
        "average_loss_usd": "no trade lost",
        "profit_factor": "no trade lost",
        "sqn": "one trade; it takes two" if trades == 1 else "all trades had the same net profit",
        "fees_turnover_pct": "nothing was bought or sold",
    }
    if summary["cagr_pct"] is None:
        reasons["calmar"] = grown
    if summary["max_drawdown_seconds"] is not None:
        reasons["max_drawdown_recovered_at"] = "it was not regained"
    if not trades:
        reasons |= dict.fromkeys(_OF_TRADES, _NO_TRADE)
    return reasons
