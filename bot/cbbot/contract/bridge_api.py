"""The bridge's HTTP contract: every request and answer that bot and bridge exchange.

Prices, sizes and money are plain decimal text, never numbers. Answers may gain fields: readers
ignore what they do not know. Requests may not: an unknown field is refused with 422.

The three outcomes of an order request, never to be confused, are told in ``bridge_errors``.

Header names are here too. The epoch is learnt from requests that carry a valid token only, so a
bot sends its token with every request, market data included.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from cbbot.contract.bridge_errors import BridgeErrorCode, ErrorAnswer, ErrorDetail
from cbbot.domain.order import Side

__all__ = [
    "BOT_EPOCH_HEADER",
    "BOT_ID_HEADER",
    "MAX_CANDLES",
    "Account",
    "Accounts",
    "Amount",
    "Balance",
    "Bbo",
    "BotEpoch",
    "BotId",
    "BridgeErrorCode",
    "CandleRow",
    "ClientOrderId",
    "CredentialCheck",
    "DecimalText",
    "ErrorAnswer",
    "ErrorDetail",
    "Fees",
    "Filters",
    "Health",
    "MarketBuy",
    "MarketOrder",
    "NoTick",
    "OrderNotFound",
    "OrderPlaced",
    "OrderSearch",
    "OrderState",
    "OrderStatus",
    "PositiveDecimalText",
    "Price",
    "ProductAnswer",
    "ProductId",
    "RateBudgetLeft",
    "Ready",
    "TickAge",
    "Upstream",
    "VenueTime",
    "WebSocketState",
]

BOT_ID_HEADER = "X-Bot-Id"
BOT_EPOCH_HEADER = "X-Bot-Epoch"
MAX_CANDLES = 350

DecimalText = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", max_length=80)]
"""Plain decimal notation: no exponent, no leading plus, no spaces."""

PositiveDecimalText = Annotated[
    str, Field(pattern=r"^(0*[1-9][0-9]*(\.[0-9]+)?|0+\.[0-9]*[1-9][0-9]*)$", max_length=40)
]
"""As ``DecimalText``, and above zero."""

ProductId = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,20}-[A-Z0-9]{1,20}$")]
ClientOrderId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
BotId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$")]
BotEpoch = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""Rises with every start of a bot (docs/trading.md, section 4)."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Upstream(BaseModel):
    """Coinbase's own object: the fields the project relies on, the rest passed on untouched."""

    model_config = ConfigDict(frozen=True, extra="allow")


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OrderSearch(_Answer):
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


class OrderNotFound(_Answer):
    """404 of ``GET /order``: no such order in the listing that ``search`` describes."""

    error: ErrorDetail
    search: OrderSearch


class Health(_Answer):
    ok: Literal[True] = True


class Ready(_Answer):
    """``orders`` tells whether orders can be served, and if not why (``NO_CREDENTIALS`` ...)."""

    ready: Literal[True] = True
    orders: str = Field(examples=["ready", "no_credentials"])
    version: str


class CredentialCheck(_Answer):
    """``valid`` is None when there are no keys or Coinbase could not be asked."""

    configured: bool
    valid: bool | None
    can_view: bool | None = None
    can_trade: bool | None = None
    can_transfer: bool | None = None


class WebSocketState(_Answer):
    """``refused_products``: those Coinbase does not stream; their prices are polled."""

    enabled: bool
    connected: bool
    reconnects: int
    gaps: int
    refused_products: list[str] = []


class TickAge(_Answer):
    product_id: str
    age_seconds: float | None
    stale: bool


class RateBudgetLeft(_Answer):
    """Requests that may leave at once, of the private and of the public allowance."""

    private: float
    public: float


class Upstream(_Answer):
    """What lies behind the bridge. ``clock_skew_ms``: venue minus this machine, None before a sample."""

    reachable: bool
    base: str
    clock_skew_ms: int | None
    clock_rate: float
    credentials: CredentialCheck
    websocket: WebSocketState
    ticks: list[TickAge]
    rate_budget: RateBudgetLeft
    warnings: list[str]


class VenueTime(_Answer):
    """The venue's time now. ``offset_ms`` = venue minus this machine's clock."""

    iso: str = Field(examples=["2026-11-22T17:22:00.123Z"])
    epoch_ms: int = Field(examples=[1795368120123])
    offset_ms: int = Field(examples=[-12])


class ProductAnswer(_Upstream):
    """Coinbase's product, whole. ``""`` in a decimal means *not given*."""

    product_id: str
    price: str = ""
    price_increment: DecimalText
    base_increment: DecimalText
    quote_increment: DecimalText
    quote_min_size: DecimalText
    base_min_size: DecimalText = "0"
    status: str = ""
    is_disabled: bool = False
    trading_disabled: bool = False
    cancel_only: bool = False
    limit_only: bool = False
    post_only: bool = False
    auction_mode: bool = False
    view_only: bool = False


class CandleRow(_Answer):
    """``start`` is the open time in UNIX seconds, as text. The newest row may still be in progress."""

    start: Annotated[str, Field(pattern=r"^[0-9]+$")] = Field(examples=["1712192400"])
    open: DecimalText = Field(examples=["66312.4"])
    high: DecimalText = Field(examples=["66331.99"])
    low: DecimalText = Field(examples=["66055.14"])
    close: DecimalText = Field(examples=["66181.6"])
    volume: DecimalText = Field(examples=["355.82896243"])


class Price(_Answer):
    """Last price. ``ts`` is the exchange's time of the tick, ``stale`` is by when we received it."""

    product_id: str
    price: DecimalText = Field(examples=["68900.50"])
    ts: str = Field(examples=["2026-04-07T14:30:03.000000Z"])
    stale: bool


class NoTick(_Answer):
    """200 of ``GET /price`` before the first tick."""

    error: Literal["no_tick"] = "no_tick"
    product_id: str


class Bbo(_Answer):
    """Best bid and offer, with the exchange's time of them."""

    bid: DecimalText = Field(examples=["68900.00"])
    ask: DecimalText = Field(examples=["68901.00"])
    ts: str


class Filters(_Answer):
    """``price_increment``, ``base_increment``, ``quote_increment``, ``quote_min_size`` of the product."""

    price_tick: DecimalText = Field(examples=["0.01"])
    base_step: DecimalText = Field(examples=["0.00000001"])
    quote_step: DecimalText = Field(examples=["0.01"])
    min_notional: DecimalText = Field(examples=["1"])


class Fees(_Answer):
    """Rates as fractions: ``0.009`` is 0.9 %."""

    maker_rate: DecimalText = Field(examples=["0.005"])
    taker_rate: DecimalText = Field(examples=["0.009"])
    tier: str


@dataclass(frozen=True, slots=True)
class Amount:
    """No model: a listing has two of them for every account, and a model costs several times as much."""

    value: DecimalText
    currency: str


class Account(_Upstream):
    """``available_balance`` may be spent; ``hold`` is tied up in open orders. Total is their sum."""

    currency: Annotated[str, Field(min_length=1)]
    available_balance: Amount
    hold: Amount
    type: str = ""


class Accounts(_Answer):
    """All accounts: every page is read before this answers, so ``has_next`` is always false.

    ``unreadable``: currencies of accounts whose balance Coinbase did not tell, ``?`` where it told no currency.
    """

    accounts: list[Account]
    unreadable: list[str] = []
    has_next: Literal[False] = False
    cursor: Literal[""] = ""
    size: int


class Balance(_Answer):
    """``step`` is the product's increment for this asset."""

    asset: str = Field(examples=["BTC"])
    available: DecimalText = Field(examples=["0.5"])
    step: DecimalText = Field(examples=["0.00000001"])


def _only(given: str, absent: str) -> dict[str, JsonValue]:
    return {"required": [given], "properties": {given: {"type": "string"}, absent: {"type": "null"}}}


class MarketOrder(_Request):
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


class MarketBuy(_Request):
    """``POST /orders/market_buy``."""

    client_order_id: ClientOrderId = Field(examples=["btc-1795368120123-17"])
    product_id: ProductId = Field(examples=["BTC-USD"])
    quote_size: PositiveDecimalText = Field(examples=["25.00"])


class OrderPlaced(_Upstream):
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


class OrderState(_Answer):
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
