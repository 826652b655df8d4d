"""A backtest's result as a table that a trader can read."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["print_report"]

_ROWS = (
    ("equity, start", "equity_start", "usd"),
    ("equity, end", "equity_end", "usd"),
    ("equity, marked to market", "equity_end_mtm", "usd"),
    ("return", "total_return_pct", "pct"),
    ("a year (CAGR)", "cagr_pct", "pct"),
    ("buy and hold", "buy_and_hold_return_pct", "pct"),
    ("largest drawdown", "max_drawdown_pct", "pct"),
    ("Sharpe", "sharpe", "ratio"),
    ("Sortino", "sortino", "ratio"),
    ("Calmar", "calmar", "ratio"),
    ("profit factor", "profit_factor", "ratio"),
    ("wins", "wins", "count"),
    ("losses", "losses", "count"),
    ("win rate", "win_rate_pct", "pct"),
    ("expectancy", "expectancy_usd", "usd"),
    ("time in the market", "exposure_pct", "pct"),
    ("fees", "fees_usd", "usd"),
)


def print_report(console: Console, document: dict[str, Any]) -> None:
    """Print the figures, the trades by exit reason, and what denied entries."""
    summary = document["summary"]
    table = Table(
        title=f"{document['product_id']}: {document['evaluated']} candles after {document['train']} to train on"
    )
    table.add_column("", style="bold")
    table.add_column("", justify="right")
    for label, key, kind in _ROWS:
        table.add_row(label, _shown(summary[key], kind))
    table.add_section()
    exits = Counter(trade["exit_reason"] for trade in document["trades"])
    for reason, count in exits.most_common():
        table.add_row(f"closed by {reason}", str(count))
    table.add_row("lots still open", str(len(document["open_lots"])))
    table.add_section()
    for signal, count in document["decisions"].items():
        table.add_row(f"decisions {signal}", str(count))
    for reason, count in sorted(document["denials"].items(), key=lambda item: -item[1]):
        table.add_row(f"denied: {reason}", str(count))
    console.print(table)
    limits = (
        "Steps on closes, not on ticks: what happens inside a candle, and what an order does to the price, is not seen."
    )
    console.print(limits, soft_wrap=True)


def _shown(value: Any, kind: str) -> str:
    if value is None:
        return "-"
    match kind:
        case "usd":
            return f"{Decimal(value):,.2f}"
        case "pct":
            return f"{value:,.2f} %"
        case "ratio":
            return f"{value:,.2f}"
        case _:
            return str(value)
