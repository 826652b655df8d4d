"""Orders over REST: create, look up, list, fills, cancel."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cbbot.venue.answer_records import cancel_record
from cbbot.venue.exchange import Fill
from cbbot.venue.records import fill_record, order_record, shown_status
from cbbot.venue.refusals import OrderRefused
from cbbot.venue.venue_order import Order, OrderRequest
from cbbot_bridge.simulator.error_answers import ApiError, integer, repeated, world_of
from cbbot_bridge.simulator.state_file import StateFile
from cbbot_bridge.simulator.world import World

__all__ = ["cancel_orders", "create_order", "fills", "order", "orders"]

_LOG = logging.getLogger(__name__)
_PAGE = 100
_LARGEST_PAGE = 1000
_LONGEST_ID = 128
_Item = TypeVar("_Item")


async def _body(request: Request) -> dict[str, object]:
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise ApiError.invalid("request body is not JSON") from error
    if not isinstance(body, dict):
        raise ApiError.invalid("request body is not a JSON object")
    return body


def _order_request(body: dict[str, object]) -> OrderRequest:
    texts: dict[str, str] = {}
    for name in ("client_order_id", "product_id", "side"):
        value = body.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID:
            raise ApiError.invalid(f"{name} argument is invalid")
        texts[name] = value
    configuration = body.get("order_configuration")
    if not isinstance(configuration, dict) or len(configuration) != 1:
        raise ApiError.invalid("order_configuration argument is invalid - give exactly one configuration")
    if not all(isinstance(fields, dict) for fields in configuration.values()):
        raise ApiError.invalid("order_configuration argument is invalid")
    return OrderRequest(texts["client_order_id"], texts["product_id"], texts["side"], configuration)


async def create_order(request: Request) -> Response:
    """``POST /orders``: HTTP 200 whether it was taken or refused; ``success`` tells."""
    world = world_of(request)
    wanted = _order_request(await _body(request))
    now_ms = world.now_ms()
    try:
        world.feed(now_ms)
        placed, repeated_id = world.exchange.place(wanted, now_ms)
    except OrderRefused as refusal:
        _LOG.info(
            "order refused",
            extra={"fields": {"client_order_id": wanted.client_order_id, "reason": refusal.reason.name}},
        )
        return JSONResponse(
            {
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
        )
    # Told is kept: no answer before the order is in the state file.
    await cast("StateFile", request.app.state.state_file).save()
    _log_placed(placed, repeated_id)
    return JSONResponse(
        {
            "success": True,
            "success_response": {
                "order_id": placed.order_id,
                "product_id": placed.product_id,
                "side": placed.side.value,
                "client_order_id": placed.client_order_id,
            },
            "order_configuration": placed.configuration,
        }
    )


def _log_placed(placed: Order, repeated_id: bool) -> None:
    fields = {
        "order_id": placed.order_id,
        "client_order_id": placed.client_order_id,
        "side": placed.side.value,
        "status": placed.status.value,
        "repeated": repeated_id,
    }
    _LOG.info("order", extra={"fields": fields})


def _order_record(world: World, item: Order, now_ms: int) -> dict[str, object]:
    instrument = world.exchange.products[item.product_id].instrument
    return order_record(item, instrument, world.customer, now_ms)


async def order(request: Request) -> Response:
    """``GET /orders/historical/{order_id}``: 404 as long as the order cannot be seen."""
    world = world_of(request)
    order_id = request.path_params["order_id"]
    try:
        uuid.UUID(order_id)
    except ValueError as error:
        raise ApiError.invalid("order_id argument is invalid") from error
    now_ms = world.now_ms()
    world.feed(now_ms)
    found = world.exchange.order(order_id, now_ms)
    if found is None:
        raise ApiError.not_found("order with this orderID was not found")
    return JSONResponse({"order": _order_record(world, found, now_ms)})


def _moment(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ApiError.invalid(f"{name} argument is invalid") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _page(
    request: Request, items: Iterable[_Item], sequence: Callable[[_Item], int], limit: int
) -> tuple[list[_Item], str]:
    """A page of items in falling order of sequence, and the cursor of the next; "" at the end.

    The cursor is the sequence of the last item shown, so that new items do not move the pages.
    """
    if not 1 <= limit <= _LARGEST_PAGE:
        raise ApiError.invalid("limit argument is invalid")
    below = integer(request, "cursor", 0)
    rest = (item for item in items if not below or sequence(item) < below)
    page = list(islice(rest, limit + 1))
    if len(page) <= limit:
        return page, ""
    return page[:limit], str(sequence(page[limit - 1]))


def _between(request: Request, start: str, end: str) -> Callable[[int], bool]:
    """Whether a time lies at or after the query's start and before its end."""
    first, last = _moment(request, start), _moment(request, end)
    return lambda time_ms: (first is None or time_ms >= first) and (last is None or time_ms < last)


async def orders(request: Request) -> Response:
    """``GET /orders/historical/batch``: filtered, newest first, in pages."""
    world = world_of(request)
    now_ms = world.now_ms()
    world.feed(now_ms)
    ids, products = repeated(request, "order_ids"), repeated(request, "product_ids", "product_id")
    statuses, side = repeated(request, "order_status"), request.query_params.get("order_side", "")
    in_time = _between(request, "start_date", "end_date")
    found = (
        item
        for item in world.exchange.orders(now_ms)
        if (not ids or item.order_id in ids)
        and (not products or item.product_id in products)
        and (not statuses or shown_status(item, now_ms).value in statuses)
        and side in ("", "UNKNOWN_ORDER_SIDE", item.side.value)
        and in_time(item.created_ms)
    )
    page, cursor = _page(request, found, lambda item: item.sequence, integer(request, "limit", _LARGEST_PAGE))
    records = [_order_record(world, item, now_ms) for item in page]
    return JSONResponse({"orders": records, "sequence": "0", "has_next": cursor != "", "cursor": cursor})


def _matching_fills(request: Request, world: World, now_ms: int) -> Iterator[Fill]:
    ids, trades = repeated(request, "order_ids", "order_id"), repeated(request, "trade_ids")
    products, side = repeated(request, "product_ids", "product_id"), request.query_params.get("order_side", "")
    in_time = _between(request, "start_sequence_timestamp", "end_sequence_timestamp")
    return (
        fill
        for fill in world.exchange.fills(now_ms)
        if (not ids or fill.order_id in ids)
        and (not trades or fill.trade_id in trades)
        and (not products or fill.product_id in products)
        and side in ("", "UNKNOWN_ORDER_SIDE", fill.side.value)
        and in_time(fill.time_ms)
    )


async def fills(request: Request) -> Response:
    """``GET /orders/historical/fills``: filtered, newest first, in pages; no ``has_next`` there."""
    world = world_of(request)
    now_ms = world.now_ms()
    world.feed(now_ms)
    found = _matching_fills(request, world, now_ms)
    page, cursor = _page(request, found, lambda fill: fill.sequence, integer(request, "limit", _PAGE))
    records = [fill_record(fill, world.exchange.products[fill.product_id].instrument, world.customer) for fill in page]
    return JSONResponse({"fills": records, "cursor": cursor})


async def cancel_orders(request: Request) -> Response:
    """``POST /orders/batch_cancel``: a result for every id."""
    world = world_of(request)
    ids = (await _body(request)).get("order_ids")
    if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
        raise ApiError.invalid("order_ids argument is invalid")
    now_ms = world.now_ms()
    world.feed(now_ms)
    results = [cancel_record(order_id, world.exchange.cancel(order_id, now_ms)) for order_id in ids]
    await cast("StateFile", request.app.state.state_file).save()
    return JSONResponse({"results": results})
