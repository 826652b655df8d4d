"""Orders: what was asked for, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cbbot.domain.order import Side
from cbbot.venue.matching import Trade

__all__ = ["Configuration", "Order", "OrderRequest", "OrderStatus"]

Configuration = Mapping[str, Mapping[str, object]]
"""Coinbase's ``order_configuration``: one kind of order, and its fields."""


class OrderStatus(StrEnum):
    """The ends of an immediate-or-cancel order. A partial fill is CANCELLED with a filled size."""

    FILLED = "FILLED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A new order as the customer sent it: text, not yet trusted."""

    client_order_id: str
    product_id: str
    side: str
    configuration: Configuration


@dataclass(frozen=True, slots=True)
class Order:
    """An order that was taken. Times are venue ms; sizes and money in integer scales (``Trade``).

    Market orders are over the moment they are taken, so an order never changes: what a customer
    *sees* of it depends on the time alone. ``in_quote`` is true for orders by ``quote_size``;
    ``asked`` is that size in ledger units, or the base size in base units.
    """

    sequence: int
    order_id: str
    client_order_id: str
    product_id: str
    side: Side
    configuration: Configuration
    in_quote: bool
    asked: int
    status: OrderStatus
    trades: tuple[Trade, ...]
    created_ms: int
    visible_ms: int
    fills_visible_ms: int
    settle_ms: int

    @property
    def base(self) -> int:
        return sum(trade.base for trade in self.trades)

    @property
    def value(self) -> int:
        return sum(trade.value for trade in self.trades)

    @property
    def commission(self) -> int:
        return sum(trade.commission for trade in self.trades)
