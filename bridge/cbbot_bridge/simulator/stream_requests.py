"""What a customer may send over the WebSocket: one object that subscribes to one channel, or unsubscribes."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from cbbot.errors import BadInput

__all__ = ["CHANNELS", "PRIVATE_CHANNELS", "StreamRequest", "parse_request"]

PRIVATE_CHANNELS: Final = ("user", "futures_balance_summary")
CHANNELS: Final = (
    "heartbeats",
    "ticker",
    "ticker_batch",
    "market_trades",
    "level2",
    "candles",
    "status",
    *PRIVATE_CHANNELS,
)
# Coinbase answers so to a channel that it does not know, as to a signature that is not sound.
_REFUSED: Final = "authentication failure"
_LONGEST: Final = 65_536


class StreamRequest(NamedTuple):
    """``product_ids`` is empty for all of them, ``token`` for none."""

    subscribes: bool
    channel: str
    product_ids: tuple[str, ...]
    token: str


def parse_request(text: str) -> StreamRequest:
    """A request from a text frame.

    Raises:
        BadInput: it is none; the message is the one to answer with.
    """
    try:
        message = json.loads(text) if len(text) <= _LONGEST else None
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict) or message.get("type") not in ("subscribe", "unsubscribe"):
        raise BadInput("type must be subscribe or unsubscribe")
    channel, token = message.get("channel"), message.get("jwt") or ""
    if not isinstance(channel, str) or channel not in CHANNELS or not isinstance(token, str):
        raise BadInput(_REFUSED)
    ids = message.get("product_ids") or []
    if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
        raise BadInput("product_ids argument is invalid")
    return StreamRequest(message["type"] == "subscribe", channel, tuple(dict.fromkeys(ids)), token)
