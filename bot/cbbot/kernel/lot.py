"""One open lot, and what happens to it: opened, trailed, triggered, promoted, closed, closed in part."""

from __future__ import annotations

from typing import NamedTuple

from cbbot.kernel.codes import EXIT_NONE
from cbbot.kernel.levels import exit_reason, runner_take, scalp_take, stop, to_price, trail, trails
from cbbot.kernel.money import share
from cbbot.kernel.params import Params

__all__ = ["Lot", "opened", "promoted", "reduced", "trailed", "triggered"]


class Lot(NamedTuple):
    """A lot on the integer scales; levels as float64 prices. ``peak`` and ``trail_stop`` count once ``trailing``.

    Functions that the compiled core calls build it field by field: numba knows no ``_replace``.
    """

    id: int
    side: int
    runner: bool
    opened_as_runner: bool
    opened_ms: int
    open_ticks: int
    base: int
    cost: int
    entry_fee: int
    stop: float
    take: float
    trailing: bool
    peak: float
    trail_stop: float


def opened(
    params: Params,
    lot_id: int,
    side: int,
    now_ms: int,
    ticks: int,
    base: int,
    cost: int,
    entry_fee: int,
    lots_open: int,
) -> Lot:
    """A new lot from what was really filled. With no lot open it is the runner."""
    price = to_price(params, ticks)
    runner = lots_open == 0
    # The present runner is not counted: the second lot is the first scalp.
    take = runner_take(params, side, price) if runner else scalp_take(params, side, price, lots_open - 1)
    return Lot(
        lot_id,
        side,
        runner,
        runner,
        now_ms,
        ticks,
        base,
        cost,
        entry_fee,
        stop(params, side, price),
        take,
        False,
        0.0,
        0.0,
    )


def promoted(params: Params, lot: Lot) -> Lot:
    """The lot as the runner: its take and stop anew from its own open price, its trail reset."""
    price = to_price(params, lot.open_ticks)
    return _with_levels(lot, True, stop(params, lot.side, price), runner_take(params, lot.side, price), False, 0.0, 0.0)


def trailed(params: Params, lot: Lot, price: float) -> Lot:
    """The lot after its trail has seen ``price``; only a runner trails."""
    if not lot.runner or not trails(params):
        return lot
    open_price = to_price(params, lot.open_ticks)
    trailing, peak, trail_stop = trail(params, lot.side, price, open_price, lot.trailing, lot.peak, lot.trail_stop)
    if trailing == lot.trailing and peak == lot.peak:
        return lot
    return _with_levels(lot, lot.runner, lot.stop, lot.take, trailing, peak, trail_stop)


def _with_levels(
    lot: Lot, runner: bool, stop_price: float, take_price: float, trailing: bool, peak: float, trail_stop: float
) -> Lot:
    """The lot in another role, with other levels, or with its trail moved."""
    return Lot(
        lot.id,
        lot.side,
        runner,
        lot.opened_as_runner,
        lot.opened_ms,
        lot.open_ticks,
        lot.base,
        lot.cost,
        lot.entry_fee,
        stop_price,
        take_price,
        trailing,
        peak,
        trail_stop,
    )


def triggered(before: Lot, after: Lot, price: float) -> int:
    """Why the lot must be closed at ``price``, or EXIT_NONE.

    ``before`` is the lot before its trail was updated in this step: the step that activates a
    trail does not exit by it.
    """
    if after.base == 0:
        return EXIT_NONE
    return exit_reason(after.side, price, after.stop, after.take, before.trailing, after.trail_stop)


def reduced(lot: Lot, sold: int) -> tuple[Lot, int, int]:
    """The lot after ``sold`` base units of it were closed, and the cost and entry fee that went with them.

    What is kept is rounded down, so nothing is booked twice or lost.
    """
    kept = lot.base - sold
    kept_cost = share(lot.cost, kept, lot.base)
    kept_fee = share(lot.entry_fee, kept, lot.base)
    return (
        lot._replace(base=kept, cost=kept_cost, entry_fee=kept_fee),
        lot.cost - kept_cost,
        lot.entry_fee - kept_fee,
    )
