"""The bridge's HTTP contract for orders: what is asked for, and what became of it.

The three outcomes of an order request, never to be confused, are told in ``bridge_errors``.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, StrictBool, model_validator

from cbbot.contract.bridge_errors import ErrorDetail
from cbbot.contract.bridge_fields import (
    BridgeAnswer,
    BridgeRequest,
    ClientOrderId,
    DecimalText,
    PositiveDecimalText,
    ProductId,
    UpstreamObject,
    VenueMs,
)
from cbbot.domain.order import OrderStatus, Side

__all__ = [
    "AttachedBracket",
    "BracketOrder",
    "LimitOrder",
    "MarketBuy",
    "MarketOrder",
    "OpenOrders",
    "OrderEdit",
    "OrderInDoubt",
    "OrderKind",
    "OrderNotFound",
    "OrderPlaced",
    "OrderSearch",
    "OrderState",
    "OrderUnchanged",
    "OwnOrders",
    "StopDirection",
    "StopLimitOrder",
    "TimeInForce",
    "UnreadableOrder",
]


class OrderKind(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP_LIMIT = "STOP_LIMIT"
    BRACKET = "BRACKET"


class TimeInForce(StrEnum):
    """Good till canceled, good till date, immediate or cancel, fill or kill."""

    GTC = "GTC"
    GTD = "GTD"
    IOC = "IOC"
    FOK = "FOK"


class StopDirection(StrEnum):
    """Whether the last price must rise to the stop price, or fall to it."""

    UP = "UP"
    DOWN = "DOWN"


def _real_day(text: str) -> str:
    try:
        date.fromisoformat(text[:10])
    except ValueError as error:
        raise ValueError(f"there is no day {text[:10]}") from error
    return text


EndTime = Annotated[
    str,
    Field(
        pattern=r"^2[0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
        r"(\.[0-9]{1,9})?Z$",
        examples=["2026-12-24T18:00:00Z"],
    ),
    AfterValidator(_real_day),
]
"""When a GTD order ends: RFC 3339, in UTC."""


def _only(given: str, absent: str) -> dict[str, JsonValue]:
    return {"required": [given], "properties": {given: {"type": "string"}, absent: {"type": "null"}}}


class AttachedBracket(BridgeRequest):
    """The exit that Coinbase makes of an order's fills: a take at ``limit_price``, a stop at ``stop_trigger_price``."""

    limit_price: PositiveDecimalText = Field(examples=["75000.00"])
    stop_trigger_price: PositiveDecimalText = Field(examples=["65000.00"])


class _OrderRequest(BridgeRequest):
    """What every order has. The bridge does not let it leave after ``not_after_ms``: 400 ``too_late``.

    A request may wait where nobody sees it, in the socket of a process that is stopped. An order that is found to be
    late while an earlier try of it may have been taken is unknown, and not tried again.
    """

    client_order_id: ClientOrderId = Field(examples=["btc-1795368120123-17"])
    product_id: ProductId = Field(examples=["BTC-USD"])
    not_after_ms: VenueMs | None = Field(default=None, examples=[4_102_444_800_000])


class MarketOrder(_OrderRequest):
    """``POST /order/market``. Sizes are floored to the product's increments, never rounded up."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [_only("quote_size", "base_size"), _only("base_size", "quote_size")]}
    )

    side: Side
    quote_size: PositiveDecimalText | None = Field(default=None, examples=["25.00"])
    base_size: PositiveDecimalText | None = Field(default=None)
    attached: AttachedBracket | None = None

    @model_validator(mode="after")
    def _one_size(self) -> MarketOrder:
        if (self.quote_size is None) == (self.base_size is None):
            raise ValueError("give exactly one of quote_size and base_size")
        return self


class MarketBuy(_OrderRequest):
    """``POST /orders/market_buy``."""

    quote_size: PositiveDecimalText = Field(examples=["25.00"])


def _when(time_in_force: tuple[TimeInForce, ...], *, end: bool, post_only: bool | None = None) -> dict[str, JsonValue]:
    """One of the ways in which ``time_in_force``, ``end_time`` and ``post_only`` go together."""
    properties: dict[str, JsonValue] = {
        "time_in_force": {"enum": [each.value for each in time_in_force]},
        "end_time": {"type": "string" if end else "null"},
    }
    if post_only is not None:
        properties["post_only"] = {"const": post_only}
    required: list[JsonValue] = [] if TimeInForce.GTC in time_in_force else ["time_in_force"]
    return {"properties": properties, "required": [*required, "end_time"] if end else required}


_RESTING: list[JsonValue] = [_when((TimeInForce.GTC,), end=False), _when((TimeInForce.GTD,), end=True)]
_AT_ONCE = _when((TimeInForce.IOC, TimeInForce.FOK), end=False, post_only=False)


class _PricedOrder(_OrderRequest):
    """What every order with a price has. Sizes are floored; prices are rounded down for a BUY, up for a SELL."""

    side: Side
    base_size: PositiveDecimalText = Field(examples=["0.001"])
    limit_price: PositiveDecimalText = Field(examples=["70000.00"])
    end_time: EndTime | None = None


class LimitOrder(_PricedOrder):
    """``POST /order/limit``. ``end_time`` goes with GTD and only with it, ``post_only`` with GTC and GTD."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [*_RESTING, _AT_ONCE]})

    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: StrictBool = False
    attached: AttachedBracket | None = None

    @model_validator(mode="after")
    def _goes_together(self) -> LimitOrder:
        _check_end(self.time_in_force, self.end_time)
        if self.post_only and self.time_in_force not in (TimeInForce.GTC, TimeInForce.GTD):
            raise ValueError("post_only goes with time_in_force GTC or GTD")
        return self


class _TriggeredOrder(_PricedOrder):
    model_config = ConfigDict(json_schema_extra={"oneOf": _RESTING})

    time_in_force: Literal[TimeInForce.GTC, TimeInForce.GTD] = TimeInForce.GTC

    @model_validator(mode="after")
    def _goes_together(self) -> _TriggeredOrder:
        _check_end(self.time_in_force, self.end_time)
        return self


class StopLimitOrder(_TriggeredOrder):
    """``POST /order/stop_limit``: a limit order once the last price has reached ``stop_price``.

    ``stop_direction`` is DOWN for a SELL and UP for a BUY unless it is given.
    """

    stop_price: PositiveDecimalText = Field(examples=["70100.00"])
    stop_direction: StopDirection | None = None


class BracketOrder(_TriggeredOrder):
    """``POST /order/bracket``: one order with a take at ``limit_price`` and a stop at ``stop_trigger_price``.

    Filling one of the two ends the other. The stop becomes a limit 5 % beyond its trigger: a fill is
    not guaranteed.
    """

    stop_trigger_price: PositiveDecimalText = Field(examples=["65000.00"])


def _check_end(time_in_force: TimeInForce, end_time: str | None) -> None:
    if (time_in_force is TimeInForce.GTD) != (end_time is not None):
        raise ValueError("end_time goes with time_in_force GTD, and only with it")


class OrderEdit(BridgeRequest):
    """``PATCH /order/{order_id}``: price and size anew, both; the size includes what is filled already."""

    price: PositiveDecimalText = Field(examples=["69500.00"])
    size: PositiveDecimalText = Field(examples=["0.001"])


class OrderPlaced(UpstreamObject):
    """Coinbase's create answer, plus ``order_id`` at the top.

    For a repeated client order id this is the *original* order.
    """

    success: Literal[True] = True
    order_id: str
    client_order_id: str


class OrderState(BridgeAnswer):
    """An order and what has been executed of it.

    ``filled_size`` is base, ``filled_value`` and ``commission_total_usd`` are quote (fee not
    included in the value). Of an order that goes on, whichever of the order and its fills tells more is
    believed, since either may lag; of one that is over, the order's own totals. ``fills_agree`` is true
    when both tell the same. ``commission_total_usd`` is None when Coinbase names no fee. ``settled`` is
    Coinbase's and means completely filled: it says nothing of balances, and stays false for ever when an
    order ends with a part of it filled.
    ``base_size``, ``quote_size``, the prices, ``kind`` and ``time_in_force`` are what was asked for, after
    edits; ``stop_price`` is the price that sets a stop or the stop of a bracket off. None: not said, or of
    a kind that this project does not know.
    """

    order_id: str
    client_order_id: str
    product_id: str
    side: Side
    status: OrderStatus
    created_time: str
    kind: OrderKind | None = None
    time_in_force: TimeInForce | None = None
    base_size: DecimalText | None = None
    quote_size: DecimalText | None = None
    limit_price: DecimalText | None = None
    stop_price: DecimalText | None = None
    pending_cancel: bool = False
    filled_size: DecimalText = Field(examples=["0.00036282"])
    average_filled_price: DecimalText = Field(examples=["68901.00"])
    filled_value: DecimalText = Field(examples=["24.99866082"])
    commission_total_usd: DecimalText | None = Field(examples=["0.22498794738"])
    settled: bool
    fills_agree: bool
    reject_reason: str = ""


class UnreadableOrder(BridgeAnswer):
    """An order that exists, and of which Coinbase says too little or what cannot be: ``reason``.

    ``order_id`` is empty where it does not say even that.
    """

    client_order_id: str
    order_id: str
    reason: str


class OpenOrders(BridgeAnswer):
    """``GET /orders/open``: every order that is not over, without a look at its fills. All pages, or an error.

    Whether an order that is ``unreadable`` is over may not be known either.
    """

    orders: list[OrderState]
    size: int
    unreadable: list[UnreadableOrder] = Field(default=[])


class OrderInDoubt(BridgeAnswer):
    """An order that has left for Coinbase, which may have taken it or not: ``sent_time`` is when it left first.

    Sizes are those that it left with.
    """

    client_order_id: str
    side: Side
    base_size: DecimalText | None = None
    quote_size: DecimalText | None = None
    sent_time: str


class OwnOrders(BridgeAnswer):
    """``GET /orders``: every order whose client order id begins with the prefix, created since ``since`` or later.

    Without a look at their fills. All pages, or an error: what is in neither list was not visible at ``until``. One
    that Coinbase has taken from this bridge and does not list yet is told as it was sent, PENDING. Times are the
    venue's, RFC 3339. ``all_visible``: no order under such an id is on its way or invisible still. The bridge
    knows that once it has run for as long as an order may be invisible, and every one that it has sent since is here.
    ``in_doubt``: those that have left for Coinbase, by this bridge and no longer ago than that, without an answer yet.
    """

    since: str
    until: str
    orders: list[OrderState]
    size: int
    unreadable: list[UnreadableOrder] = Field(default=[])
    in_doubt: list[OrderInDoubt] = Field(default=[])
    all_visible: bool = False


class OrderUnchanged(BridgeAnswer):
    """409 of DELETE and PATCH: certainly not canceled, or not edited.

    ``order`` is its state, None where Coinbase would not tell it. Beside Coinbase's reasons, ``code`` is
    ``not_canceled``, ``not_edited`` or, without ``order``, ``stale_epoch``.
    """

    error: ErrorDetail
    order: OrderState | None = None


class OrderSearch(BridgeAnswer):
    """How far a listing looked. Times are the venue's, RFC 3339.

    ``complete`` is false when the listing did not come to its end, or when Coinbase wants a proof of identity
    before it lists all: then absence proves nothing. ``looked_back_seconds`` is ``until - since``.
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
