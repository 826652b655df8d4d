"""Order books over REST: the best prices, and the levels with figures of the spread."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cbbot.domain.decimals import parse_decimal, whole_units
from cbbot.domain.instrument import Instrument
from cbbot.domain.timestamps import rfc3339_ms
from cbbot.errors import BadInput
from cbbot.venue.order_book import Book
from cbbot.venue.wire import decimal_text
from cbbot_bridge.simulator.error_answers import ApiError, world_of
from cbbot_bridge.simulator.product_lookup import market_of
from cbbot_bridge.simulator.request_reading import bounded, decimal, repeated
from cbbot_bridge.simulator.simulated_market import Market

__all__ = ["best_bid_ask", "product_book"]

_MOST_LEVELS: Final = 1000
_AGGREGATION: Final = "aggregation_price_increment"
_WIDE: Final = Context(prec=40)
_Levels = Iterable[tuple[int, int]]


def _price_book(
    market: Market, product_id: str, bids: _Levels, asks: _Levels, limit: int, now_ms: int
) -> dict[str, object]:
    def records(levels: _Levels) -> list[dict[str, str]]:
        return [
            {"price": market.price_text(price), "size": market.size_text(size)} for price, size in list(levels)[:limit]
        ]

    return {
        "product_id": product_id,
        "bids": records(bids),
        "asks": records(asks),
        "time": rfc3339_ms(now_ms),
    }


async def best_bid_ask(request: Request) -> Response:
    """``GET /best_bid_ask``: one level a side."""
    world = world_of(request)
    now_ms = world.now_ms()
    books = []
    for product_id in repeated(request, "product_ids") or list(world.exchange.products):
        market, book = market_of(request, product_id), world.book(product_id)
        bids, asks = (book.bids, book.asks) if book else ((), ())
        books.append(_price_book(market, product_id, bids, asks, 1, now_ms))
    return JSONResponse({"pricebooks": books})


async def product_book(request: Request) -> Response:
    """``GET /product_book``: the levels, and figures of the spread."""
    world = world_of(request)
    product_id = request.query_params.get("product_id", "")
    if not product_id:
        raise ApiError.invalid("product_id argument is invalid")
    market, limit = market_of(request, product_id), bounded(request, "limit", _MOST_LEVELS, _MOST_LEVELS)
    now_ms, step = world.now_ms(), _step(request, market.instrument)
    book = world.book(product_id)
    bids, asks = (_grouped(book.bids, step, up=False), _grouped(book.asks, step, up=True)) if book else ((), ())
    answer: dict[str, object] = {"pricebook": _price_book(market, product_id, bids, asks, limit, now_ms)}
    return JSONResponse(answer | _figures(market, book))


def _step(request: Request, instrument: Instrument) -> int:
    """The width of a level in ticks."""
    text = decimal(request, _AGGREGATION)
    if not text:
        return 1
    try:
        ticks = whole_units(parse_decimal(text), instrument.price_increment)
    except BadInput:
        ticks = None
    if ticks is None or ticks < 1:
        raise ApiError.invalid(f"{_AGGREGATION} argument is invalid - a multiple of price_increment is wanted")
    return ticks


def _grouped(levels: _Levels, step: int, *, up: bool) -> _Levels:
    """Levels of one step each: bids at its lower end, asks at its upper one."""
    sizes: dict[int, int] = {}
    for price, size in levels:
        group = (-(-price // step) if up else price // step) * step
        sizes[group] = sizes.get(group, 0) + size
    return [(price, size) for price, size in sizes.items() if price > 0]


def _figures(market: Market, book: Book | None) -> dict[str, object]:
    if book is None or not book.bids or not book.asks:
        return {"last": "", "mid_market": "", "spread_bps": "", "spread_absolute": ""}
    bid, ask = (side[0].price * market.instrument.price_increment for side in (book.bids, book.asks))
    middle = (bid + ask) / 2
    return {
        "last": market.price_text(book.last),
        "mid_market": decimal_text(middle),
        "spread_bps": decimal_text(round(_WIDE.divide((ask - bid) * Decimal(10_000), middle), 12)),
        "spread_absolute": decimal_text(ask - bid),
    }
