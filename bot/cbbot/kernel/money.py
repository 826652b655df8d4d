"""Exact money: notional, fees, slippage, profit. All integers; no fee or notional wraps at 63 bits.

Amounts are ledger units; ``ticks * base_units`` is a notional. Fees round up, against us.
"""

from __future__ import annotations

from cbbot.kernel.codes import BUY
from cbbot.kernel.params import RATE_SCALE, SLIPPAGE_SCALE

__all__ = ["fee_up", "marked", "net_pnl", "share", "slipped"]


def fee_up(notional: int, fee_rate: int) -> int:
    """``ceil(notional x fee_rate / RATE_SCALE)``.

    In two parts: the plain product passes 2**63 at a notional of 122,978 USD and 0.75 %.
    """
    whole = notional // RATE_SCALE
    rest = notional - whole * RATE_SCALE
    return whole * fee_rate + -((-rest * fee_rate) // RATE_SCALE)


def slipped(ticks: int, side: int, slippage: int) -> int:
    """The price of a fill on ``side``, moved against us and rounded to the tick against us; at least one tick."""
    if slippage == 0:
        return ticks
    move = -((-ticks * slippage) // SLIPPAGE_SCALE)
    if side == BUY:
        return ticks + move
    return max(ticks - move, 1)


def net_pnl(side: int, cost: int, proceeds: int, fees: int) -> int:
    """Profit of a closed lot. ``cost`` is its entry notional, ``proceeds`` its exit notional."""
    gross = proceeds - cost if side == BUY else cost - proceeds
    return gross - fees


def marked(side: int, ticks: int, base: int, cost: int, entry_fee: int) -> int:
    """Unrealised profit of open lots at a price: of one, or of the sums over many. No exit fee is guessed."""
    return side * (ticks * base - cost) - entry_fee


def share(total: int, part: int, whole: int) -> int:
    """``floor(total x part / whole)`` for 0 <= part <= whole: a lot's cost that goes with a part of its size."""
    quotient = total // whole
    rest = total - quotient * whole
    return quotient * part + rest * part // whole
