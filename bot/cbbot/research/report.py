"""What a backtest amounts to: the figures a trader asks for, and the JSON that scripts read.

Undefined figures (no trades, fewer than two daily returns) are None, never 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cbbot.contract.settings import as_text
from cbbot.domain.decimals import plain
from cbbot.kernel import book as books
from cbbot.kernel.codes import ALLOWED, DENIALS, DENY_FLAT
from cbbot.kernel.lot import Lot
from cbbot.kernel.params import DAY_MS
from cbbot.research.backtest import Result
from cbbot.views.rows import lot_row, trade_row

__all__ = ["as_document", "summary"]

SCHEMA = 1
DAYS_A_YEAR = 365.0


def as_document(result: Result) -> dict[str, Any]:
    """The result as JSON values; money as decimal text."""
    tally = result.tally
    denials = {
        DENIALS[code]: count for code, count in enumerate(tally.denials) if count and code not in (ALLOWED, DENY_FLAT)
    }
    return {
        "schema": SCHEMA,
        "product_id": result.instrument.product_id,
        "candles": result.span.total,
        "train": result.span.train,
        "evaluated": result.span.total - result.span.first,
        "settings": as_text(result.rules.settings),
        "decisions": {"buy": tally.signals[2], "sell": tally.signals[0], "flat": tally.signals[1]},
        "denials": denials,
        "trades": [trade_row(result.instrument, closed).model_dump() for closed in tally.closed],
        "open_lots": [_open_row(result, lot) for lot in result.account.lots],
        "summary": summary(result),
    }


def _open_row(result: Result, lot: Lot) -> dict[str, Any]:
    """An open lot marked at the last close; its role is the one it was opened with, as in a trade."""
    row = lot_row(result.instrument, lot, int(result.closes[-1])).model_dump(
        exclude={"trail_active", "trail_stop_price"}
    )
    return row | {"role": "runner" if lot.opened_as_runner else "scalp"}


def summary(result: Result) -> dict[str, Any]:
    """Returns, risk and costs of a run. Percentages and ratios are floats, money decimal text."""
    instrument, tally = result.instrument, result.tally
    start = result.account.book.start_equity
    equity = np.array([start, *tally.marked], dtype=np.float64)
    nets = [closed.net_pnl for closed in tally.closed]
    wins = [net for net in nets if net > 0]
    losses = [net for net in nets if net <= 0]
    fees = sum(c.lot.entry_fee + c.exit_fee for c in tally.closed) + result.account.book.fee_sum
    drawdown = _max_drawdown_pct(equity)
    growth = _cagr_pct(equity, result.times)
    returns = _daily_returns(result.times, equity[1:])
    return {
        "equity_start": plain(result.rules.settings.usd_equity),
        "equity_end": instrument.money_text(books.equity(result.account.book)),
        "equity_end_mtm": instrument.money_text(tally.marked[-1]),
        "wins": len(wins),
        "losses": len(losses),
        "total_return_pct": float(equity[-1] / start - 1.0) * 100.0,
        "max_drawdown_pct": drawdown,
        "sharpe": _sharpe(returns),
        "sortino": _sortino(returns),
        "calmar": growth / drawdown if growth is not None and drawdown > 0 else None,
        "profit_factor": sum(wins) / -sum(losses) if sum(losses) < 0 else None,
        "win_rate_pct": 100.0 * len(wins) / len(nets) if nets else None,
        "expectancy_usd": instrument.money_text(round(sum(nets) / len(nets))) if nets else None,
        "exposure_pct": 100.0 * sum(1 for lots in tally.lots if lots) / len(tally.lots),
        "fees_usd": instrument.money_text(fees),
        "buy_and_hold_return_pct": float(result.closes[-1] / result.closes[0] - 1.0) * 100.0,
        "cagr_pct": growth,
    }


def _max_drawdown_pct(equity: npt.NDArray[np.float64]) -> float:
    peaks = np.maximum.accumulate(equity)
    return float(np.max((peaks - equity) / peaks)) * 100.0


def _cagr_pct(equity: npt.NDArray[np.float64], times: npt.NDArray[np.int64]) -> float | None:
    days = float(times[-1] - times[0]) / DAY_MS
    if days <= 0 or equity[-1] <= 0:
        return None
    exponent = math.log(equity[-1] / equity[0]) * DAYS_A_YEAR / days
    return (math.exp(exponent) - 1.0) * 100.0 if exponent < 700.0 else None


def _daily_returns(times: npt.NDArray[np.int64], equity: npt.NDArray[np.float64]) -> list[float]:
    """Returns between the last marked equities of successive UTC days."""
    # A candle that closes at midnight belongs to the day that ends there.
    days = (times - 1) // DAY_MS
    ends = np.flatnonzero(np.append(days[1:] != days[:-1], True))
    closes: list[float] = equity[ends].tolist()
    return [after / before - 1.0 for before, after in itertools.pairwise(closes) if before > 0]


def _sharpe(returns: Sequence[float]) -> float | None:
    if len(returns) < 2:
        return None
    mean = math.fsum(returns) / len(returns)
    deviation = math.sqrt(math.fsum((r - mean) ** 2 for r in returns) / (len(returns) - 1))
    return mean / deviation * math.sqrt(DAYS_A_YEAR) if deviation > 0 else None


def _sortino(returns: Sequence[float]) -> float | None:
    if len(returns) < 2:
        return None
    negative = [r for r in returns if r < 0]
    if not negative:
        return None
    downside = math.sqrt(math.fsum(r * r for r in negative) / len(negative))
    return math.fsum(returns) / len(returns) / downside * math.sqrt(DAYS_A_YEAR)
