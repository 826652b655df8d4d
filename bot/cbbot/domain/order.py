"""Sides and states of orders, and what an executed one amounts to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Execution", "OrderStatus", "Side"]


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class OrderStatus(StrEnum):
    """Coinbase's states. None says that an order is filled in part: it is OPEN, or CANCELLED when it has ended.

    So account by what was filled.
    """

    PENDING = "PENDING"
    OPEN = "OPEN"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    UNKNOWN_ORDER_STATUS = "UNKNOWN_ORDER_STATUS"
    QUEUED = "QUEUED"
    CANCEL_QUEUED = "CANCEL_QUEUED"
    EDIT_QUEUED = "EDIT_QUEUED"

    @property
    def terminal(self) -> bool:
        """Whether nothing more can become of such an order."""
        return self in _TERMINAL


_TERMINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.FAILED})


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
