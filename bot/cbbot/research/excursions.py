"""How far the price went against a closed lot and for it while it was held (MAE and MFE), in percent of its open price.

Seen is what the fill model lets an exit see, from the step after the entry on: closes, or opens and extremes. Of the
candle that a lot leaves in, the open and the price it left at count; in the ``ohlc`` model also the adverse extreme
when it left by its take profit inside the candle, because the price comes by the worse extreme first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cbbot.kernel.advance import Closed
from cbbot.kernel.batch import Columns
from cbbot.kernel.codes import BUY, EXIT_TAKE_PROFIT
from cbbot.kernel.levels import to_price
from cbbot.research.backtest import FillModel, Result

__all__ = ["Excursion", "excursions"]


class Excursion(NamedTuple):
    """Largest move against the lot and for it, both 0 or above, in percent of its open price."""

    adverse_pct: float
    favourable_pct: float


def excursions(result: Result, candles: Columns, fill_model: FillModel) -> list[Excursion]:
    """One for each closed lot. ``candles`` are those of the whole file."""
    stepped = Columns(*(column[result.span.first :] for column in candles))
    found = []
    for closed in result.tally.closed:
        first = int(np.searchsorted(result.times, closed.lot.opened_ms)) + 1
        last = int(np.searchsorted(result.times, closed.closed_ms))
        lowest, highest = _held(stepped, first, last, closed, fill_model)
        low, high = _leaving(result, stepped, last, closed, fill_model)
        opened = closed.lot.open_ticks
        below = max(0, opened - min(lowest, low)) / opened * 100.0
        above = max(0, max(highest, high) - opened) / opened * 100.0
        found.append(Excursion(below, above) if closed.lot.side == BUY else Excursion(above, below))
    return found


def _held(stepped: Columns, first: int, last: int, closed: Closed, fill_model: FillModel) -> tuple[int, int]:
    """Lowest and highest price seen in the candles between those of entry and exit."""
    if first >= last:
        return closed.lot.open_ticks, closed.lot.open_ticks
    span = slice(first, last)
    closes = stepped.close[span]
    lowest, highest = int(closes.min()), int(closes.max())
    if fill_model == "close":
        return lowest, highest
    opens = stepped.open[span]
    lowest = min(lowest, int(opens.min()), int(stepped.low[span].min()))
    return lowest, max(highest, int(opens.max()), int(stepped.high[span].max()))


def _leaving(result: Result, stepped: Columns, at: int, closed: Closed, fill_model: FillModel) -> tuple[int, int]:
    """Lowest and highest price seen in the candle of the exit."""
    seen = [closed.close_ticks]
    if fill_model == "ohlc":
        opened = int(stepped.open[at])
        seen.append(opened)
        side = closed.lot.side
        # At the open or beyond its take the lot left before any extreme.
        inside = side * to_price(result.rules.params, opened) < side * closed.lot.take
        if closed.reason == EXIT_TAKE_PROFIT and inside:
            seen.append(int((stepped.low if side == BUY else stepped.high)[at]))
    return min(seen), max(seen)
