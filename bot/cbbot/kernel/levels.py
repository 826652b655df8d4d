"""Stop, take and trail of a lot, in the price's currency as float64.

``side`` is BUY (1) or SELL (-1): a SELL lot mirrors a BUY lot in everything.
"""

from __future__ import annotations

from cbbot.kernel.codes import (
    BUY,
    EXIT_NONE,
    EXIT_STOP_LOSS,
    EXIT_TAKE_PROFIT,
    EXIT_TRAILING_STOP,
    SCALP_EXP,
    SCALP_LINEAR,
)
from cbbot.kernel.elementary import power
from cbbot.kernel.params import Params

__all__ = [
    "exit_reason",
    "runner_take",
    "scalp_take",
    "stop",
    "tick_at_or_above",
    "tick_at_or_below",
    "to_price",
    "trail",
    "trail_threshold",
    "trails",
]


def to_price(params: Params, ticks: int) -> float:
    """The float64 nearest to a price given in ticks."""
    return ticks * params.tick_numerator / params.tick_denominator


def tick_at_or_below(params: Params, level: float) -> int:
    """The highest tick whose price does not exceed ``level``."""
    # A float estimate, made exact by asking for the prices around it.
    ticks = int(level * params.tick_denominator / params.tick_numerator)
    while to_price(params, ticks + 1) <= level:
        ticks += 1
    while to_price(params, ticks) > level:
        ticks -= 1
    return ticks


def tick_at_or_above(params: Params, level: float) -> int:
    """The lowest tick whose price reaches ``level``."""
    ticks = tick_at_or_below(params, level)
    return ticks if to_price(params, ticks) >= level else ticks + 1


def stop(params: Params, side: int, price: float) -> float:
    return price * (1.0 - side * params.stop_pct / 100.0)


def runner_take(params: Params, side: int, price: float) -> float:
    return price * (1.0 + side * (2.0 * params.take_pct) / 100.0)


def scalp_take(params: Params, side: int, price: float, scalps_open: int) -> float:
    """Take of a lot that is not the runner; ``scalps_open`` lots besides the runner were open before it."""
    percent = params.take_pct
    if params.scalp_mode == SCALP_LINEAR:
        percent = max(percent - scalps_open * params.scalp_step_pct, params.scalp_floor_pct)
    elif params.scalp_mode == SCALP_EXP:
        percent = max(percent * power(params.scalp_factor, scalps_open), params.scalp_floor_pct)
    return price * (1.0 + side * percent / 100.0)


def trails(params: Params) -> bool:
    """Whether the runner has a trailing stop at all: both knobs above 0."""
    return params.trail_activate_pct > 0.0 and params.trail_distance_pct > 0.0


def trail_threshold(params: Params, side: int, open_price: float) -> float:
    """The price that activates the trail."""
    return open_price * (1.0 + side * params.trail_activate_pct / 100.0)


def trail(
    params: Params, side: int, price: float, open_price: float, active: bool, peak: float, trail_stop: float
) -> tuple[bool, float, float]:
    """The runner's trail after a step at ``price``: active, peak, stop. The stop never falls (SELL: never rises)."""
    if not active:
        if side * price < side * trail_threshold(params, side, open_price):
            return False, peak, trail_stop
        return True, price, price * (1.0 - side * params.trail_distance_pct / 100.0)
    if side * price > side * peak:
        moved = price * (1.0 - side * params.trail_distance_pct / 100.0)
        return True, price, moved if side * moved > side * trail_stop else trail_stop
    return True, peak, trail_stop


def exit_reason(side: int, price: float, lot_stop: float, lot_take: float, trailing: bool, trail_stop: float) -> int:
    """Which level of a lot the price has reached, if any. ``trailing``: its trail was active before this step."""
    if side == BUY:
        if trailing and price <= trail_stop:
            return EXIT_TRAILING_STOP
        if price <= lot_stop:
            return EXIT_STOP_LOSS
        return EXIT_TAKE_PROFIT if price >= lot_take else EXIT_NONE
    if trailing and price >= trail_stop:
        return EXIT_TRAILING_STOP
    if price >= lot_stop:
        return EXIT_STOP_LOSS
    return EXIT_TAKE_PROFIT if price <= lot_take else EXIT_NONE
