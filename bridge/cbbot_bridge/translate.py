"""Coinbase's JSON to the contract's models. Pure.

Coinbase writes decimals as text, sometimes as numbers, and ``""`` where it has none; it adds fields and
enum values without notice. Unknown things are let through or named unknown; a *missing* thing that
money depends on is an error, because corrupt data is worse than no data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from cbbot.contract.bridge_api import Account, Amount, Bbo, CandleRow, Fees, ProductAnswer
from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.domain.decimals import parse_decimal, plain
from cbbot.domain.order import OrderStatus, Side
from cbbot.domain.timestamps import moment_of
from cbbot.errors import BadInput
from cbbot_bridge.http_errors import UpstreamUnavailable

__all__ = [
    "account",
    "best_bid_ask",
    "candle",
    "decimal_of",
    "decimal_or_none",
    "fees",
    "id_of",
    "malformed",
    "objects",
    "order_status",
    "product",
    "quote_of",
    "seconds_of",
    "side_of",
    "text_of",
    "venue_ms",
]

_CANDLE_KEYS: Final = ("start", "open", "high", "low", "close", "volume")
_TEXTS_ALONE: Final = {str}
_CANDLES_KEPT: Final = 1024
_GATES = (
    "is_disabled",
    "trading_disabled",
    "cancel_only",
    "limit_only",
    "post_only",
    "auction_mode",
    "view_only",
)
_LONGEST_UNIX_TIME = 11  # digits: the year 5138
_LONGEST_ID = 64


def malformed(what: str) -> UpstreamUnavailable:
    """The error for an answer of Coinbase's that cannot be used."""
    return UpstreamUnavailable(502, BridgeErrorCode.UPSTREAM_MALFORMED, f"Coinbase's answer makes no sense: {what}")


def objects(body: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The list of objects under ``key``; an absent or null list is malformed."""
    value = body.get(key)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise malformed(f"{key!r} is no list of objects")
    return value


def text_of(body: Mapping[str, Any], key: str) -> str:
    """A text that must be there and not be empty."""
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise malformed(f"{key!r} is missing")
    return value


def id_of(body: Mapping[str, Any], key: str) -> str:
    """An id for telling things apart, of sensible length; empty where there is none."""
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value)
    return text if len(text) <= _LONGEST_ID else ""


def decimal_or_none(body: Mapping[str, Any], key: str) -> Decimal | None:
    """A decimal, or None where Coinbase has none (absent, null or ``""``)."""
    value = body.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise malformed(f"{key!r} is no decimal")
    try:
        return parse_decimal(str(value))
    except BadInput as error:
        raise malformed(f"{key!r} is no decimal") from error


def decimal_of(body: Mapping[str, Any], key: str) -> Decimal:
    """A decimal that must be there."""
    value = decimal_or_none(body, key)
    if value is None:
        raise malformed(f"{key!r} is missing")
    return value


def _plain_of(body: Mapping[str, Any], key: str) -> str:
    return plain(decimal_of(body, key))


def product(body: Mapping[str, Any]) -> ProductAnswer:
    """A product: Coinbase's object whole, its increments checked."""
    increments = {key: decimal_of(body, key) for key in ("price_increment", "base_increment", "quote_increment")}
    for key, value in increments.items():
        if value <= 0:
            raise malformed(f"{key!r} is {value}")
    least = {key: decimal_or_none(body, key) or Decimal(0) for key in ("quote_min_size", "base_min_size")}
    sizes = {key: plain(value) for key, value in (increments | least).items()}
    gates = {key: _gate(body, key) for key in _GATES}
    texts = {key: str(body.get(key) or "") for key in ("price", "status")}
    return ProductAnswer.model_validate({**body, **sizes, **gates, **texts, "product_id": text_of(body, "product_id")})


def _gate(body: Mapping[str, Any], key: str) -> bool:
    """Absent and null are no gate. Anything but a boolean may mean a shut one: taken for neither."""
    value = body.get(key)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise malformed(f"{key!r} is no boolean")


def candle(body: Mapping[str, Any], seconds: int) -> CandleRow:
    """One candle of ``seconds`` length. Coinbase's ``start`` is UNIX seconds.

    A candle that cannot be is an error and is not left out: an absent candle means that nobody traded.
    """
    texts = tuple(map(body.get, _CANDLE_KEYS))
    if set(map(type, texts)) == _TEXTS_ALONE:
        # The same candles come again with every look at the newest one.
        return _candle_of_texts(texts, seconds)
    return _checked_candle(body, seconds)


@lru_cache(maxsize=_CANDLES_KEPT)
def _candle_of_texts(texts: tuple[str, ...], seconds: int) -> CandleRow:
    return _checked_candle(dict(zip(_CANDLE_KEYS, texts, strict=True)), seconds)


def _checked_candle(body: Mapping[str, Any], seconds: int) -> CandleRow:
    start = str(body.get("start") or "")
    if not (start.isascii() and start.isdigit() and len(start) <= _LONGEST_UNIX_TIME):
        raise malformed("a candle's 'start' is no UNIX time")
    try:
        found = {key: decimal_of(body, key) for key in ("open", "high", "low", "close", "volume")}
    except UpstreamUnavailable as error:
        raise malformed(f"the candle of {start}: {error}") from error
    low, high = found["low"], found["high"]
    if int(start) % seconds:
        raise malformed(f"the candle of {start} does not begin at a multiple of {seconds} s")
    if low <= 0 or found["volume"] < 0:
        raise malformed(f"the candle of {start} has a price of 0 or less, or a negative volume")
    if not (low <= found["open"] <= high and low <= found["close"] <= high):
        raise malformed(f"the candle of {start} has a price that is not between its low {low} and high {high}")
    return CandleRow(start=start, **{key: plain(value) for key, value in found.items()})


def account(body: Mapping[str, Any]) -> Account:
    """An account; one without a hold holds nothing. A balance that is not told is an error, never zero."""
    currency = text_of(body, "currency")
    available = body.get("available_balance")
    if not isinstance(available, dict) or decimal_or_none(available, "value") is None:
        raise malformed(f"the {currency} account has no 'available_balance'")
    hold = body.get("hold")
    held = decimal_or_none(hold, "value") if isinstance(hold, dict) else None
    return Account.model_validate(
        {
            **body,
            "currency": currency,
            "available_balance": Amount(value=_plain_of(available, "value"), currency=currency),
            "hold": Amount(value="0" if held is None else plain(held), currency=currency),
            "type": str(body.get("type") or ""),
        }
    )


def fees(body: Mapping[str, Any]) -> Fees:
    """The fee tier of a transaction summary."""
    tier = body.get("fee_tier")
    if not isinstance(tier, dict):
        raise malformed("'fee_tier' is missing")
    return Fees(
        maker_rate=_plain_of(tier, "maker_fee_rate"),
        taker_rate=_plain_of(tier, "taker_fee_rate"),
        tier=str(tier.get("pricing_tier") or ""),
    )


def best_bid_ask(body: Mapping[str, Any]) -> Bbo | None:
    """The top of a product book; None when a side is empty. A bid above the ask is an error.

    A time that cannot be read is none.
    """
    book = body.get("pricebook")
    if not isinstance(book, dict):
        raise malformed("'pricebook' is missing")
    bids, asks = objects(book, "bids"), objects(book, "asks")
    if not bids or not asks:
        return None
    bid, ask = decimal_of(bids[0], "price"), decimal_of(asks[0], "price")
    if not 0 < bid <= ask:
        raise malformed(f"the book is crossed or has no price: bid {bid}, ask {ask}")
    stated = str(book.get("time") or "")
    return Bbo(bid=plain(bid), ask=plain(ask), ts=stated if seconds_of(stated) is not None else "")


def quote_of(body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Bid and ask that stand beside a price, as text; None for one that is not told or cannot be used.

    A bid above the ask makes both unusable: the price beside them may be good.
    """
    bid, ask = (_price_or_none(body, key) for key in ("best_bid", "best_ask"))
    if bid is not None and ask is not None and bid > ask:
        return None, None
    return (None if bid is None else plain(bid)), (None if ask is None else plain(ask))


def _price_or_none(body: Mapping[str, Any], key: str) -> Decimal | None:
    try:
        value = decimal_or_none(body, key)
    except UpstreamUnavailable:
        return None
    return value if value is not None and value > 0 else None


def order_status(value: object) -> OrderStatus:
    """A status; one this project does not know is ``UNKNOWN_ORDER_STATUS``, which is not terminal."""
    known: Iterable[str] = OrderStatus.__members__
    return OrderStatus(value) if isinstance(value, str) and value in known else OrderStatus.UNKNOWN_ORDER_STATUS


def side_of(body: Mapping[str, Any]) -> Side:
    value = body.get("side")
    if value not in (Side.BUY, Side.SELL):
        raise malformed("'side' is neither BUY nor SELL")
    return Side(str(value))


def venue_ms(body: Mapping[str, Any]) -> int:
    """The venue's time in ms from ``GET /time``, whose numbers are texts."""
    for key, factor in (("epochMillis", 1), ("epochSeconds", 1000)):
        value = decimal_or_none(body, key)
        if value is not None and 0 < value * factor < 253_402_300_800_000:
            return int(value * factor)
    raise malformed("GET /time tells no time")


def seconds_of(timestamp: str) -> float | None:
    """UNIX seconds of an RFC 3339 text, good to the microsecond; None when it is none.

    For putting events in order.
    """
    moment = moment_of(timestamp)
    return None if moment is None else moment.timestamp()
