"""WebSocket messages of Coinbase, parsed. Pure.

A price is passed on as the very text that came. A ticker that cannot be used is named, and costs neither
the others of its message nor the message's number.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from cbbot.domain.instrument import PRODUCT_ID
from cbbot.process.redaction import redacted
from cbbot_bridge import translate

__all__ = ["Frame", "TickerUpdate", "parse_frame", "subscribe_message"]

_PLAIN_PRICE = re.compile(r"[0-9]{1,20}(\.[0-9]{1,30})?")
_LONGEST_REASON = 300
_LARGEST_NUMBER = 2**63


@dataclass(frozen=True, slots=True)
class TickerUpdate:
    """One product's ticker: price and, where told, best bid and ask, as decimal text.

    ``traded``: a trade led to it, at about the message's time. One of a snapshot tells a trade of any age.
    """

    product_id: str
    price: str
    bid: str | None
    ask: str | None
    traded: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """``sequence`` counts all messages of a connection from 0, ``beat`` its heartbeats.

    ``bad_tickers`` says what is wrong with those that were left out. ``error`` is set for an error message.
    """

    channel: str
    timestamp: str
    sequence: int | None
    tickers: tuple[TickerUpdate, ...] = field(default=())
    bad_tickers: tuple[str, ...] = field(default=())
    beat: int | None = None
    error: str | None = None


def parse_frame(text: str | bytes) -> Frame:
    """One message of any channel.

    Raises:
        UpstreamUnavailable: it is no JSON object.
    """
    try:
        body = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise translate.malformed("a WebSocket message is no JSON") from error
    if not isinstance(body, dict):
        raise translate.malformed("a WebSocket message is no object")
    if body.get("type") == "error":
        reason = redacted(str(body.get("message") or "no reason given"))
        return Frame("error", "", None, error=reason[:_LONGEST_REASON])
    channel, timestamp = body.get("channel"), body.get("timestamp")
    tickers: list[TickerUpdate] = []
    bad: list[str] = []
    if channel == "ticker":
        for event in _events(body):
            traded = isinstance(event, dict) and event.get("type") == "update"
            for item in _held(event, "tickers"):
                _read_ticker(item, tickers, bad, traded=traded)
    return Frame(
        channel=channel if isinstance(channel, str) else "",
        timestamp=timestamp if isinstance(timestamp, str) else "",
        sequence=_count(body.get("sequence_num")),
        tickers=tuple(tickers),
        bad_tickers=tuple(bad),
        beat=_beat(body) if channel == "heartbeats" else None,
    )


def _events(body: dict[str, Any]) -> list[Any]:
    events = body.get("events")
    return events if isinstance(events, list) else [events]


def _held(event: Any, key: str) -> list[Any]:
    """What stands in ``key`` of an event; a thing that should be a list and is none is an item itself."""
    held = event.get(key) if isinstance(event, dict) else None
    return held if isinstance(held, list) else [held]


def _read_ticker(item: Any, tickers: list[TickerUpdate], bad: list[str], *, traded: bool) -> None:
    if not isinstance(item, dict):
        bad.append("a ticker is no object")
        return
    product_id, price = item.get("product_id"), item.get("price")
    if not isinstance(product_id, str) or not re.fullmatch(PRODUCT_ID, product_id):
        bad.append(f"a ticker's product is {str(product_id)[:40]!r}")
        return
    text = str(price) if isinstance(price, str | int | Decimal) else ""
    if not _PLAIN_PRICE.fullmatch(text) or not Decimal(text):
        bad.append(f"{product_id}: a ticker's price is {str(price)[:40]!r}")
        return
    bid, ask = translate.quote_of(item)
    tickers.append(TickerUpdate(product_id, text, bid, ask, traded))


def _count(value: object) -> int | None:
    """A whole number, told as such or as text; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < _LARGEST_NUMBER else None


def _beat(body: dict[str, Any]) -> int | None:
    beats = (item for event in _events(body) for item in _held(event, "heartbeat_counter"))
    return next((count for item in beats if (count := _count(item)) is not None), None)


def subscribe_message(channel: str, products: tuple[str, ...], token: str | None) -> str:
    """The message that subscribes to one channel. ``products`` is empty for heartbeats."""
    message: dict[str, Any] = {"type": "subscribe", "channel": channel}
    if products:
        message["product_ids"] = list(products)
    if token is not None:
        message["jwt"] = token
    return json.dumps(message)
