"""What the page draws: the run's lines as packed columns, its trades as lists.

A column is base64 of little-endian numbers: a third of the size of decimal text, and exact enough
to draw. Runs of more than ``KEPT`` steps are thinned: of every stretch of steps the lowest and
the highest close and equity stay, and every step at which a lot was opened or closed.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cbbot.kernel.advance import Closed
from cbbot.kernel.batch import Columns
from cbbot.kernel.codes import EXITS
from cbbot.research.backtest import Result
from cbbot.research.backtest_report import marked_equity
from cbbot.research.exposure import exposure_pct

__all__ = ["KEPT", "content", "kept_steps"]

KEPT = 200_000

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def content(document: Mapping[str, Any], result: Result, candles: Columns) -> dict[str, Any]:
    """JSON values for the page's scripts. Prices are ticks, times steps of a candle since ``origin``."""
    first, params = result.span.first, result.rules.params
    marked = marked_equity(result)
    equity = marked * float(result.instrument.ledger_increment)
    candle_ms, origin = result.rules.candle_ms, int(result.times[0])
    kept = kept_steps(result, equity)
    stepped = [column[first:][kept] for column in (candles.open, candles.high, candles.low, candles.close)]
    close = stepped[-1]
    averages = [(_average(candles.close, length)[first:][kept] - close) for length in (params.ma_fast, params.ma_slow)]
    start = float(result.rules.settings.usd_equity)
    peaks = np.maximum.accumulate(np.maximum(equity, start))
    columns = {
        "time": _packed((result.times[kept] - origin) // candle_ms),
        **{name: _packed(column) for name, column in zip(("open", "high", "low", "close"), stepped, strict=True)},
        **{name: _packed(column) for name, column in zip(("fast", "slow"), averages, strict=True)},
        "equity": _packed(equity[kept] - start),
        "drawdown": _packed(((equity - peaks) / peaks * 100.0)[kept]),
        "exposure": _packed(exposure_pct(result, marked)[kept]),
    }
    return {
        "product": document["product_id"],
        "steps": len(result.times),
        "kept": len(kept),
        "origin": origin,
        "candle": candle_ms,
        "tick": float(result.instrument.price_increment),
        "digits": _digits(result),
        "start": start,
        "averages": [params.ma_fast, params.ma_slow],
        "columns": columns,
        "reasons": list(dict.fromkeys(EXITS[closed.reason] for closed in result.tally.closed)),
        "trades": _trades(document["trades"], result.tally.closed),
        "rolling": document["rolling"],
        "distribution": document["net_pnl_distribution"],
        "by_hour": document["by_hour"],
        "by_weekday": document["by_weekday"],
        "open": _open_lots(document["open_lots"], [lot.opened_ms for lot in result.portfolio.lots]),
    }


def kept_steps(result: Result, equity: Floats, most: int = KEPT) -> Integers:
    """Indices of the steps that are drawn, ascending: all, or ``most`` and those at which a lot came or went."""
    count = len(result.times)
    if count <= most:
        return np.arange(count)
    # Four of each stretch stay at most.
    width = -(-count * 4 // most)
    chosen = [np.array([0, count - 1])]
    chosen += [_extremes(line, width, lowest=end) for line in (result.closes, equity) for end in (True, False)]
    lots = [c.lot.opened_ms for c in result.tally.closed] + [lot.opened_ms for lot in result.portfolio.lots]
    moments = np.array([*lots, *(c.closed_ms for c in result.tally.closed)], dtype=np.int64)
    chosen.append(np.searchsorted(result.times, moments))
    return np.unique(np.concatenate(chosen))


def _extremes(line: npt.NDArray[Any], width: int, *, lowest: bool) -> Integers:
    """The index of the lowest (or highest) value in each stretch of ``width``."""
    whole = len(line) // width * width
    table = line[:whole].reshape(-1, width)
    found = (table.argmin if lowest else table.argmax)(axis=1) + np.arange(len(table)) * width
    if whole == len(line):
        return np.asarray(found, dtype=np.int64)
    rest = line[whole:]
    return np.append(found, whole + int(rest.argmin() if lowest else rest.argmax())).astype(np.int64)


def _average(closes: Integers, length: int) -> Floats:
    """The simple moving average, as the decisions see it but for rounding; NaN until it is warm."""
    averages = np.full(len(closes), np.nan)
    sums = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(closes)))
    averages[length - 1 :] = (sums[length:] - sums[:-length]) / length
    return averages


def _packed(values: npt.NDArray[Any]) -> dict[str, str]:
    """Integers in 32 bits where they fit; other numbers as 32-bit floats, which is finer than any screen."""
    if values.dtype.kind == "i":
        fits = len(values) == 0 or (int(values.min()) >= -(2**31) and int(values.max()) < 2**31)
        kind = "i4" if fits else "f8"
    else:
        kind = "f4"
    return {"kind": kind, "data": base64.b64encode(values.astype(f"<{kind}").tobytes()).decode()}


def _digits(result: Result) -> int:
    """Decimals of a price."""
    exponent = result.instrument.price_increment.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 2


_SHOWN = ("lot", "role", "closed_as", "side", "base_size", "open_price", "close_price", "exit_reason", "net_pnl")


_ROUNDED = ("return_pct", "mae_pct", "mfe_pct")


def _trades(rows: Sequence[Mapping[str, Any]], closed: Sequence[Closed]) -> dict[str, list[Any]]:
    """A list a column; money and prices stay the text they are in the JSON. Levels are those that the lot left with."""
    columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in _SHOWN}
    columns |= {name: [round(row[name], 6) for row in rows] for name in _ROUNDED}
    columns["opened"] = [each.lot.opened_ms for each in closed]
    columns["closed"] = [each.closed_ms for each in closed]
    columns["stop"] = [each.lot.stop if each.lot.stop > 0 else None for each in closed]
    columns["take"] = [each.lot.take if each.lot.take > 0 else None for each in closed]
    columns["trail"] = [each.lot.trail_stop if each.lot.trailing else None for each in closed]
    columns["fees"] = [float(row["entry_fee"]) + float(row["exit_fee"]) for row in rows]
    return columns


def _open_lots(rows: Sequence[Mapping[str, Any]], opened: Sequence[int]) -> dict[str, list[Any]]:
    names = ("lot", "role", "side", "base_size", "open_price", "unrealized_pnl")
    columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in names}
    return columns | {"opened": list(opened)}
