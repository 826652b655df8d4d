"""What the runtime asks of a broker: execute an order, and say what became of it.

Both calls are asynchronous iterators, because an order is reported more than once: accepted, then
over. Every iterator yields at least one event and ends; none raises for what a venue does. When it
ends without the order's end (``OrderUnknown``), the trader asks again by :class:`LookUp`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from cbbot.trader.events import (
    OrderAbsent,
    OrderAccepted,
    OrderContradicts,
    OrderFilled,
    OrderRefused,
    OrdersListed,
    OrdersNotListed,
    OrderUnknown,
)
from cbbot.trader.intent import Intent

__all__ = ["Broker", "Listing", "OrderEvent"]

Listing = OrdersListed | OrdersNotListed

OrderEvent = OrderAccepted | OrderFilled | OrderRefused | OrderUnknown | OrderAbsent | OrderContradicts


class Broker(Protocol):
    """``price`` is the step's price in ticks, ``now_ms`` the venue's time of the event that led to the order."""

    @property
    def immediate(self) -> bool:
        """Whether answers come without waiting, so that they belong before the next event."""
        ...

    def place(self, intent: Intent, price: int, now_ms: int, until: float) -> AsyncIterator[OrderEvent]:
        """Send the order; sending an intent twice is one order. Not after ``until``, on the event loop's clock."""
        ...

    def look_up(self, intent: Intent, now_ms: int) -> AsyncIterator[OrderEvent]:
        """Find out about an order that may have been sent; never places it."""
        ...

    async def list_orders(self, prefix: str, since_ms: int) -> Listing:
        """Every order of the account under ids with this prefix since a moment, complete; or why not."""
        ...
