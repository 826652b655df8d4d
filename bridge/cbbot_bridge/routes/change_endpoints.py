"""Canceling and editing orders. Needs the token, and keys."""

from __future__ import annotations

from fastapi import APIRouter

from cbbot.contract.bridge_orders import OrderEdit, OrderState
from cbbot_bridge.order_records import cancel_action, edit_action
from cbbot_bridge.routes.admission import TokenRoute
from cbbot_bridge.routes.documented import CHANGE_ERRORS
from cbbot_bridge.routes.requests import BridgeOf, Identity, Keys, OrderId, Token, epoch_check

__all__ = ["router"]

router = APIRouter(route_class=TokenRoute, tags=["orders"], responses=CHANGE_ERRORS, dependencies=[Token, Keys])


@router.delete("/order/{order_id}")
async def cancel_order(bridge: BridgeOf, identity: Identity, order_id: OrderId) -> OrderState:
    """Cancels what is left of an order, and waits until it is canceled.

    200 also when it was canceled before; a part of it may be filled. 409: certainly not canceled, because it
    is over otherwise or Coinbase refuses; `order` is how it stands.
    """
    with cancel_action(order_id).recorded(bridge.metrics):
        return await bridge.orders.changer.cancel(order_id, epoch_check(bridge, identity))


@router.patch("/order/{order_id}")
async def edit_order(bridge: BridgeOf, identity: Identity, order_id: OrderId, edit: OrderEdit) -> OrderState:
    """Gives a resting order a new price and size, and waits until it has them.

    200 also when it has them already. 409: certainly not edited; `order` is how it stands.
    """
    with edit_action(order_id).recorded(bridge.metrics):
        return await bridge.orders.changer.edit(order_id, edit, epoch_check(bridge, identity))
