"""Market data over REST: products, candles, trades, books, time. Each with and without ``/market``."""

from __future__ import annotations

from decimal import Context, Decimal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cbbot.domain.candle import Candle, Granularity
from cbbot.domain.instrument import Instrument
from cbbot.domain.timestamps import rfc3339_ms
from cbbot.venue.order_book import Book, Level
from cbbot.venue.product import Gate, Product
from cbbot.venue.wire import decimal_text
from cbbot_bridge.simulator.candle_aggregation import candle_page
from cbbot_bridge.simulator.error_answers import ApiError, world_of
from cbbot_bridge.simulator.request_reading import integer, repeated
from cbbot_bridge.simulator.simulated_market import Market
from cbbot_bridge.simulator.world import World

__all__ = ["best_bid_ask", "candles", "product", "product_book", "products", "server_time", "ticker"]

_MOST_CANDLES = 350
_MOST_TRADES = 100
_MOST_LEVELS = 1000
_WIDE = Context(prec=40)


def _known(world: World, product_id: str) -> Product:
    found = world.product(product_id)
    if found is None:
        raise ApiError.not_found(f"Product {product_id} not supported")
    return found


def _market(world: World, product_id: str) -> Market:
    found = world.market(product_id)
    if found is None:
        raise ApiError.not_found(f"Product {product_id} not supported")
    return found


def _product_record(world: World, found: Product) -> dict[str, object]:
    instrument, now_ms = found.instrument, world.now_ms()
    market = world.market(found.product_id)
    last = None if market is None else market.last_print(now_ms)
    price = volume = change = volume_change = quote_volume = ""
    if market is not None and last is not None:
        figures = market.statistics.at(now_ms)
        price = _price(instrument, last.price)
        volume = _size(instrument, figures.volume)
        change, volume_change = (
            decimal_text(round(pct, 8)) for pct in (figures.price_change_pct, figures.volume_change_pct)
        )
        quote_volume = decimal_text(round(instrument.money(figures.volume * last.price), 2))
    return {
        "product_id": found.product_id,
        "price": price,
        "price_percentage_change_24h": change,
        "volume_24h": volume,
        "volume_percentage_change_24h": volume_change,
        "base_increment": decimal_text(instrument.base_increment),
        "quote_increment": decimal_text(instrument.quote_increment),
        "quote_min_size": decimal_text(instrument.min_notional),
        "quote_max_size": decimal_text(found.quote_max_size),
        "base_min_size": decimal_text(found.base_min_size),
        "base_max_size": decimal_text(found.base_max_size),
        "base_name": found.base_name,
        "quote_name": found.quote_name,
        "watched": False,
        "new": False,
        "status": found.status,
        **{gate.value: gate in found.gates for gate in Gate},
        "product_type": "SPOT",
        "quote_currency_id": instrument.quote_currency,
        "base_currency_id": instrument.base_currency,
        "fcm_trading_session_details": None,
        "mid_market_price": "",
        "alias": found.alias,
        "alias_to": list(found.alias_to),
        "base_display_symbol": instrument.base_currency,
        "quote_display_symbol": "USD" if instrument.quote_currency == "USDC" else instrument.quote_currency,
        "price_increment": decimal_text(instrument.price_increment),
        "display_name": found.product_id,
        "product_venue": "CBE",
        "approximate_quote_24h_volume": quote_volume,
        "new_at": "2023-01-01T00:00:00Z",
        "best_bid_price": "",
        "best_ask_price": "",
    }


def _price(instrument: Instrument, ticks: int) -> str:
    return decimal_text(ticks * instrument.price_increment)


def _size(instrument: Instrument, units: int) -> str:
    return decimal_text(units * instrument.base_increment)


async def server_time(request: Request) -> Response:
    """``GET /time``: the venue's clock."""
    now_ms = world_of(request).now_ms()
    return JSONResponse(
        {"iso": rfc3339_ms(now_ms), "epochSeconds": str(now_ms // 1000), "epochMillis": str(now_ms)},
    )


async def products(request: Request) -> Response:
    """``GET /products``: spot products, as far as asked for."""
    world = world_of(request)
    wanted = repeated(request, "product_ids")
    kind = request.query_params.get("product_type", "SPOT")
    found = [
        item
        for item in world.exchange.products.values()
        if kind in ("SPOT", "UNKNOWN_PRODUCT_TYPE") and (not wanted or item.product_id in wanted)
    ]
    offset = integer(request, "offset", 0)
    page = found[offset : offset + integer(request, "limit", len(found))]
    records = [_product_record(world, item) for item in page]
    return JSONResponse({"products": records, "num_products": len(records), "pagination": None})


async def product(request: Request) -> Response:
    """``GET /products/{product_id}``: one product, not wrapped."""
    world = world_of(request)
    return JSONResponse(_product_record(world, _known(world, request.path_params["product_id"])))


async def candles(request: Request) -> Response:
    """``GET /products/{product_id}/candles``: newest first, the newest one in progress, gaps left out."""
    world = world_of(request)
    market = _market(world, request.path_params["product_id"])
    instrument = market.instrument
    start, end = integer(request, "start"), integer(request, "end")
    try:
        granularity = Granularity(request.query_params.get("granularity", ""))
    except ValueError as error:
        raise ApiError.invalid("granularity argument is invalid") from error
    limit = integer(request, "limit", _MOST_CANDLES)
    if not 1 <= limit <= _MOST_CANDLES:
        raise ApiError.invalid("limit argument is invalid")
    seconds = granularity.seconds
    first, last = -(-start // seconds) * seconds, end // seconds * seconds
    if end < start:
        raise ApiError.invalid("start and end argument is invalid - start must not be after end")
    if (last - first) // seconds + 1 > _MOST_CANDLES:
        raise ApiError.invalid(
            "start and end argument is invalid - number of candles requested should be less than 350"
        )
    page = candle_page(market.tape, first, last, seconds, world.now_ms())[-limit:]
    return JSONResponse({"candles": [_candle_record(instrument, item) for item in reversed(page)]})


def _candle_record(instrument: Instrument, candle: Candle) -> dict[str, str]:
    return {
        "start": str(candle.start),
        "low": _price(instrument, candle.low),
        "high": _price(instrument, candle.high),
        "open": _price(instrument, candle.open),
        "close": _price(instrument, candle.close),
        "volume": _size(instrument, candle.volume),
    }


async def ticker(request: Request) -> Response:
    """``GET /products/{product_id}/ticker``: the newest trades and the touch."""
    world = world_of(request)
    found = _known(world, request.path_params["product_id"])
    market = _market(world, found.product_id)
    limit = integer(request, "limit", _MOST_TRADES)
    if limit > _MOST_LEVELS:
        raise ApiError(500, "INTERNAL", "internal error")
    now_ms = world.now_ms()
    until_ms = min(now_ms, integer(request, "end", now_ms // 1000 + 1) * 1000)
    after_ms = integer(request, "start", 0) * 1000 - 1
    instrument = found.instrument
    trades = [
        {
            "trade_id": str(item.number),
            "product_id": found.product_id,
            "price": _price(instrument, item.price),
            "size": _size(instrument, item.size),
            "time": rfc3339_ms(item.time_ms),
            "side": item.maker.value,
            "bid": "",
            "ask": "",
            "exchange": "coinbase",
        }
        for item in market.tape.latest_prints(until_ms, min(limit, _MOST_TRADES), after_ms)
        if item.size > 0
    ]
    book = world.book(found.product_id, now_ms)
    best_bid = _price(instrument, book.bids[0].price) if book and book.bids else ""
    best_ask = _price(instrument, book.asks[0].price) if book else ""
    return JSONResponse({"trades": trades, "best_bid": best_bid, "best_ask": best_ask})


def _levels(instrument: Instrument, levels: tuple[Level, ...], limit: int) -> list[dict[str, str]]:
    return [{"price": _price(instrument, price), "size": _size(instrument, size)} for price, size in levels[:limit]]


def _price_book(found: Product, book: Book | None, limit: int, now_ms: int) -> dict[str, object]:
    return {
        "product_id": found.product_id,
        "bids": _levels(found.instrument, book.bids, limit) if book else [],
        "asks": _levels(found.instrument, book.asks, limit) if book else [],
        "time": rfc3339_ms(now_ms),
    }


async def best_bid_ask(request: Request) -> Response:
    """``GET /best_bid_ask``: one level a side."""
    world = world_of(request)
    wanted = repeated(request, "product_ids") or list(world.exchange.products)
    now_ms = world.now_ms()
    books = [_price_book(_known(world, product_id), world.book(product_id, now_ms), 1, now_ms) for product_id in wanted]
    return JSONResponse({"pricebooks": books})


async def product_book(request: Request) -> Response:
    """``GET /product_book``: the levels, and figures of the spread."""
    world = world_of(request)
    found = _known(world, request.query_params.get("product_id", ""))
    limit = integer(request, "limit", _MOST_LEVELS)
    now_ms = world.now_ms()
    book = world.book(found.product_id, now_ms)
    answer: dict[str, object] = {"pricebook": _price_book(found, book, limit or _MOST_LEVELS, now_ms)}
    figures = {"last": "", "mid_market": "", "spread_bps": "", "spread_absolute": ""}
    if book is not None and book.bids:
        bid, ask = (side[0].price * found.instrument.price_increment for side in (book.bids, book.asks))
        middle = (bid + ask) / 2
        figures = {
            "last": _price(found.instrument, book.last),
            "mid_market": decimal_text(middle),
            "spread_bps": decimal_text(round(_WIDE.divide((ask - bid) * Decimal(10_000), middle), 12)),
            "spread_absolute": decimal_text(ask - bid),
        }
    return JSONResponse(answer | figures)
