"""Orders and fills over REST: looked up by id, and listed with Coinbase's filters."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cbbot.domain.order import OrderStatus
from cbbot.venue.product import Product
from cbbot.venue.records import fill_record, order_record, shown_status
from cbbot.venue.venue_fill import Fill
from cbbot.venue.venue_order import Order
from cbbot_bridge.simulator.error_answers import ApiError
from cbbot_bridge.simulator.filter_words import CONTRACT_EXPIRIES, PRODUCT_TYPES
from cbbot_bridge.simulator.portfolio_choice import portfolio_of
from cbbot_bridge.simulator.request_reading import bounded, choices, instant, integer, known_only, repeated
from cbbot_bridge.simulator.request_world import world_of
from cbbot_bridge.simulator.world import World

__all__ = ["fills", "order", "orders"]

_Item = TypeVar("_Item")
_Test = Callable[[_Item], bool]
_PAGE: Final = 100
_RECORDS_KEPT: Final = 2048
_LARGEST_PAGE: Final = 1000
_ORDER_TYPES: Final = frozenset(
    {
        *("UNKNOWN_ORDER_TYPE", "MARKET", "LIMIT", "STOP", "STOP_LIMIT", "BRACKET"),
        *("TWAP", "ROLL_OPEN", "ROLL_CLOSE", "LIQUIDATION", "SCALED"),
    }
)
_TIMES_IN_FORCE: Final = frozenset(
    {
        *("UNKNOWN_TIME_IN_FORCE", "GOOD_UNTIL_DATE_TIME", "GOOD_UNTIL_CANCELLED"),
        *("IMMEDIATE_OR_CANCEL", "FILL_OR_KILL"),
    }
)
_STATUSES: Final = frozenset(OrderStatus)
_SIDES: Final = frozenset({"UNKNOWN_ORDER_SIDE", "BUY", "SELL"})
_SOURCES: Final = frozenset({"UNKNOWN_PLACEMENT_SOURCE", "RETAIL_ADVANCED", "RETAIL_SIMPLE"})
_ORDER_SORTS: Final = frozenset({"UNKNOWN_SORT_BY", "LIMIT_PRICE", "LAST_FILL_TIME"})
_FILL_SORTS: Final = frozenset({"UNKNOWN_SORT_BY", "PRICE", "TRADE_TIME"})
_BOTH: Final = ("order_ids", "product_ids", "product_id", "order_types", "order_type", "order_side", "asset_filters")
_PAGING: Final = ("retail_portfolio_id", "limit", "cursor", "sort_by")
_ORDER_FILTERS: Final = frozenset(
    {
        *_BOTH,
        *_PAGING,
        *("product_type", "order_status", "time_in_forces", "start_date", "end_date", "order_placement_source"),
        *("contract_expiry_type", "user_native_currency", "use_simplified_total_value_calculation"),
    }
)
_FILL_FILTERS: Final = frozenset(
    {
        *_BOTH,
        *_PAGING,
        *("order_id", "trade_ids", "product_types", "product_type"),
        *("start_sequence_timestamp", "end_sequence_timestamp"),
    }
)


async def order(request: Request) -> Response:
    """``GET /orders/historical/{order_id}``: 404 as long as the order cannot be seen."""
    world = world_of(request)
    order_id = request.path_params["order_id"]
    try:
        uuid.UUID(order_id)
    except ValueError as error:
        raise ApiError.invalid("order_id argument is invalid") from error
    now_ms = world.now_ms()
    found = world.exchange.order(order_id, now_ms)
    if found is None or found.portfolio_id != portfolio_of(request):
        raise ApiError.not_found("order with this orderID was not found")
    return JSONResponse({"order": _order_record(world, found, now_ms)})


def _order_record(world: World, item: Order, now_ms: int) -> dict[str, object]:
    """That of an order that is over stays as it is, and every listing shows it again."""
    kept = world.ended_orders.get(item.order_id)
    if kept is not None and kept[0] is item:
        return kept[1]
    record = order_record(item, world.exchange.products[item.product_id].instrument, world.customer, now_ms)
    if item.status.terminal and now_ms >= item.pending_until_ms:
        if len(world.ended_orders) >= _RECORDS_KEPT:
            world.ended_orders.clear()
        world.ended_orders[item.order_id] = item, record
    return record


def _chosen(request: Request, names: Iterable[str], known: frozenset[str]) -> frozenset[str]:
    """Values of a filter; those that begin with UNKNOWN stand for no filter, as in Coinbase's enumerations."""
    values = [value for name in names for value in choices(request, name, known)]
    return frozenset(value for value in values if not value.startswith("UNKNOWN"))


def _among(values: Iterable[str]) -> Callable[[str], bool]:
    """Whether a value is among some; every one is where there are none."""
    some = frozenset(values)
    return lambda value: not some or value in some


def _between(request: Request, start: str, end: str) -> Callable[[int], bool]:
    """Whether a time lies at or after the query's start and before its end."""
    first, last = instant(request, start), instant(request, end)
    return lambda time_ms: (first is None or time_ms >= first) and (last is None or time_ms < last)


def _of_assets(request: Request) -> Callable[[Product], bool]:
    """Whether base or quote of a product is one of those asked for."""
    wanted = frozenset(repeated(request, "asset_filters"))
    return lambda product: (
        not wanted or not wanted.isdisjoint({product.instrument.base_currency, product.instrument.quote_currency})
    )


def _statuses(request: Request) -> frozenset[str]:
    wanted = _chosen(request, ("order_status",), _STATUSES)
    if OrderStatus.OPEN in wanted and len(wanted) > 1:
        raise ApiError.invalid("order_status argument is invalid - OPEN cannot be combined with other statuses")
    return wanted


def _order_test(request: Request, world: World, now_ms: int) -> _Test[Order]:
    """Whether an order passes every filter of a query."""
    portfolio, products = portfolio_of(request), world.exchange.products
    ids, product_ids = _among(repeated(request, "order_ids")), _among(repeated(request, "product_ids", "product_id"))
    status, side = _among(_statuses(request)), _among(_chosen(request, ("order_side",), _SIDES))
    kind = _among(_chosen(request, ("order_types", "order_type"), _ORDER_TYPES))
    in_force = _among(_chosen(request, ("time_in_forces",), _TIMES_IN_FORCE))
    product_type = _among(_chosen(request, ("product_type",), PRODUCT_TYPES))
    source = _among(_chosen(request, ("order_placement_source",), _SOURCES))
    # It filters futures alone, of which there are none.
    choices(request, "contract_expiry_type", CONTRACT_EXPIRIES)
    in_time, of_assets = _between(request, "start_date", "end_date"), _of_assets(request)
    return lambda item: (
        item.portfolio_id == portfolio
        and ids(item.order_id)
        and product_ids(item.product_id)
        and status(shown_status(item, now_ms))
        and side(item.side.value)
        and kind(item.kind.order_type)
        and in_force(item.kind.time_in_force)
        and product_type("SPOT")
        and source("RETAIL_ADVANCED")
        and in_time(item.created_ms)
        and of_assets(products[item.product_id])
    )


def _fill_test(request: Request, world: World, now_ms: int) -> _Test[Fill]:
    """Whether a fill passes every filter of a query."""
    portfolio, exchange = portfolio_of(request), world.exchange
    ids, trades = _among(repeated(request, "order_ids", "order_id")), _among(repeated(request, "trade_ids"))
    product_ids = _among(repeated(request, "product_ids", "product_id"))
    side = _among(_chosen(request, ("order_side",), _SIDES))
    kinds = _chosen(request, ("order_types", "order_type"), _ORDER_TYPES)
    product_type = _among(_chosen(request, ("product_types", "product_type"), PRODUCT_TYPES))
    in_time = _between(request, "start_sequence_timestamp", "end_sequence_timestamp")
    of_assets = _of_assets(request)

    def of_kind(fill: Fill) -> bool:
        found = exchange.order(fill.order_id, now_ms) if kinds else None
        return not kinds or (found is not None and found.kind.order_type in kinds)

    return lambda fill: (
        fill.portfolio_id == portfolio
        and ids(fill.order_id)
        and trades(fill.trade_id)
        and product_ids(fill.product_id)
        and side(fill.side.value)
        and product_type("SPOT")
        and in_time(fill.time_ms)
        and of_assets(exchange.products[fill.product_id])
        and of_kind(fill)
    )


def _page(
    request: Request, items: Iterator[_Item], sequence: Callable[[_Item], int], usual: int
) -> tuple[list[_Item], str]:
    """A page of items in falling order of sequence, and the cursor of the next; "" at the end.

    The cursor is the sequence of the last item shown, so that new items do not move the pages.
    """
    limit, below = bounded(request, "limit", usual, _LARGEST_PAGE), integer(request, "cursor", 0)
    rest = (item for item in items if not below or sequence(item) < below)
    page = list(islice(rest, limit + 1))
    if len(page) <= limit:
        return page, ""
    return page[:limit], str(sequence(page[limit - 1]))


def _sorted_page(
    request: Request, items: Iterator[_Item], key: Callable[[_Item], Any], usual: int
) -> tuple[list[_Item], str]:
    """A page of items in falling order of a key. New items move its pages: Coinbase calls them unstable, too."""
    limit, offset = bounded(request, "limit", usual, _LARGEST_PAGE), integer(request, "cursor", 0)
    ranked = sorted(items, key=key, reverse=True)
    return ranked[offset : offset + limit], str(offset + limit) if offset + limit < len(ranked) else ""


def _sort(request: Request, known: frozenset[str]) -> str:
    """The field to sort by; "" for the usual order."""
    return next(iter(_chosen(request, ("sort_by",), known)), "")


async def orders(request: Request) -> Response:
    """``GET /orders/historical/batch``: filtered, newest first, in pages."""
    known_only(request, _ORDER_FILTERS)
    world = world_of(request)
    now_ms = world.now_ms()
    found = filter(_order_test(request, world, now_ms), world.exchange.orders(now_ms))
    sort = _sort(request, _ORDER_SORTS)
    if sort == "LIMIT_PRICE":
        page, cursor = _sorted_page(request, found, lambda item: _limit_price(world, item), _LARGEST_PAGE)
    elif sort == "LAST_FILL_TIME":
        page, cursor = _sorted_page(request, found, lambda item: item.last_fill_ms or 0, _LARGEST_PAGE)
    else:
        page, cursor = _page(request, found, lambda item: item.sequence, _LARGEST_PAGE)
    records = [_order_record(world, item, now_ms) for item in page]
    return JSONResponse({"orders": records, "sequence": "0", "has_next": cursor != "", "cursor": cursor})


def _limit_price(world: World, item: Order) -> Decimal:
    return (item.limit or 0) * world.exchange.products[item.product_id].instrument.price_increment


async def fills(request: Request) -> Response:
    """``GET /orders/historical/fills``: filtered, newest first, in pages; no ``has_next`` there."""
    known_only(request, _FILL_FILTERS)
    world = world_of(request)
    now_ms, products = world.now_ms(), world.exchange.products
    found = filter(_fill_test(request, world, now_ms), world.exchange.fills(now_ms))
    if _sort(request, _FILL_SORTS) == "PRICE":
        page, cursor = _sorted_page(request, found, lambda fill: _fill_price(world, fill), _PAGE)
    else:
        page, cursor = _page(request, found, lambda fill: fill.sequence, _PAGE)
    records = [fill_record(fill, products[fill.product_id].instrument, world.customer) for fill in page]
    return JSONResponse({"fills": records, "cursor": cursor})


def _fill_price(world: World, fill: Fill) -> Decimal:
    return fill.trade.price * world.exchange.products[fill.product_id].instrument.price_increment
