"""WebSocket messages of Coinbase, parsed. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from cbbot_bridge import translate
from cbbot_bridge.http_errors import UpstreamUnavailable

__all__ = ["Frame", "TickerUpdate", "parse_frame", "subscribe_message"]


@dataclass(frozen=True, slots=True)
class TickerUpdate:
    """One product's ticker: price and, where told, best bid and ask, as decimal text."""

    product_id: str
    price: str
    bid: str | None
    ask: str | None


@dataclass(frozen=True, slots=True)
class Frame:
    """``sequence`` counts all messages of a connection from 0. ``error`` is set for an error message."""

    channel: str
    timestamp: str
    sequence: int | None
    tickers: tuple[TickerUpdate, ...] = field(default=())
    error: str | None = None


def parse_frame(text: str | bytes) -> Frame:
    """One message of any channel.

    Raises:
        UpstreamUnavailable: it is no JSON object, or a ticker in it has no price.
    """
    try:
        body = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise translate.malformed("a WebSocket message is no JSON") from error
    if not isinstance(body, dict):
        raise translate.malformed("a WebSocket message is no object")
    if body.get("type") == "error":
        return Frame("error", "", None, error=str(body.get("message") or "no reason given"))
    sequence = body.get("sequence_num")
    return Frame(
        channel=str(body.get("channel") or ""),
        timestamp=str(body.get("timestamp") or ""),
        sequence=sequence if isinstance(sequence, int) else None,
        tickers=tuple(_tickers(body)) if body.get("channel") == "ticker" else (),
    )


def _tickers(body: dict[str, Any]) -> list[TickerUpdate]:
    updates = []
    for event in translate.objects(body, "events"):
        for ticker in translate.objects(event, "tickers"):
            price = translate.decimal_of(ticker, "price")
            if price <= 0:
                raise translate.malformed(f"a ticker's price is {price}")
            updates.append(
                TickerUpdate(
                    product_id=translate.text_of(ticker, "product_id"),
                    price=f"{price:f}",
                    bid=_positive_or_none(ticker, "best_bid"),
                    ask=_positive_or_none(ticker, "best_ask"),
                )
            )
    return updates


def _positive_or_none(body: dict[str, Any], key: str) -> str | None:
    try:
        value = translate.decimal_or_none(body, key)
    except UpstreamUnavailable:
        return None  # the price is good; a bad quote beside it is merely not used
    return f"{value:f}" if value is not None and value > 0 else None


def subscribe_message(channel: str, products: tuple[str, ...], token: str | None) -> str:
    """The message that subscribes to one channel. ``products`` is empty for heartbeats."""
    message: dict[str, Any] = {"type": "subscribe", "channel": channel}
    if products:
        message["product_ids"] = list(products)
    if token is not None:
        message["jwt"] = token
    return json.dumps(message)
