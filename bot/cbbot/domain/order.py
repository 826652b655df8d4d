"""Sides, and what an executed order amounts to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Execution", "Side"]


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


@dataclass(frozen=True, slots=True)
class Execution:
    """What the venue says of an order that is over: sizes and money on the integer scales.

    ``price`` is the average price in ticks; ``value`` the executed notional and ``commission``
    the fee, in ledger units as the venue gave them, not recomputed from a rounded average.
    ``commission`` is None where the venue gave none. ``base`` is 0 for an order that ended
    without a fill.
    """

    order_id: str
    price: int
    base: int
    value: int
    commission: int | None
