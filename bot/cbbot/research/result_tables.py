"""A backtest's result as tables that a trader can read: plain text of at most 80 columns.

Written without rich: its import would cost a short backtest a tenth of its time.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

__all__ = [
    "LIMITS",
    "amounts",
    "breakdowns",
    "grid",
    "groups",
    "report_text",
    "run_rows",
    "sections",
    "shown",
    "undefined_lines",
    "wrapped",
]

Row = tuple[str, str]

LIMITS = {
    "close": "Steps on closes, not on ticks: what happens inside a candle, and what an order does to the price, "
    "is not seen.",
    "ohlc": "Exits walk each candle's open, extremes and close in the worse order; the ticks between them, and what an "
    "order does to the price, are not seen.",
}
_FILLS = {"close": "at the close of the candle", "ohlc": "exits inside the candle, the worse way round"}
_HALF = 38
_GAP = 4
_WIDTH = 2 * _HALF + _GAP


def report_text(document: Mapping[str, Any]) -> str:
    """The whole report, ready to print."""
    result, risk, trades, decisions = sections(document)
    heading = "\n".join(f"{label:<10}{text}" for label, text in run_rows(document))
    blocks = [heading, _beside(result, risk), _beside(trades, decisions)]
    blocks += [grid(titles, rows) for titles, rows in breakdowns(document["trades"])]
    blocks += [wrapped(line) for line in undefined_lines(document)]
    blocks.append(wrapped(LIMITS[document["fill_model"]]))
    return "\n\n".join(blocks) + "\n"


def sections(document: Mapping[str, Any]) -> list[tuple[str, list[Row]]]:
    """The four groups of figures, each a title and rows of label and value."""
    summary = document["summary"]
    return [
        ("RESULT", _result(summary)),
        ("RISK", _risk(summary)),
        ("TRADES", _trades(document)),
        ("DECISIONS", _decisions(document)),
    ]


def undefined_lines(document: Mapping[str, Any]) -> list[str]:
    """Why the figures of growth are not told, if they are not: a person looks for them first."""
    reason = document["undefined"].get("cagr_pct")
    return [f"No growth a year (CAGR), and so no Calmar: {reason}."] if reason else []


def breakdowns(trades: Sequence[Mapping[str, Any]]) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """Titles and rows of the trades by exit reason and by role; nothing when there are none."""
    if not trades:
        return []
    return [
        ((title, "trades", "wins", "net PnL", "mean", "worst"), groups(trades, field))
        for title, field in (("closed by", "exit_reason"), ("opened as", "role"))
    ]


def run_rows(document: Mapping[str, Any]) -> list[Row]:
    """What was run: product, period, candles, fills."""
    settings, period = document["settings"], document["period"]
    found = document.get("file", {})
    said = [f"{found[key]:,} {word}" for key, word in _FOUND if found.get(key)]
    train, stepped = document["train"], document["evaluated"]
    rest = document["candles"] - train - stepped
    fits = f"{document['fits']:,} fit{'s' if document['fits'] != 1 else ''}"
    return [
        ("product", f"{document['product_id']}, {settings['GRANULARITY'].lower().replace('_', ' ')}"),
        ("period", f"{_minute(period['first'])} to {_minute(period['last'])} UTC"),
        ("candles", f"{document['candles']:,}" + (f" ({', '.join(said)})" if said else "")),
        ("", f"{train:,} to train on, {rest:,} to warm up, {stepped:,} stepped; {fits}"),
        ("fills", _FILLS[document["fill_model"]]),
        ("", f"fee {settings['FEE_RATE_PCT']} %, slippage {settings['PAPER_SLIPPAGE_BPS']} bps"),
    ]


_FOUND = (("gaps", "gaps"), ("duplicates", "duplicates"), ("bad_rows", "bad rows skipped"))


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _result(summary: Mapping[str, Any]) -> list[Row]:
    return [
        ("equity, start", shown(summary["equity_start"], "usd")),
        ("equity, end", shown(summary["equity_end"], "usd")),
        ("  with open lots marked", shown(summary["equity_end_mtm"], "usd")),
        ("return", shown(summary["total_return_pct"], "pct")),
        ("  a year (CAGR)", shown(summary["cagr_pct"], "pct")),
        ("buy and hold", shown(summary["buy_and_hold_return_pct"], "pct")),
        ("fees", shown(summary["fees_usd"], "usd")),
        ("  of the turnover", shown(summary["fees_turnover_pct"], "pct")),
        ("turnover", shown(summary["turnover_usd"], "usd")),
    ]


def _risk(summary: Mapping[str, Any]) -> list[Row]:
    fate = {True: "regained", False: "not regained", None: "-"}[summary["max_drawdown_recovered"]]
    return [
        ("largest drawdown", shown(summary["max_drawdown_pct"], "pct")),
        ("  its length", shown(summary["max_drawdown_seconds"], "seconds")),
        ("  its high was", fate),
        ("longest below a high", shown(summary["longest_drawdown_seconds"], "seconds")),
        ("time in the market", shown(summary["exposure_pct"], "pct")),
        ("Sharpe", shown(summary["sharpe"], "ratio")),
        ("Sortino", shown(summary["sortino"], "ratio")),
        ("Calmar", shown(summary["calmar"], "ratio")),
        ("volatility a year", shown(summary["volatility_pct"], "pct")),
        ("value at risk, a day", shown(summary["value_at_risk_95_pct"], "pct")),
        ("  mean beyond it (CVaR)", shown(summary["cvar_95_pct"], "pct")),
        ("best day", shown(summary["best_day_pct"], "pct")),
        ("worst day", shown(summary["worst_day_pct"], "pct")),
    ]


def _trades(document: Mapping[str, Any]) -> list[Row]:
    summary = document["summary"]
    keys = ("expectancy_usd", "average_win_usd", "average_loss_usd", "best_trade_usd", "worst_trade_usd")
    expectancy, win, loss, best, worst = amounts([summary[key] for key in keys])
    return [
        ("closed", f"{len(document['trades']):,}"),
        ("  wins / losses", f"{summary['wins']:,} / {summary['losses']:,}"),
        ("win rate", shown(summary["win_rate_pct"], "pct")),
        ("profit factor", shown(summary["profit_factor"], "ratio")),
        ("expectancy", expectancy),
        ("average win", win),
        ("average loss", loss),
        ("best", best),
        ("worst", worst),
        ("average holding", shown(summary["average_holding_seconds"], "seconds")),
        ("most wins in a row", f"{summary['longest_winning_streak']:,}"),
        ("most losses in a row", f"{summary['longest_losing_streak']:,}"),
        ("quality number (SQN)", shown(summary["sqn"], "ratio")),
        ("still open", f"{len(document['open_lots']):,}"),
    ]


def _decisions(document: Mapping[str, Any]) -> list[Row]:
    decisions = document["decisions"]
    rows = [("all", f"{sum(decisions.values()):,}")]
    rows += [(f"  {signal}", f"{count:,}") for signal, count in decisions.items()]
    denied = sorted(document["denials"].items(), key=lambda item: -item[1])
    return rows + [(f"denied: {reason}", f"{count:,}") for reason, count in denied]


def groups(trades: Sequence[Mapping[str, Any]], field: str) -> list[tuple[str, ...]]:
    """A row for each value of ``field``, most trades first: trades, wins, net PnL, its mean, the worst."""
    nets: dict[str, list[Decimal]] = {}
    for trade in trades:
        nets.setdefault(trade[field], []).append(Decimal(trade["net_pnl"]))
    ordered = sorted(nets.items(), key=lambda item: (-len(item[1]), item[0]))
    sums = amounts([sum(each, Decimal()) for _, each in ordered])
    means = amounts([sum(each, Decimal()) / len(each) for _, each in ordered])
    worst = amounts([min(each) for _, each in ordered])
    return [
        (name, f"{len(each):,}", f"{sum(net > 0 for net in each):,}", *figures)
        for (name, each), *figures in zip(ordered, sums, means, worst, strict=True)
    ]


def amounts(values: Sequence[Decimal | str | None]) -> list[str]:
    """Money that stands together, all with as many decimals: four when one of them is below 1, two otherwise."""
    known = [Decimal(value) for value in values if value is not None]
    digits = 4 if any(value != 0 and abs(value) < 1 for value in known) else 2
    return ["-" if value is None else f"{Decimal(value):,.{digits}f}" for value in values]


def wrapped(text: str) -> str:
    """A paragraph in lines as long as a table is wide; a longer word, such as a path, stays whole."""
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def grid(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column stands left and whose others stand right."""
    lines = [list(titles), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    texts = [
        "  ".join(
            text.rjust(width) if column else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    dashes = "  ".join("-" * width for width in widths)
    return "\n".join((texts[0], dashes, *texts[1:]))


def _beside(left: tuple[str, list[Row]], right: tuple[str, list[Row]]) -> str:
    one, other = _block(*left), _block(*right)
    height = max(len(one), len(other))
    one += [" " * _HALF] * (height - len(one))
    other += [""] * (height - len(other))
    return "\n".join(f"{a}{' ' * _GAP}{b}".rstrip() for a, b in zip(one, other, strict=True))


def _block(title: str, rows: Iterable[Row]) -> list[str]:
    # A dot leader would be noise; the value keeps at least two spaces from its label.
    lines = [f"{label}{value:>{max(_HALF - len(label), len(value) + 2)}}" for label, value in rows]
    return [f"{title:<{_HALF}}", "-" * _HALF, *lines]


def shown(value: Any, kind: str) -> str:
    """A figure as a person reads it; '-' for one that is undefined. ``kind``: usd, pct, ratio, seconds."""
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
            return _duration(round(value))


def _duration(seconds: int) -> str:
    """The two largest units of a time span."""
    parts: list[str] = []
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, unit)
        if count or parts:
            parts.append(f"{count:,} {name}")
    return " ".join(parts[:2]) or "0 s"
