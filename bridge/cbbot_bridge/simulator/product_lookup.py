"""The product that a request names, and what a currency is worth."""

from __future__ import annotations

from decimal import Decimal

from starlette.requests import Request

from cbbot.venue.product import Product
from cbbot_bridge.simulator.error_answers import ApiError
from cbbot_bridge.simulator.request_world import world_of
from cbbot_bridge.simulator.simulated_market import Market
from cbbot_bridge.simulator.world import World

__all__ = ["dollars", "known_product", "market_of", "no_product"]


def known_product(request: Request, product_id: str) -> Product:
    """The product.

    Raises:
        ApiError: 404, there is none of that id.
    """
    found = world_of(request).product(product_id)
    if found is None:
        raise no_product(product_id)
    return found


def market_of(request: Request, product_id: str) -> Market:
    """The market that it is traded in.

    Raises:
        ApiError: 404, there is none of that id.
    """
    found = world_of(request).market(product_id)
    if found is None:
        raise no_product(product_id)
    return found


def no_product(product_id: str) -> ApiError:
    """The 404 for a product that is not here."""
    return ApiError.not_found(f"Product {product_id} not supported")


def dollars(world: World, currency: str, now_ms: int) -> Decimal | None:
    """The price of one in dollars; None where nothing is known of it."""
    if currency in ("USD", "USDC"):
        return Decimal(1)
    market = world.market(f"{currency}-USD") or world.market(f"{currency}-USDC")
    last = None if market is None else market.last_print(now_ms)
    return None if market is None or last is None else last.price * market.instrument.price_increment
