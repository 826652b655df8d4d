"""What the WebSocket sends, as plain data: events of channels, acknowledgements, errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cbbot.domain.candle import Candle
from cbbot.domain.timestamps import rfc3339_ms
from cbbot.venue.order_book import Book
from cbbot.venue.prints import Print
from cbbot.venue.product import Product
from cbbot.venue.wire import decimal_text
from cbbot_bridge.simulator.published_book import LevelChange
from cbbot_bridge.simulator.simulated_market import Market

__all__ = [
    "batch_event",
    "candles_event",
    "envelope",
    "error_frame",
    "heartbeat_event",
    "level2_event",
    "status_event",
    "ticker_event",
    "trades_event",
    "user_event",
]

Event = dict[str, Any]


def envelope(channel: str, events: list[Event], sequence: int, now_ms: int, *, client_id: bool = True) -> Event:
    """A message of a channel; ``sequence`` counts all messages of the connection from 0.

    Coinbase's pages show ``client_id``, and its own Python client fails without it; the real servers
    are said to leave it out.
    """
    return {
        "channel": channel,
        **({"client_id": ""} if client_id else {}),
        "timestamp": rfc3339_ms(now_ms),
        "sequence_num": sequence,
        "events": events,
    }


def error_frame(message: str) -> Event:
    """Errors have no channel and no sequence number."""
    return {"type": "error", "message": message}


def ticker_event(kind: str, market: Market, prints: Iterable[tuple[Print, Book]]) -> Event:
    """One ticker a print, oldest first, with the book that it left. ``kind`` is ``snapshot`` or ``update``."""
    return {"type": kind, "tickers": [_ticker(market, item) | _touch(market, book) for item, book in prints]}


def batch_event(kind: str, market: Market, item: Print) -> Event:
    """The newest ticker alone, without the touch."""
    return {"type": kind, "tickers": [_ticker(market, item)]}


def _ticker(market: Market, item: Print) -> dict[str, str]:
    figures = market.statistics.at(item.time_ms)
    return {
        "type": "ticker",
        "product_id": market.market_id,
        "price": market.price_text(item.price),
        "volume_24_h": market.size_text(figures.volume),
        "low_24_h": market.price_text(figures.low),
        "high_24_h": market.price_text(figures.high),
        "low_52_w": market.price_text(figures.low_year),
        "high_52_w": market.price_text(figures.high_year),
        "price_percent_chg_24_h": decimal_text(round(figures.price_change_pct, 8)),
    }


def _touch(market: Market, book: Book) -> dict[str, str]:
    touch = {}
    for name, levels in (("best_bid", book.bids), ("best_ask", book.asks)):
        touch[name] = market.price_text(levels[0].price) if levels else ""
        touch[f"{name}_quantity"] = market.size_text(levels[0].size) if levels else ""
    return touch


def trades_event(kind: str, market: Market, prints: Iterable[Print]) -> Event:
    """Trades in the given order; a quote without a trade (size 0) is none."""
    trades = [
        {
            "trade_id": str(item.number),
            "product_id": market.market_id,
            "price": market.price_text(item.price),
            "size": market.size_text(item.size),
            "side": item.maker.value,
            "time": rfc3339_ms(item.time_ms),
        }
        for item in prints
        if item.size > 0
    ]
    return {"type": kind, "trades": trades}


def level2_event(kind: str, market: Market, changes: Iterable[LevelChange], now_ms: int) -> Event:
    """Absolute sizes by price; a size of 0 takes the level away. A snapshot's levels have no time there."""
    event_time = rfc3339_ms(0 if kind == "snapshot" else now_ms)
    updates = [
        {
            "side": change.side,
            "event_time": event_time,
            "price_level": market.price_text(change.price),
            "new_quantity": market.size_text(change.size),
        }
        for change in changes
    ]
    return {"type": kind, "product_id": market.market_id, "updates": updates}


def candles_event(kind: str, market: Market, candles: Iterable[Candle]) -> Event:
    """Candles in the given order."""
    records = [
        {
            "start": str(candle.start),
            "high": market.price_text(candle.high),
            "low": market.price_text(candle.low),
            "open": market.price_text(candle.open),
            "close": market.price_text(candle.close),
            "volume": market.size_text(candle.volume),
            "product_id": market.market_id,
        }
        for candle in candles
    ]
    return {"type": kind, "candles": records}


def status_event(kind: str, products: Iterable[Product]) -> Event:
    """Products with the fields that this channel has of them."""
    records = [
        {
            "product_type": "SPOT",
            "id": product.product_id,
            "base_currency": product.instrument.base_currency,
            "quote_currency": product.instrument.quote_currency,
            "base_increment": decimal_text(product.instrument.base_increment),
            "quote_increment": decimal_text(product.instrument.quote_increment),
            "display_name": product.product_id.replace("-", "/"),
            "status": product.status,
            "status_message": "",
            "min_market_funds": decimal_text(product.instrument.min_notional),
        }
        for product in products
    ]
    return {"type": kind, "products": records}


def user_event(kind: str, orders: list[Event]) -> Event:
    """Orders as :func:`cbbot.venue.records.user_record` makes them; spot has no positions."""
    positions: Event = {"perpetual_futures_positions": [], "expiring_futures_positions": []}
    return {"type": kind, "orders": orders, "positions": positions}


def heartbeat_event(now_ms: int, counter: int, uptime_seconds: float) -> Event:
    """The time is in the notation of Go's ``time.String``, monotonic reading and all."""
    moment = rfc3339_ms(now_ms).replace("T", " ").replace("Z", "000000 +0000 UTC")
    return {"current_time": f"{moment} m=+{uptime_seconds:.9f}", "heartbeat_counter": counter}
