"""A market order as Coinbase wants it: allowed by the product, in sizes it accepts. Pure.

Coinbase rejects a size with too many digits, it never rounds. A market SELL takes a base size only.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cbbot.contract.bridge_api import ProductAnswer
from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.contract.bridge_orders import MarketOrder
from cbbot.domain.decimals import floor_units, plain
from cbbot.domain.order import Side
from cbbot_bridge.http_errors import RequestRefused

__all__ = ["check_gates", "create_body", "needs_bid"]

_GATES: tuple[tuple[str, BridgeErrorCode, str], ...] = (
    ("is_disabled", BridgeErrorCode.TRADING_DISABLED, "is disabled"),
    ("trading_disabled", BridgeErrorCode.TRADING_DISABLED, "has trading disabled"),
    ("view_only", BridgeErrorCode.VIEW_ONLY, "is view only for this account"),
    ("cancel_only", BridgeErrorCode.CANCEL_ONLY, "accepts cancellations only"),
    ("limit_only", BridgeErrorCode.LIMIT_ONLY, "accepts limit orders only"),
    ("post_only", BridgeErrorCode.POST_ONLY, "accepts post-only orders only"),
    ("auction_mode", BridgeErrorCode.AUCTION_MODE, "is in an auction"),
)


def check_gates(product: ProductAnswer) -> None:
    """Raises RequestRefused when the product takes no market order now."""
    for attribute, code, words in _GATES:
        if getattr(product, attribute):
            raise RequestRefused(400, code, f"{product.product_id} {words} at Coinbase; try again later")
    if product.status not in ("", "online"):
        message = f"{product.product_id} is {product.status!r} at Coinbase, not online; try again later"
        raise RequestRefused(400, BridgeErrorCode.TRADING_DISABLED, message)


def needs_bid(order: MarketOrder) -> bool:
    """Whether a bid is needed to turn the order's quote size into base."""
    return order.side is Side.SELL and order.quote_size is not None


def create_body(order: MarketOrder, product: ProductAnswer, bid: Decimal | None) -> dict[str, Any]:
    """The body of Coinbase's create request. ``bid`` is used when :func:`needs_bid` says so.

    Raises:
        RequestRefused: the size is less than one increment.
    """
    if order.quote_size is not None and not needs_bid(order):
        sizes = {"quote_size": _floored(Decimal(order.quote_size), product.quote_increment, "quote_size")}
    elif order.quote_size is not None:
        if bid is None or bid <= 0:
            raise ValueError("a SELL by quote_size needs a bid above zero")
        units = floor_units(Decimal(order.quote_size), bid * Decimal(product.base_increment))
        sizes = {"base_size": _text_of(units, product.base_increment, "quote_size", order.quote_size)}
    else:
        sizes = {"base_size": _floored(Decimal(order.base_size or "0"), product.base_increment, "base_size")}
    return {
        "client_order_id": order.client_order_id,
        "product_id": order.product_id,
        "side": order.side.value,
        "order_configuration": {"market_market_ioc": sizes},
    }


def _floored(size: Decimal, increment: str, field: str) -> str:
    return _text_of(floor_units(size, Decimal(increment)), increment, field, plain(size))


def _text_of(units: int, increment: str, field: str, asked: str) -> str:
    if units <= 0:
        message = f"{field}: {asked} comes to less than one increment, {increment}"
        raise RequestRefused(400, BridgeErrorCode.SIZE_TOO_SMALL, message)
    return plain(units * Decimal(increment))
