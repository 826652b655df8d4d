"""What the WebSocket sends, as plain data: events of channels, acknowledgements, errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cbbot.domain.timestamps import rfc3339_ms
from cbbot.venue.order_book import book_after
from cbbot.venue.prints import Print
from cbbot.venue.wire import decimal_text
from cbbot_bridge.simulator.simulated_market import Market
from cbbot_bridge.simulator.world import World

__all__ = ["envelope", "error_frame", "heartbeat_event", "ticker_event", "trades_event"]


def envelope(channel: str, events: list[dict[str, Any]], sequence: int, now_ms: int) -> dict[str, Any]:
    """A message of a channel; ``sequence`` counts all messages of the connection from 0."""
    return {
        "channel": channel,
        "client_id": "",
        "timestamp": rfc3339_ms(now_ms),
        "sequence_num": sequence,
        "events": events,
    }


def error_frame(message: str) -> dict[str, Any]:
    """Errors have no channel and no sequence number."""
    return {"type": "error", "message": message}


def ticker_event(world: World, kind: str, market: Market, prints: Iterable[Print]) -> dict[str, Any]:
    """One ticker a print, oldest first. ``kind`` is ``snapshot`` or ``update``."""
    return {"type": kind, "tickers": [_ticker(world, market, item) for item in prints]}


def _ticker(world: World, market: Market, item: Print) -> dict[str, str]:
    instrument = market.instrument
    figures = market.statistics.at(item.time_ms)
    book = book_after(item, world.settings.book)

    def price(ticks: int) -> str:
        return decimal_text(ticks * instrument.price_increment)

    def size(units: int) -> str:
        return decimal_text(units * instrument.base_increment)

    return {
        "type": "ticker",
        "product_id": market.market_id,
        "price": price(item.price),
        "volume_24_h": size(figures.volume),
        "low_24_h": price(figures.low),
        "high_24_h": price(figures.high),
        "low_52_w": price(figures.low_year),
        "high_52_w": price(figures.high_year),
        "price_percent_chg_24_h": decimal_text(round(figures.price_change_pct, 8)),
        "best_bid": price(book.bids[0].price) if book.bids else "",
        "best_bid_quantity": size(book.bids[0].size) if book.bids else "",
        "best_ask": price(book.asks[0].price),
        "best_ask_quantity": size(book.asks[0].size),
    }


def trades_event(kind: str, market: Market, prints: Iterable[Print]) -> dict[str, Any]:
    """Trades in the given order; a quote without a trade (size 0) is none."""
    instrument = market.instrument
    trades = [
        {
            "trade_id": str(item.number),
            "product_id": market.market_id,
            "price": decimal_text(item.price * instrument.price_increment),
            "size": decimal_text(item.size * instrument.base_increment),
            "side": item.maker.value,
            "time": rfc3339_ms(item.time_ms),
        }
        for item in prints
        if item.size > 0
    ]
    return {"type": kind, "trades": trades}


def heartbeat_event(now_ms: int, counter: int, uptime_seconds: float) -> dict[str, Any]:
    """The time is in the notation of Go's ``time.String``, monotonic reading and all."""
    moment = rfc3339_ms(now_ms).replace("T", " ").replace("Z", "000000 +0000 UTC")
    return {"current_time": f"{moment} m=+{uptime_seconds:.9f}", "heartbeat_counter": counter}
