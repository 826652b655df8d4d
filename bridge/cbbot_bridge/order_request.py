"""An order as Coinbase wants it: allowed by the product, in sizes and prices it accepts. Pure.

Coinbase rejects a number with too many digits, it never rounds. A market SELL takes a base size only.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cbbot.contract.bridge_api import ProductAnswer
from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.contract.bridge_orders import OrderEdit, OrderKind, TimeInForce
from cbbot.domain.decimals import ceil_units, floor_units, of_units, plain
from cbbot.domain.order import Side
from cbbot_bridge.http_errors import RequestRefused
from cbbot_bridge.order_configuration import CONFIGURATIONS
from cbbot_bridge.order_wish import Wish

__all__ = ["check_gates", "create_body", "edit_body"]

_CLOSED: tuple[tuple[str, BridgeErrorCode, str], ...] = (
    ("is_disabled", BridgeErrorCode.TRADING_DISABLED, "is disabled"),
    ("trading_disabled", BridgeErrorCode.TRADING_DISABLED, "has trading disabled"),
    ("view_only", BridgeErrorCode.VIEW_ONLY, "is view only for this account"),
    ("cancel_only", BridgeErrorCode.CANCEL_ONLY, "accepts cancellations only"),
)


def check_gates(product: ProductAnswer, wish: Wish) -> None:
    """Raises RequestRefused when the product does not take such an order now."""
    rests = wish.time_in_force in (TimeInForce.GTC, TimeInForce.GTD)
    restricted = (
        ("limit_only", wish.kind is OrderKind.MARKET, BridgeErrorCode.LIMIT_ONLY, "accepts limit orders only"),
        ("post_only", not wish.post_only, BridgeErrorCode.POST_ONLY, "accepts post-only orders only"),
        ("auction_mode", not rests, BridgeErrorCode.AUCTION_MODE, "is in an auction, where nothing is matched at once"),
    )
    for attribute, concerned, code, words in (*((a, True, c, w) for a, c, w in _CLOSED), *restricted):
        if concerned and getattr(product, attribute):
            raise RequestRefused(400, code, f"{product.product_id} {words} at Coinbase; try again later")
    if product.status not in ("", "online"):
        message = f"{product.product_id} is {product.status!r} at Coinbase, not online; try again later"
        raise RequestRefused(400, BridgeErrorCode.TRADING_DISABLED, message)


def create_body(client_order_id: str, wish: Wish, product: ProductAnswer, bid: Decimal | None) -> dict[str, Any]:
    """The body of Coinbase's create request. ``bid`` is used when ``wish.needs_bid``.

    Raises:
        RequestRefused: a size or price is less than one increment.
    """
    leg: dict[str, Any] = _sizes(wish, product, bid)
    if wish.limit_price is not None:
        leg["limit_price"] = _price(wish.limit_price, wish.side, product, "limit_price")
    if wish.stop_price is not None:
        name = "stop_trigger_price" if wish.kind is OrderKind.BRACKET else "stop_price"
        leg[name] = _price(wish.stop_price, wish.side, product, name)
    if wish.stop_direction is not None:
        leg["stop_direction"] = f"STOP_DIRECTION_STOP_{wish.stop_direction.value}"
    if wish.end_time is not None:
        leg["end_time"] = wish.end_time
    if wish.kind is OrderKind.LIMIT and wish.time_in_force in (TimeInForce.GTC, TimeInForce.GTD):
        leg["post_only"] = wish.post_only
    body: dict[str, Any] = {
        "client_order_id": client_order_id,
        "product_id": wish.product_id,
        "side": wish.side.value,
        "order_configuration": {CONFIGURATIONS[wish.kind, wish.time_in_force]: leg},
    }
    if wish.attached is not None:
        exit_side = Side.SELL if wish.side is Side.BUY else Side.BUY
        prices = zip(("limit_price", "stop_trigger_price"), wish.attached, strict=True)
        attached = {name: _price(price, exit_side, product, f"attached.{name}") for name, price in prices}
        body["attached_order_configuration"] = {"trigger_bracket_gtc": attached}
    return body


def edit_body(order_id: str, edit: OrderEdit, side: Side, product: ProductAnswer) -> dict[str, Any]:
    """The body of Coinbase's edit request: always both, since it reads a missing size as 0.

    Raises:
        RequestRefused: size or price is less than one increment.
    """
    return {
        "order_id": order_id,
        "price": _price(Decimal(edit.price), side, product, "price"),
        "size": _floored(Decimal(edit.size), product.base_increment, "size"),
    }


def _sizes(wish: Wish, product: ProductAnswer, bid: Decimal | None) -> dict[str, str]:
    if wish.base_size is not None:
        return {"base_size": _floored(wish.base_size, product.base_increment, "base_size")}
    asked = wish.quote_size or Decimal(0)
    if not wish.needs_bid:
        return {"quote_size": _floored(asked, product.quote_increment, "quote_size")}
    if bid is None or bid <= 0:
        raise ValueError("a SELL by quote_size needs a bid above zero")
    units = floor_units(asked, bid * Decimal(product.base_increment))
    return {"base_size": _size_text(units, product.base_increment, "quote_size", plain(asked))}


def _floored(size: Decimal, increment: str, field: str) -> str:
    return _size_text(floor_units(size, Decimal(increment)), increment, field, plain(size))


def _size_text(units: int, increment: str, field: str, asked: str) -> str:
    if units <= 0:
        message = f"{field}: {asked} comes to less than one increment, {increment}"
        raise RequestRefused(400, BridgeErrorCode.SIZE_TOO_SMALL, message)
    return plain(of_units(units, Decimal(increment)))


def _price(price: Decimal, side: Side, product: ProductAnswer, field: str) -> str:
    """A price never worse than asked for: a buyer's rounded down, a seller's up."""
    increment = Decimal(product.price_increment)
    units = (floor_units if side is Side.BUY else ceil_units)(price, increment)
    if units <= 0:
        message = f"{field}: {plain(price)} comes to less than one increment, {product.price_increment}"
        raise RequestRefused(400, BridgeErrorCode.PRICE_TOO_SMALL, message)
    return plain(of_units(units, increment))
