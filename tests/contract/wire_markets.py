"""Coinbase's products, candles, trades and books over REST, and its time."""

from __future__ import annotations

from typing import Any, Literal

from contract.wire_values import ABSENT, Count, DecimalOrEmpty, DecimalText, Moment, ProductKind, Shape, Side

__all__ = [
    "BestBidAskAnswer",
    "BookAnswer",
    "CandlesAnswer",
    "Product",
    "ProductsAnswer",
    "TickerAnswer",
    "TimeAnswer",
    "V2TimeAnswer",
]


class Product(Shape):
    """One product; as an answer it is not wrapped."""

    product_id: str
    price: DecimalOrEmpty
    price_percentage_change_24h: DecimalOrEmpty
    volume_24h: DecimalOrEmpty
    volume_percentage_change_24h: DecimalOrEmpty
    base_increment: DecimalText
    quote_increment: DecimalText
    quote_min_size: DecimalText
    quote_max_size: DecimalText
    base_min_size: DecimalText
    base_max_size: DecimalText
    base_name: str
    quote_name: str
    watched: bool
    is_disabled: bool
    new: bool
    status: Literal["online", "offline", "internal", "delisted"]
    cancel_only: bool
    limit_only: bool
    post_only: bool
    trading_disabled: bool
    auction_mode: bool
    product_type: ProductKind
    quote_currency_id: str
    base_currency_id: str
    fcm_trading_session_details: dict[str, Any] | None
    mid_market_price: DecimalOrEmpty
    alias: str
    alias_to: list[str]
    base_display_symbol: str
    quote_display_symbol: str
    view_only: bool
    price_increment: DecimalText
    display_name: str
    product_venue: str
    approximate_quote_24h_volume: DecimalOrEmpty
    new_at: Moment
    market_cap: DecimalOrEmpty = ABSENT
    base_cbrn: str = ABSENT
    quote_cbrn: str = ABSENT
    product_cbrn: str = ABSENT
    icon_color: str = ABSENT
    icon_url: str = ABSENT
    display_name_overwrite: str = ABSENT
    is_alpha_testing: bool = ABSENT
    about_description: str = ABSENT
    best_bid_price: DecimalOrEmpty = ABSENT
    best_ask_price: DecimalOrEmpty = ABSENT
    future_product_details: dict[str, Any] | None = ABSENT


class ProductsAnswer(Shape):
    products: list[Product]
    num_products: int
    pagination: dict[str, Any] | None = ABSENT


class Candle(Shape):
    start: Count
    low: DecimalText
    high: DecimalText
    open: DecimalText
    close: DecimalText
    volume: DecimalText


class CandlesAnswer(Shape):
    candles: list[Candle]


class Trade(Shape):
    """``side`` is the maker's."""

    trade_id: str
    product_id: str
    price: DecimalText
    size: DecimalText
    time: Moment
    side: Side
    bid: DecimalOrEmpty
    ask: DecimalOrEmpty
    exchange: str


class TickerAnswer(Shape):
    trades: list[Trade]
    best_bid: DecimalOrEmpty
    best_ask: DecimalOrEmpty


class Level(Shape):
    price: DecimalText
    size: DecimalText


class PriceBook(Shape):
    product_id: str
    bids: list[Level]
    asks: list[Level]
    time: Moment


class BestBidAskAnswer(Shape):
    pricebooks: list[PriceBook]


class BookAnswer(Shape):
    pricebook: PriceBook
    last: DecimalOrEmpty
    mid_market: DecimalOrEmpty
    spread_bps: DecimalOrEmpty
    spread_absolute: DecimalOrEmpty


class TimeAnswer(Shape):
    iso: Moment
    epochSeconds: Count  # noqa: N815 - the name on the wire
    epochMillis: Count  # noqa: N815 - likewise


class V2Time(Shape):
    iso: Moment
    epoch: int


class V2TimeAnswer(Shape):
    data: V2Time
