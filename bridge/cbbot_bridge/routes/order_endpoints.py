"""Orders. Needs the token, and keys. The three outcomes are told in ``cbbot.contract.bridge_errors``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query

from cbbot.contract.bridge_api import (
    ClientOrderId,
    MarketBuy,
    MarketOrder,
    OrderNotFound,
    OrderPlaced,
    OrderState,
    ProductId,
)
from cbbot.domain.order import Side
from cbbot.errors import OutcomeUnknown, Refused, Retryable
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.routes.admission import TokenRoute
from cbbot_bridge.routes.documented import ACCOUNT_ERRORS, ORDER_ERRORS
from cbbot_bridge.routes.requests import BotIdentity, BridgeOf, Identity, Keys, Token

__all__ = ["router"]

router = APIRouter(route_class=TokenRoute, tags=["orders"], dependencies=[Token, Keys])

_LATEST = 4_102_444_800  # 2100-01-01


@router.post("/orders/market_buy", responses=ORDER_ERRORS)
async def market_buy(bridge: BridgeOf, identity: Identity, order: MarketBuy) -> OrderPlaced:
    """Buys for `quote_size`, fee included. The same `client_order_id` always means the same order."""
    full = MarketOrder(
        client_order_id=order.client_order_id,
        product_id=order.product_id,
        side=Side.BUY,
        quote_size=order.quote_size,
    )
    return await _place(bridge, full, identity)


@router.post("/order/market", responses=ORDER_ERRORS)
async def market_order(bridge: BridgeOf, identity: Identity, order: MarketOrder) -> OrderPlaced:
    """A market order by exactly one of `quote_size` and `base_size`.

    The same `client_order_id` always means the same order: a repeat is answered with the original.
    A SELL by `quote_size` is turned into base at the bid.
    """
    return await _place(bridge, order, identity)


async def _place(bridge: Bridge, order: MarketOrder, identity: BotIdentity | None) -> OrderPlaced:
    outcome = "unknown"
    try:
        placed = await bridge.orders.place(order, _epoch_check(bridge, identity))
        outcome = "placed"
    except Refused:
        outcome = "refused"
        raise
    except Retryable:
        outcome = "not_placed"
        raise
    except OutcomeUnknown:
        raise
    finally:
        bridge.metrics.order(order.side.value, outcome)
    return placed


def _epoch_check(bridge: Bridge, identity: BotIdentity | None) -> Callable[[], None]:
    """A request may have waited for the allowance while the bot's successor came up."""
    if identity is None:
        return lambda: None
    return lambda: bridge.epochs.check(identity.bot_id, identity.epoch)


@router.get("/order/{order_id}", responses=ACCOUNT_ERRORS)
async def order_by_id(
    bridge: BridgeOf,
    _identity: Identity,
    order_id: Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,64}$", examples=["52cfe5e2-0b29-4c19-a245-a6a773de5030"])],
) -> OrderState:
    """An order and what has been executed of it. 404: not known, or not visible yet."""
    return await bridge.lookup.by_order_id(order_id)


@router.get("/order", responses={**ACCOUNT_ERRORS, 404: {"model": OrderNotFound, "description": "Not in the listing"}})
async def order_by_client_id(
    bridge: BridgeOf,
    _identity: Identity,
    client_order_id: Annotated[ClientOrderId, Query(examples=["btc-1795368120123-17"])],
    product_id: Annotated[ProductId, Query(examples=["BTC-USD"])],
    since: Annotated[int, Query(ge=0, le=_LATEST, description="UNIX seconds, the venue's; when it was sent")],
) -> OrderState:
    """An order by our own id, looked for in a listing of everything since a little before `since`.

    404 tells in `search` how far and how completely the listing was read.
    """
    return await bridge.lookup.by_client_order_id(client_order_id, product_id, since)
