"""A lot through one candle: the way of the price, and where on it the lot leaves.

The price walks open, adverse extreme, favourable extreme, close. At the open a level that has been
gapped over fills at the open; after it every level is crossed on the way and fills at its own
tick. The adverse extreme comes first, because nobody knows the order and the worse one is the
safer guess. A step that knows one price only (a tick; a backtest on closes) is a candle whose four
prices are equal: then all of this is "test the levels at the price".
"""

from __future__ import annotations

from typing import NamedTuple

from cbbot.kernel.codes import BUY, EXIT_NONE, EXIT_STOP_LOSS, EXIT_TAKE_PROFIT, EXIT_TRAILING_STOP
from cbbot.kernel.levels import exit_reason, tick_at_or_above, tick_at_or_below, to_price, trail_threshold, trails
from cbbot.kernel.lot import Lot, trailed, triggered
from cbbot.kernel.params import Params

__all__ = ["Band", "band", "walked"]

LOWEST = -(2**62)
HIGHEST = 2**62


class Band(NamedTuple):
    """Ticks strictly between which no level and no trail of any lot is touched."""

    low: int
    high: int


def band(params: Params, lot: Lot) -> Band:
    """The quiet band of one lot."""
    loses, gains = lot.stop, lot.take
    if lot.runner and trails(params):
        if lot.trailing:
            loses = _first(lot.side, lot.trail_stop, loses)
            gains = _first(-lot.side, lot.peak, gains)
        else:
            gains = _first(-lot.side, trail_threshold(params, lot.side, to_price(params, lot.open_ticks)), gains)
    if lot.side == BUY:
        return Band(tick_at_or_below(params, loses), tick_at_or_above(params, gains))
    return Band(tick_at_or_below(params, gains), tick_at_or_above(params, loses))


def walked(params: Params, before: Lot, opened: int, high: int, low: int, close: int) -> tuple[Lot, int, int]:
    """The lot after the candle (prices in ticks): with its trail moved, why it leaves, and at which tick."""
    price = to_price(params, opened)
    lot = trailed(params, before, price)
    reason = triggered(before, lot, price)
    if reason != EXIT_NONE or high == low:
        return lot, reason, opened
    adverse, favourable = (low, high) if lot.side == BUY else (high, low)
    for point in (adverse, favourable, close):
        price = to_price(params, point)
        lot = trailed(params, lot, price)
        reason, ticks = _crossed(params, lot, before.trailing, price)
        if reason != EXIT_NONE:
            return lot, reason, ticks
    return lot, EXIT_NONE, close


def _crossed(params: Params, lot: Lot, trailing: bool, price: float) -> tuple[int, int]:
    """Which level lies between the last point and ``price``, and the first tick that triggers it."""
    reason = exit_reason(lot.side, price, lot.stop, lot.take, trailing, lot.trail_stop)
    if reason == EXIT_NONE:
        return EXIT_NONE, 0
    if reason == EXIT_TAKE_PROFIT:
        return reason, tick_at_or_above(params, lot.take) if lot.side == BUY else tick_at_or_below(params, lot.take)
    # Both stops may lie on the way: the nearer one is crossed first.
    reason, level = EXIT_STOP_LOSS, lot.stop
    if trailing and lot.side * lot.trail_stop >= lot.side * lot.stop:
        reason, level = EXIT_TRAILING_STOP, lot.trail_stop
    return reason, tick_at_or_below(params, level) if lot.side == BUY else tick_at_or_above(params, level)


def _first(side: int, one: float, other: float) -> float:
    """The level that a falling price (side BUY) or a rising one (side SELL) reaches first."""
    return max(one, other) if side == BUY else min(one, other)
