"""Orders, placed and looked up. Needs the token, and keys. ``cbbot.contract.bridge_errors`` tells the outcomes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from cbbot.contract.bridge_api import NewestEpoch
from cbbot.contract.bridge_fields import BotId, ClientOrderId, ProductId
from cbbot.contract.bridge_orders import (
    BracketOrder,
    LimitOrder,
    MarketBuy,
    MarketOrder,
    OpenOrders,
    OrderNotFound,
    OrderPlaced,
    OrderState,
    OwnOrders,
    StopLimitOrder,
)
from cbbot.domain.order import Side
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.order_records import place_action
from cbbot_bridge.order_wish import AnyOrder, wish_of
from cbbot_bridge.routes.admission import TokenRoute
from cbbot_bridge.routes.documented import ACCOUNT_ERRORS, LOOK_ERRORS, ORDER_ERRORS, TOKEN_ERRORS
from cbbot_bridge.routes.requests import (
    BotIdentity,
    BridgeOf,
    Identity,
    Keys,
    OrderId,
    ProductQuery,
    Second,
    Token,
    epoch_check,
)

__all__ = ["router"]

router = APIRouter(route_class=TokenRoute, tags=["orders"], dependencies=[Token, Keys])


@router.post("/orders/market_buy", responses=ORDER_ERRORS)
async def market_buy(bridge: BridgeOf, identity: Identity, order: MarketBuy) -> OrderPlaced:
    """Buys for `quote_size`, fee included. The same `client_order_id` always means the same order."""
    full = MarketOrder(
        client_order_id=order.client_order_id,
        product_id=order.product_id,
        side=Side.BUY,
        quote_size=order.quote_size,
        not_after_ms=order.not_after_ms,
    )
    return await _place(bridge, full, identity)


@router.post("/order/market", responses=ORDER_ERRORS)
async def market_order(bridge: BridgeOf, identity: Identity, order: MarketOrder) -> OrderPlaced:
    """A market order by exactly one of `quote_size` and `base_size`.

    The same `client_order_id` always means the same order: a repeat is answered with the original, another
    wish under it is refused with 409. A SELL by `quote_size` is turned into base at the bid.
    """
    return await _place(bridge, order, identity)


@router.post("/order/limit", responses=ORDER_ERRORS)
async def limit_order(bridge: BridgeOf, identity: Identity, order: LimitOrder) -> OrderPlaced:
    """A limit order: GTC, GTD with `end_time`, IOC or FOK; GTC and GTD may be `post_only`.

    The size is floored to the product's increment, the price rounded down for a BUY and up for a SELL.
    """
    return await _place(bridge, order, identity)


@router.post("/order/stop_limit", responses=ORDER_ERRORS)
async def stop_limit_order(bridge: BridgeOf, identity: Identity, order: StopLimitOrder) -> OrderPlaced:
    """A limit order that waits for the last price to reach `stop_price`."""
    return await _place(bridge, order, identity)


@router.post("/order/bracket", responses=ORDER_ERRORS)
async def bracket_order(bridge: BridgeOf, identity: Identity, order: BracketOrder) -> OrderPlaced:
    """A take at `limit_price` and a stop at `stop_trigger_price` in one order."""
    return await _place(bridge, order, identity)


async def _place(bridge: Bridge, order: AnyOrder, identity: BotIdentity | None) -> OrderPlaced:
    kind = wish_of(order).kind.value.lower()
    action = place_action(kind, order.side.value, order.client_order_id, order.product_id)
    with action.recorded(bridge.metrics) as found:
        if identity is not None:
            await bridge.orders.listed_epochs.learn(identity.bot_id, order.product_id)
        placed = await bridge.orders.placer.place(order, epoch_check(bridge, identity))
        found["order_id"] = placed.order_id
    return placed


@router.get("/orders/open", responses=ACCOUNT_ERRORS)
async def open_orders(
    bridge: BridgeOf,
    _identity: Identity,
    product_id: Annotated[ProductId | None, Query(examples=["BTC-USD"])] = None,
) -> OpenOrders:
    """Every order that is not over, of one product or of all: all pages, or an error."""
    return await bridge.orders.lookup.open_orders(product_id)


@router.get("/orders", responses=ACCOUNT_ERRORS)
async def own_orders(
    bridge: BridgeOf,
    _identity: Identity,
    client_order_id_prefix: Annotated[ClientOrderId, Query(examples=["btc-"])],
    product_id: ProductQuery,
    since: Second,
) -> OwnOrders:
    """Every order under ids that begin with a prefix, since a little before `since`: all pages, or an error.

    With it a starting bot finds orders that its state does not know. Their fills are not looked at.
    """
    return await bridge.orders.lookup.own_orders(client_order_id_prefix, product_id, since)


@router.get("/epoch", responses=TOKEN_ERRORS)
async def newest_epoch(bridge: BridgeOf, bot_id: Annotated[BotId, Query(examples=["btc"])]) -> NewestEpoch:
    """The newest epoch of a bot that this bridge has seen. A bot that starts takes a higher one."""
    return NewestEpoch(bot_id=bot_id, epoch=bridge.epochs.newest(bot_id))


@router.get("/order/{order_id}", responses=LOOK_ERRORS)
async def order_by_id(bridge: BridgeOf, _identity: Identity, order_id: OrderId) -> OrderState:
    """An order and what has been executed of it. 404: not known, or not visible yet."""
    return await bridge.orders.lookup.by_order_id(order_id)


@router.get("/order", responses={**LOOK_ERRORS, 404: {"model": OrderNotFound, "description": "Not in the listing"}})
async def order_by_client_id(
    bridge: BridgeOf,
    _identity: Identity,
    client_order_id: Annotated[ClientOrderId, Query(examples=["btc-1795368120123-17"])],
    product_id: ProductQuery,
    since: Second,
) -> OrderState:
    """An order by our own id, looked for in a listing of everything since a little before `since`.

    `since` is when it was sent, on the venue's clock.

    404 tells in `search` how far and how completely the listing was read.
    """
    return await bridge.orders.lookup.by_client_order_id(client_order_id, product_id, since)
