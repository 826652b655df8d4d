"""The messages of Coinbase's WebSocket, channel by channel."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from contract.wire_values import (
    ABSENT,
    Count,
    Day,
    DecimalOrEmpty,
    DecimalText,
    EventKind,
    Moment,
    OrderState,
    ProductKind,
    Shape,
    Side,
    TimeInForce,
    Trigger,
)

__all__ = ["ErrorFrame", "Message", "OlderUserMessage"]


class ErrorFrame(Shape):
    """It has no channel and no sequence number."""

    type: Literal["error"]
    message: str


class Envelope(Shape):
    """What every channel has. ``sequence_num`` counts all messages of a connection, from 0."""

    channel: str
    client_id: str = ABSENT
    timestamp: Moment
    sequence_num: int


class Subscribed(Shape):
    subscriptions: dict[str, list[str]]


class Subscriptions(Envelope):
    channel: Literal["subscriptions"]
    events: list[Subscribed]


class Heartbeat(Shape):
    """The counter is text in the reference's prose and a number on the wire."""

    current_time: Day
    heartbeat_counter: int | Count


class Heartbeats(Envelope):
    channel: Literal["heartbeats"]
    events: list[Heartbeat]


class BatchTicker(Shape):
    """Without the book's best."""

    type: Literal["ticker"]
    product_id: str
    price: DecimalText
    volume_24_h: DecimalText
    low_24_h: DecimalText
    high_24_h: DecimalText
    low_52_w: DecimalText
    high_52_w: DecimalText
    price_percent_chg_24_h: DecimalText


class Ticker(BatchTicker):
    best_bid: DecimalOrEmpty
    best_bid_quantity: DecimalOrEmpty
    best_ask: DecimalOrEmpty
    best_ask_quantity: DecimalOrEmpty


class TickerEvent(Shape):
    type: EventKind
    tickers: list[Ticker]


class BatchTickerEvent(Shape):
    type: EventKind
    tickers: list[BatchTicker]


class Tickers(Envelope):
    channel: Literal["ticker"]
    events: list[TickerEvent]


class TickerBatch(Envelope):
    channel: Literal["ticker_batch"]
    events: list[BatchTickerEvent]


class LevelUpdate(Shape):
    """The quantity is absolute; 0 takes the level away."""

    side: Literal["bid", "offer"]
    event_time: Moment
    price_level: DecimalText
    new_quantity: DecimalText


class LevelEvent(Shape):
    type: EventKind
    product_id: str
    updates: list[LevelUpdate]


class Levels(Envelope):
    """The channel that is subscribed as ``level2``."""

    channel: Literal["l2_data"]
    events: list[LevelEvent]


class MarketTrade(Shape):
    """``side`` is the maker's."""

    trade_id: str
    product_id: str
    price: DecimalText
    size: DecimalText
    side: Side
    time: Moment


class TradesEvent(Shape):
    type: EventKind
    trades: list[MarketTrade]


class MarketTrades(Envelope):
    channel: Literal["market_trades"]
    events: list[TradesEvent]


class StreamCandle(Shape):
    start: Count
    high: DecimalText
    low: DecimalText
    open: DecimalText
    close: DecimalText
    volume: DecimalText
    product_id: str


class CandlesEvent(Shape):
    type: EventKind
    candles: list[StreamCandle]


class Candles(Envelope):
    channel: Literal["candles"]
    events: list[CandlesEvent]


class StatusProduct(Shape):
    product_type: ProductKind
    id: str
    base_currency: str
    quote_currency: str
    base_increment: DecimalText
    quote_increment: DecimalText
    display_name: str
    status: Literal["online", "offline", "internal", "delisted"]
    status_message: str
    min_market_funds: DecimalText


class StatusEvent(Shape):
    type: EventKind
    products: list[StatusProduct]


class Status(Envelope):
    channel: Literal["status"]
    events: list[StatusEvent]


class UserOrder(Shape):
    """The state of an order so far, no single fill. The reject reason is written in two ways."""

    order_id: str
    client_order_id: str
    cumulative_quantity: DecimalText
    leaves_quantity: DecimalText
    avg_price: DecimalText
    total_fees: DecimalText
    status: OrderState
    product_id: str
    creation_time: Moment
    order_side: Side
    order_type: Literal["Limit", "Market", "Stop Limit", "Bracket", "Take Profit Stop Loss"]
    cancel_reason: str
    reject_reason: str = ABSENT
    reject_reason_as_documented: str = Field(alias="reject_Reason", default=ABSENT)
    completion_percentage: DecimalText
    filled_value: DecimalText
    limit_price: DecimalOrEmpty
    stop_price: DecimalOrEmpty
    number_of_fills: Count
    outstanding_hold_amount: DecimalText
    post_only: Literal["true", "false"]
    time_in_force: TimeInForce
    trigger_status: Trigger
    total_value_after_fees: DecimalText
    product_type: ProductKind
    contract_expiry_type: Literal["UNKNOWN_CONTRACT_EXPIRY_TYPE", "EXPIRING", "PERPETUAL"]
    risk_managed_by: Literal["UNKNOWN_RISK_MANAGEMENT_TYPE", "MANAGED_BY_FCM", "MANAGED_BY_VENUE"]
    retail_portfolio_id: str
    end_time: Moment | Literal[""]
    start_time: Moment | Literal[""]

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if not {"reject_reason", "reject_reason_as_documented"} & self.model_fields_set:
            raise ValueError("reject_reason is there")
        return self


class OlderUserOrder(UserOrder):
    """As of 2025, in the recorded message: without what came since."""

    completion_percentage: DecimalText = ABSENT
    filled_value: DecimalText = ABSENT
    limit_price: DecimalOrEmpty = ABSENT
    stop_price: DecimalOrEmpty = ABSENT
    number_of_fills: Count = ABSENT
    outstanding_hold_amount: DecimalText = ABSENT
    post_only: Literal["true", "false"] = ABSENT
    retail_portfolio_id: str = ABSENT
    end_time: Moment | Literal[""] = ABSENT
    start_time: Moment | Literal[""] = ABSENT


class Positions(Shape):
    """Of futures."""

    perpetual_futures_positions: list[Any]
    expiring_futures_positions: list[Any]


class UserEvent(Shape):
    type: EventKind
    orders: list[UserOrder]
    positions: Positions = ABSENT


class User(Envelope):
    channel: Literal["user"]
    events: list[UserEvent]


class OlderUserEvent(Shape):
    type: EventKind
    orders: list[OlderUserOrder]


class OlderUserMessage(Envelope):
    channel: Literal["user"]
    events: list[OlderUserEvent]


Message = Annotated[
    Subscriptions | Heartbeats | Tickers | TickerBatch | Levels | MarketTrades | Candles | Status | User,
    Field(discriminator="channel"),
]
