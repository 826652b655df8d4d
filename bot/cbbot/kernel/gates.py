"""May this signal open a lot now, and how large? The gates of an entry, in their order."""

from __future__ import annotations

from math import ceil
from typing import Final, NamedTuple

from cbbot.kernel.codes import (
    ALLOWED,
    BUY,
    DENY_ADVERSE_GATE,
    DENY_BELOW_MINIMUM,
    DENY_BREAKER,
    DENY_COOLDOWN,
    DENY_EXITS_ONLY,
    DENY_FLAT,
    DENY_INSUFFICIENT_FUNDS,
    DENY_LONG_ONLY,
    DENY_MAX_EXPOSURE,
    DENY_MAX_LOTS,
    DENY_PAUSED,
    DENY_PYRAMIDING_DISABLED,
    DENY_SPACING,
    FLAT,
    SELL,
)
from cbbot.kernel.elementary import exponential, logarithm
from cbbot.kernel.levels import to_price
from cbbot.kernel.money import slipped
from cbbot.kernel.params import FOREVER_MS, NO_CAP, Params
from cbbot.kernel.sizing import base_for, budget, vol_tenths

__all__ = [
    "UNLIMITED",
    "Entry",
    "Position",
    "Stops",
    "adverse_pct",
    "affordable",
    "entry",
    "floor_reached_ms",
    "permitted",
]

UNLIMITED: Final = 2**62
"""Cash, in ledger units, that no entry is denied for: beyond anything that cbbot counts."""


class Position(NamedTuple):
    """What is open, as the gates see it. ``side`` and ``last_entry_ticks`` mean nothing when ``lots`` is 0."""

    lots: int
    side: int
    last_entry_ticks: int
    last_add_ms: int
    exposure: int


class Entry(NamedTuple):
    """What a permitted signal would open: base units at ``ticks``, slippage included, out of ``spend`` ledger units.

    ``denied`` is ALLOWED, or the gate that denies; then ``base`` is 0.
    """

    base: int
    spend: int
    ticks: int
    denied: int


class Stops(NamedTuple):
    """What stops entries whatever the signal. ``last_loss_ms`` is negative when there was none."""

    breaker: bool
    paused: bool
    last_loss_ms: int


def floor_reached_ms(start_pct: float, decay: float, floor_pct: float) -> int:
    """Milliseconds after which ``start_pct`` decayed by ``decay`` a minute is below ``floor_pct`` for good."""
    if decay == 0.0 or floor_pct == 0.0:
        return FOREVER_MS
    if start_pct <= floor_pct:
        return 0
    # A second more than the logarithm says: before it the exponential decides, whichever way it is rounded.
    return min(ceil(logarithm(start_pct / floor_pct) / decay * 60_000.0) + 1_000, FOREVER_MS)


def adverse_pct(params: Params, elapsed_ms: int) -> float:
    """The adverse move, in percent, that an add needs so long after the last one."""
    if params.adverse_decay == 0.0:
        return params.adverse_pct
    if elapsed_ms >= params.adverse_floor_ms:
        return params.adverse_floor_pct
    decayed = params.adverse_pct * exponential(-params.adverse_decay * (elapsed_ms / 60_000.0))
    return max(decayed, params.adverse_floor_pct)


def permitted(params: Params, wanted: int, now_ms: int, ticks: int, position: Position, stops: Stops) -> int:
    """The first gate that denies, before any size is worked out; ALLOWED when none does."""
    if wanted == FLAT:
        return DENY_FLAT
    if position.lots > 0 and wanted != position.side:
        return DENY_EXITS_ONLY
    if wanted == SELL and params.long_only:
        return DENY_LONG_ONLY
    if stops.breaker:
        return DENY_BREAKER
    if stops.paused:
        return DENY_PAUSED
    if stops.last_loss_ms >= 0 and now_ms - stops.last_loss_ms < params.cooldown_ms:
        return DENY_COOLDOWN
    if position.lots > 0:
        return _may_add(params, wanted, now_ms, ticks, position)
    return ALLOWED


def _may_add(params: Params, wanted: int, now_ms: int, ticks: int, position: Position) -> int:
    if position.lots >= params.max_lots:
        return DENY_MAX_LOTS
    if not params.pyramiding:
        return DENY_PYRAMIDING_DISABLED
    elapsed = now_ms - position.last_add_ms
    if elapsed < params.spacing_ms:
        return DENY_SPACING
    last_entry = to_price(params, position.last_entry_ticks)
    gate = last_entry * (1.0 - wanted * adverse_pct(params, elapsed) / 100.0)
    price = to_price(params, ticks)
    reached = price <= gate if wanted == BUY else price >= gate
    return ALLOWED if reached else DENY_ADVERSE_GATE


def affordable(params: Params, spend: int, cash: int, ticks: int, exposure: int) -> tuple[int, int]:
    """The size that ``spend`` buys at ``ticks`` and ALLOWED, or 0 and the gate that denies."""
    if spend > cash:
        return 0, DENY_INSUFFICIENT_FUNDS
    base = base_for(spend, ticks, params.fee_rate)
    if base <= 0 or base * ticks < params.min_notional_ledger:
        return 0, DENY_BELOW_MINIMUM
    if params.max_exposure_ledger != NO_CAP and exposure + base * ticks > params.max_exposure_ledger:
        return 0, DENY_MAX_EXPOSURE
    return base, ALLOWED


def entry(params: Params, wanted: int, ticks: int, std_ratio: float, equity: int, cash: int, exposure: int) -> Entry:
    """Size an entry that :func:`permitted` allows: volatility, budget, slippage, then what it can afford.

    ``ticks`` is the step's price, ``std_ratio`` the 20-candle standard deviation over the close; ``equity``,
    ``cash`` and ``exposure`` (the open lots' cost) are ledger units.
    """
    tenths = vol_tenths(std_ratio) if params.vol_adjust else 10
    spend = budget(params, equity, tenths)
    price = slipped(ticks, wanted, params.slippage)
    base, denied = affordable(params, spend, cash, price, exposure)
    return Entry(base, spend, price, denied)
