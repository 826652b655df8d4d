"""Orders over REST: create, preview, edit, cancel."""

from __future__ import annotations

import logging
from typing import cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cbbot.venue.answer_records import cancel_record, edit_preview_record, edit_record, preview_record
from cbbot.venue.refusals import OrderRefused
from cbbot.venue.venue_order import Order, OrderRequest
from cbbot_bridge.simulator.error_answers import world_of
from cbbot_bridge.simulator.order_bodies import order_request
from cbbot_bridge.simulator.portfolio_choice import portfolio_of
from cbbot_bridge.simulator.request_reading import Fields, read_fields
from cbbot_bridge.simulator.state_file import StateFile

__all__ = ["cancel_orders", "create_order", "edit_order", "edit_preview", "preview_order"]

_LOG = logging.getLogger(__name__)
_MOST_CANCELS = 100


async def _kept(request: Request) -> None:
    """What is answered is in the state file before."""
    await cast("StateFile", request.app.state.state_file).save()


async def create_order(request: Request) -> Response:
    """``POST /orders``: HTTP 200 whether it was taken or refused; ``success`` says which."""
    world = world_of(request)
    body = await read_fields(request)
    wanted = order_request(body)
    try:
        placed, repeated_id = world.exchange.place(wanted, world.now_ms(), portfolio_of(request, body))
    except OrderRefused as refusal:
        return JSONResponse(_refusal(wanted, refusal))
    await _kept(request)
    _log_placed(placed, repeated_id)
    success = {
        "order_id": placed.order_id,
        "product_id": placed.product_id,
        "side": placed.side.value,
        "client_order_id": placed.client_order_id,
        "attached_order_id": placed.attached_order_id,
    }
    return JSONResponse({"success": True, "success_response": success, "order_configuration": placed.configuration})


def _refusal(wanted: OrderRequest, refusal: OrderRefused) -> dict[str, object]:
    _LOG.info(
        "order refused",
        extra={"fields": {"client_order_id": wanted.client_order_id, "reason": refusal.reason.name}},
    )
    return {
        "success": False,
        "error_response": {
            "error": refusal.code,
            "message": str(refusal),
            "error_details": "",
            "preview_failure_reason": refusal.preview_reason,
            "new_order_failure_reason": refusal.new_order_reason,
        },
        "order_configuration": wanted.configuration,
    }


def _log_placed(placed: Order, repeated_id: bool) -> None:
    fields = {
        "order_id": placed.order_id,
        "client_order_id": placed.client_order_id,
        "side": placed.side.value,
        "status": placed.status.value,
        "repeated": repeated_id,
    }
    _LOG.info("order", extra={"fields": fields})


async def preview_order(request: Request) -> Response:
    """``POST /orders/preview``: HTTP 200; ``errs`` says why it would not be taken."""
    world = world_of(request)
    body = await read_fields(request)
    wanted = order_request(body, client_order_id="preview")
    return JSONResponse(preview_record(world.exchange.preview(wanted, world.now_ms(), portfolio_of(request, body))))


def _edit(body: Fields) -> tuple[str, str, str, str]:
    """Order id, price, size and stop price. What is left out is read as 0, as at Coinbase."""
    stop_price = body.decimal("stop_price") if "stop_price" in body else ""
    return body.text("order_id"), body.decimal("price", "0"), body.decimal("size", "0"), stop_price


async def edit_order(request: Request) -> Response:
    """``POST /orders/edit``: another price and size for an order that rests."""
    world = world_of(request)
    body = await read_fields(request)
    order_id, price, size, stop_price = _edit(body)
    refusal = world.exchange.edit(
        order_id, price, size, world.now_ms(), stop_price=stop_price, portfolio=portfolio_of(request)
    )
    if refusal is None:
        await _kept(request)
    return JSONResponse(edit_record(refusal))


async def edit_preview(request: Request) -> Response:
    """``POST /orders/edit_preview``: what an edit would come to."""
    world = world_of(request)
    order_id, price, size, stop_price = _edit(await read_fields(request))
    preview = world.exchange.edit_preview(
        order_id, price, size, world.now_ms(), stop_price=stop_price, portfolio=portfolio_of(request)
    )
    return JSONResponse(edit_preview_record(preview))


async def cancel_orders(request: Request) -> Response:
    """``POST /orders/batch_cancel``: a result for each order, in the order of asking."""
    world = world_of(request)
    order_ids = (await read_fields(request)).texts("order_ids", _MOST_CANCELS)
    portfolio, now_ms = portfolio_of(request), world.now_ms()
    failures = [world.exchange.cancel(order_id, now_ms, portfolio) for order_id in order_ids]
    if None in failures:
        await _kept(request)
    return JSONResponse({"results": [cancel_record(*each) for each in zip(order_ids, failures, strict=True)]})
