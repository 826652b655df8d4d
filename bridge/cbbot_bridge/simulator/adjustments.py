"""Adjustments of the exchange while it runs: delays, gates, balances, depth, fills taken back.

Unlike a fault, an adjustment is true on every side: orders, fills, balances and the WebSocket agree on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cbbot.domain.decimals import parse_decimal, whole_units
from cbbot.errors import BadInput, Refused
from cbbot.venue.order_book import BookShape
from cbbot.venue.product import Gate
from cbbot.venue.wire import decimal_text
from cbbot_bridge.simulator.error_answers import ApiError, world_of
from cbbot_bridge.simulator.product_lookup import known_product, market_of
from cbbot_bridge.simulator.request_reading import Fields, read_fields
from cbbot_bridge.simulator.state_file import StateFile
from cbbot_bridge.simulator.world import World

__all__ = ["ADJUSTMENTS", "adjust_exchange", "correct_fill", "reverse_fill", "show_exchange"]

_DAY_MS: Final = 86_400_000
_MOST: Final = 10**15
_AMOUNT: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,18})?", re.ASCII)
_STATUSES: Final = ("online", "offline", "internal", "delisted")


@dataclass(frozen=True)
class Adjustment:
    """A field of ``/sim/exchange``. ``plan`` reads it and answers with the change that it stands for."""

    meaning: str
    plan: Callable[[Request, Fields, str], Callable[[], object]]
    show: Callable[[World], object]


def _delay(field: str, meaning: str) -> Adjustment:
    def plan(request: Request, fields: Fields, name: str) -> Callable[[], object]:
        exchange, value = world_of(request).exchange, fields.whole(name, most=_DAY_MS)

        def change() -> None:
            delays = replace(exchange.terms.delays, **{field: value})
            exchange.terms = replace(exchange.terms, delays=delays)

        return change

    return Adjustment(f"venue ms {meaning}", plan, lambda world: getattr(world.exchange.terms.delays, field))


def _plan_duplicates(request: Request, fields: Fields, name: str) -> Callable[[], object]:
    exchange, value = world_of(request).exchange, fields.flag(name)

    def change() -> None:
        exchange.terms = replace(exchange.terms, refuse_duplicates=value)

    return change


def _together(changes: Sequence[Callable[[], object]]) -> Callable[[], object]:
    return lambda: [change() for change in changes]


def _plan_gates(request: Request, fields: Fields, name: str) -> Callable[[], object]:
    exchange, inner, changes = world_of(request).exchange, fields.inner(name), []
    for product_id in inner.values:
        known_product(request, product_id)
        shut = inner.values[product_id]
        if not isinstance(shut, list) or not all(gate in list(Gate) for gate in shut):
            raise inner.refuse(product_id, f"a list of some of {', '.join(Gate)} is wanted")
        gates = [Gate(gate) for gate in shut]
        changes.append(partial(exchange.set_gates, product_id, gates))
    return _together(changes)


def _plan_statuses(request: Request, fields: Fields, name: str) -> Callable[[], object]:
    exchange, inner, changes = world_of(request).exchange, fields.inner(name), []
    for product_id in inner.values:
        known_product(request, product_id)
        status = inner.text(product_id)
        if status not in _STATUSES:
            raise inner.refuse(product_id, f"one of {', '.join(_STATUSES)} is wanted")
        changes.append(partial(exchange.set_status, product_id, status))
    return _together(changes)


def _plan_balances(request: Request, fields: Fields, name: str) -> Callable[[], object]:
    world, inner, changes = world_of(request), fields.inner(name), []
    wallets = world.exchange.balances(world.now_ms())
    for currency in inner.values:
        text = inner.decimal(currency)
        if currency not in wallets or _AMOUNT.fullmatch(text) is None:
            raise inner.refuse(currency, "0 or more of a currency that is traded is wanted")
        changes.append(partial(world.exchange.ledger.set_available, currency, parse_decimal(text)))
    return _together(changes)


def _plan_books(request: Request, fields: Fields, name: str) -> Callable[[], object]:
    exchange, inner, changes = world_of(request).exchange, fields.inner(name), []
    for product_id in inner.values:
        market_id = market_of(request, product_id).market_id
        wanted = inner.inner(product_id).only("spread_ticks", "levels", "level_size")
        shape = BookShape(
            wanted.whole("spread_ticks", most=10**6),
            wanted.whole("levels", least=1, most=200),
            wanted.whole("level_size", least=1, most=_MOST),
        )
        changes.append(partial(exchange.set_shape, market_id, shape))
    return _together(changes)


ADJUSTMENTS: Final[Mapping[str, Adjustment]] = {
    "order_visible_delay_ms": _delay("order_visible_ms", "until a new order can be seen"),
    "pending_delay_ms": _delay("pending_ms", "that a new order shows as PENDING"),
    "fills_delay_ms": _delay("fills_ms", "until fills can be seen"),
    "post_delay_ms": _delay("post_ms", "until balances move"),
    "cancel_delay_ms": _delay("cancel_ms", "between a cancel and its effect; fills may cross it"),
    "edit_delay_ms": _delay("edit_ms", "between an edit and its effect"),
    "refuse_duplicates": Adjustment(
        "a repeated `client_order_id` is refused with DUPLICATE_CLIENT_ORDER_ID",
        _plan_duplicates,
        lambda world: world.exchange.terms.refuse_duplicates,
    ),
    "gates": Adjustment(
        'what is shut, by product: `{"BTC-USD": ["limit_only"]}`; an empty list opens it',
        _plan_gates,
        lambda world: {name: sorted(item.gates) for name, item in world.exchange.products.items()},
    ),
    "status": Adjustment(
        f"a product's status: {', '.join(_STATUSES)}",
        _plan_statuses,
        lambda world: {name: item.status for name, item in world.exchange.products.items()},
    ),
    "balances": Adjustment(
        'what is available of a currency in the default portfolio: `{"USD": "0"}`',
        _plan_balances,
        lambda world: {
            currency: decimal_text(balance.available)
            for currency, balance in world.exchange.balances(world.now_ms()).items()
        },
    ),
    "books": Adjustment(
        'the depth of a book: `{"BTC-USD": {"spread_ticks": 1, "levels": 3, "level_size": 10000}}`',
        _plan_books,
        lambda _world: {},
    ),
}
"""By name."""


async def show_exchange(request: Request) -> Response:
    """``GET /sim/exchange``."""
    return JSONResponse(_shown(world_of(request)))


def _shown(world: World) -> dict[str, Any]:
    return {name: adjustment.show(world) for name, adjustment in ADJUSTMENTS.items()}


async def adjust_exchange(request: Request) -> Response:
    """``POST /sim/exchange``: all that are given, or none when one of them cannot be."""
    fields = (await read_fields(request)).only(*ADJUSTMENTS)
    changes = [ADJUSTMENTS[name].plan(request, fields, name) for name in fields.values]
    for change in changes:
        change()
    await cast("StateFile", request.app.state.state_file).save()
    return JSONResponse(_shown(world_of(request)))


async def reverse_fill(request: Request) -> Response:
    """``POST /sim/fills/reverse``: ``{"entry_id"}`` is taken back; order and balances follow."""
    world = world_of(request)
    entry_id = (await read_fields(request)).only("entry_id").text("entry_id")
    return await _amended(request, lambda: world.exchange.reverse_fill(entry_id, world.now_ms()).entry_id)


async def correct_fill(request: Request) -> Response:
    """``POST /sim/fills/correct``: ``{"entry_id", "price"}`` is taken back and comes again at another price."""
    world = world_of(request)
    fields = (await read_fields(request)).only("entry_id", "price")
    entry_id, text = fields.text("entry_id"), fields.decimal("price")
    found = next((fill for fill in world.exchange.fills(world.now_ms()) if fill.entry_id == entry_id), None)
    if found is None:
        raise ApiError.not_found("fill not found")
    instrument = world.exchange.products[found.product_id].instrument
    try:
        ticks = whole_units(parse_decimal(text), instrument.price_increment)
    except BadInput:
        ticks = None
    if ticks is None or ticks < 1:
        raise fields.refuse("price", "a multiple of price_increment is wanted")
    return await _amended(request, lambda: world.exchange.correct_fill(entry_id, ticks, world.now_ms()).entry_id)


async def _amended(request: Request, amend: Callable[[], str]) -> Response:
    try:
        entry_id = amend()
    except (BadInput, Refused) as error:
        raise ApiError.invalid(str(error)) from error
    await cast("StateFile", request.app.state.state_file).save()
    return JSONResponse({"entry_id": entry_id})
