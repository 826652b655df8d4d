"""The bridge's HTTP contract: every request and answer that bot and bridge exchange; orders are in ``bridge_orders``.

Prices, sizes and money are plain decimal text, never numbers. Answers may gain fields: readers
ignore what they do not know. Requests may not: an unknown field is refused with 422.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from cbbot.contract.bridge_fields import BridgeAnswer, DecimalText, UpstreamObject

__all__ = [
    "MAX_CANDLES",
    "Account",
    "Accounts",
    "Amount",
    "Balance",
    "Bbo",
    "CandleRow",
    "CredentialCheck",
    "Fees",
    "Filters",
    "Health",
    "NewestEpoch",
    "NoTick",
    "Price",
    "ProductAnswer",
    "RateBudgetLeft",
    "Ready",
    "TickAge",
    "Upstream",
    "VenueTime",
    "WebSocketState",
]

MAX_CANDLES = 350


class Health(BridgeAnswer):
    ok: Literal[True] = True


class Ready(BridgeAnswer):
    """``orders`` tells whether orders can be served, and if not why (``NO_CREDENTIALS`` ...)."""

    ready: Literal[True] = True
    orders: str = Field(examples=["ready", "no_credentials"])
    version: str


class CredentialCheck(BridgeAnswer):
    """``valid`` is None when there are no keys or Coinbase could not be asked; ``refusal`` says why it is not True.

    ``fingerprint`` tells one key from another: of a key that is read from files, see ``key_fingerprint``.
    ``portfolio`` is the uuid of the one that the key is bound to, empty where Coinbase does not say.
    """

    configured: bool
    valid: bool | None
    refusal: str = ""
    fingerprint: str = ""
    can_view: bool | None = None
    can_trade: bool | None = None
    can_transfer: bool | None = None
    portfolio: str = ""


class WebSocketState(BridgeAnswer):
    """``refused_products``: those Coinbase does not stream; their prices are polled."""

    enabled: bool
    connected: bool
    reconnects: int
    gaps: int
    refused_products: list[str] = Field(default=[])


class TickAge(BridgeAnswer):
    product_id: str
    age_seconds: float | None
    stale: bool


class RateBudgetLeft(BridgeAnswer):
    """Requests that may leave at once, of the private and of the public allowance."""

    private: float
    public: float


class Upstream(BridgeAnswer):
    """What lies behind the bridge. ``clock_skew_ms``: venue minus this machine, None before a sample.

    ``next_credentials``: the key that now stands in the files, tried at Coinbase, where it is not the one in use.
    """

    reachable: bool
    base: str
    clock_skew_ms: int | None
    clock_rate: float
    credentials: CredentialCheck
    next_credentials: CredentialCheck | None = None
    websocket: WebSocketState
    ticks: list[TickAge]
    rate_budget: RateBudgetLeft
    warnings: list[str]


class VenueTime(BridgeAnswer):
    """The venue's time now. ``offset_ms`` = venue minus this machine's clock.

    ``rate_known``: the bridge has looked at the venue's clock for so long that it can tell one that runs from one that
    stands, as a simulator's may. Until then ``epoch_ms`` goes on as if it ran.
    """

    iso: str = Field(examples=["2026-11-22T17:22:00.123Z"])
    epoch_ms: int = Field(examples=[1795368120123])
    offset_ms: int = Field(examples=[-12])
    rate_known: bool = True


class NewestEpoch(BridgeAnswer):
    """The newest epoch of a bot that the bridge has seen; 0 when it has seen none."""

    bot_id: str = Field(examples=["btc"])
    epoch: int = Field(examples=[1795368120123])


class ProductAnswer(UpstreamObject):
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


class CandleRow(BridgeAnswer):
    """``start`` is the open time in UNIX seconds, as text. The newest row may still be in progress."""

    start: Annotated[str, Field(pattern=r"^[0-9]+$")] = Field(examples=["1712192400"])
    open: DecimalText = Field(examples=["66312.4"])
    high: DecimalText = Field(examples=["66331.99"])
    low: DecimalText = Field(examples=["66055.14"])
    close: DecimalText = Field(examples=["66181.6"])
    volume: DecimalText = Field(examples=["355.82896243"])


class Price(BridgeAnswer):
    """Last price. ``ts`` is the exchange's time of the tick, of its arrival where the tick has none that can be read;
    ``stale`` is by when we received it.

    ``trade_id`` and ``traded_at`` are those of the trade at this price, for telling one trade read twice from two;
    empty where Coinbase has not told them (its stream tells no ids, and no time in a snapshot).
    """

    product_id: str
    price: DecimalText = Field(examples=["68900.50"])
    ts: str = Field(examples=["2026-04-07T14:30:03.000000Z"])
    stale: bool
    trade_id: str = Field(default="", examples=["995098663"])
    traded_at: str = Field(default="", examples=["2026-04-07T14:30:03.000000Z"])


class NoTick(BridgeAnswer):
    """200 of ``GET /price`` before the first tick."""

    error: Literal["no_tick"] = "no_tick"
    product_id: str


class Bbo(BridgeAnswer):
    """Best bid and offer, with the exchange's time of them, ``""`` where it told none."""

    bid: DecimalText = Field(examples=["68900.00"])
    ask: DecimalText = Field(examples=["68901.00"])
    ts: str


class Filters(BridgeAnswer):
    """``price_increment``, ``base_increment``, ``quote_increment``, ``quote_min_size`` of the product."""

    price_tick: DecimalText = Field(examples=["0.01"])
    base_step: DecimalText = Field(examples=["0.00000001"])
    quote_step: DecimalText = Field(examples=["0.01"])
    min_notional: DecimalText = Field(examples=["1"])


class Fees(BridgeAnswer):
    """Rates as fractions: ``0.009`` is 0.9 %."""

    maker_rate: DecimalText = Field(examples=["0.005"])
    taker_rate: DecimalText = Field(examples=["0.009"])
    tier: str


@dataclass(frozen=True, slots=True)
class Amount:
    """No model: a listing has two of them for every account, and a model costs several times as much."""

    value: DecimalText
    currency: str


class Account(UpstreamObject):
    """``available_balance`` may be spent; ``hold`` is tied up in open orders. Total is their sum."""

    currency: Annotated[str, Field(min_length=1)]
    available_balance: Amount
    hold: Amount
    type: str = ""


class Accounts(BridgeAnswer):
    """All accounts: every page is read before this answers, so ``has_next`` is always false.

    ``unreadable``: currencies of accounts whose balance Coinbase did not tell, ``?`` where it told no currency.
    """

    accounts: list[Account]
    unreadable: list[str] = Field(default=[])
    has_next: Literal[False] = False
    cursor: Literal[""] = ""
    size: int


class Balance(BridgeAnswer):
    """``step`` is the product's increment for this asset."""

    asset: str = Field(examples=["BTC"])
    available: DecimalText = Field(examples=["0.5"])
    step: DecimalText = Field(examples=["0.00000001"])
