"""The bridge's HTTP contract for orders: what is asked for, and what became of it.

The three outcomes of an order request, never to be confused, are told in ``bridge_errors``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from cbbot.contract.bridge_errors import ErrorDetail
from cbbot.contract.bridge_fields import (
    BridgeAnswer,
    BridgeRequest,
    ClientOrderId,
    DecimalText,
    PositiveDecimalText,
    ProductId,
    UpstreamObject,
)
from cbbot.domain.order import Side

__all__ = [
    "MarketBuy",
    "MarketOrder",
    "OrderNotFound",
    "OrderPlaced",
    "OrderSearch",
    "OrderState",
    "OrderStatus",
]


def _only(given: str, absent: str) -> dict[str, JsonValue]:
    return {"required": [given], "properties": {given: {"type": "string"}, absent: {"type": "null"}}}


class MarketOrder(BridgeRequest):
    """``POST /order/market``. Sizes are floored to the product's increments, never rounded up."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [_only("quote_size", "base_size"), _only("base_size", "quote_size")]}
    )

    client_order_id: ClientOrderId = Field(examples=["btc-1795368120123-17"])
    product_id: ProductId = Field(examples=["BTC-USD"])
    side: Side
    quote_size: PositiveDecimalText | None = Field(default=None, examples=["25.00"])
    base_size: PositiveDecimalText | None = Field(default=None)

    @model_validator(mode="after")
    def _one_size(self) -> MarketOrder:
        if (self.quote_size is None) == (self.base_size is None):
            raise ValueError("give exactly one of quote_size and base_size")
        return self


class MarketBuy(BridgeRequest):
    """``POST /orders/market_buy``."""

    client_order_id: ClientOrderId = Field(examples=["btc-1795368120123-17"])
    product_id: ProductId = Field(examples=["BTC-USD"])
    quote_size: PositiveDecimalText = Field(examples=["25.00"])


class OrderPlaced(UpstreamObject):
    """Coinbase's create answer, plus ``order_id`` at the top.

    For a repeated client order id this is the *original* order, whatever the repeat asked for.
    """

    success: Literal[True] = True
    order_id: str
    client_order_id: str


class OrderStatus(StrEnum):
    """Coinbase's states. Account by ``filled_size``: a canceled market order may be partly filled."""

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
        return self in _TERMINAL


_TERMINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.FAILED})


class OrderState(BridgeAnswer):
    """An order and what has been executed of it.

    ``filled_size`` is base, ``filled_value`` and ``commission_total_usd`` are quote (fee not
    included in the value). Whichever of the order and its fills tells more is believed, since either
    may lag; ``fills_agree`` is true when both tell the same. ``commission_total_usd`` is None when
    Coinbase names no fee. ``settled`` turns true when balances have been posted.
    ``base_size``/``quote_size`` are what was asked for.
    """

    order_id: str
    client_order_id: str
    product_id: str
    side: Side
    status: OrderStatus
    created_time: str
    base_size: DecimalText | None = None
    quote_size: DecimalText | None = None
    filled_size: DecimalText = Field(examples=["0.00036282"])
    average_filled_price: DecimalText = Field(examples=["68901.00"])
    filled_value: DecimalText = Field(examples=["24.99866082"])
    commission_total_usd: DecimalText | None = Field(examples=["0.22498794738"])
    settled: bool
    fills_agree: bool
    reject_reason: str = ""


class OrderSearch(BridgeAnswer):
    """How far a listing looked. Times are the venue's, RFC 3339.

    ``complete`` is false when the listing had more pages than the bridge reads: then absence proves
    nothing. ``looked_back_seconds`` is ``until - since``.
    """

    since: str
    until: str
    looked_back_seconds: int
    pages: int
    orders_seen: int
    complete: bool


class OrderNotFound(BridgeAnswer):
    """404 of ``GET /order``: no such order in the listing that ``search`` describes."""

    error: ErrorDetail
    search: OrderSearch
