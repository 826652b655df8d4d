"""Market data over REST: products, candles, trades, time. Each with and without ``/market``."""

from __future__ import annotations

import json
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cbbot.domain.candle import Candle, Granularity
from cbbot.domain.timestamps import rfc3339_ms
from cbbot.venue.product import Gate, Product
from cbbot.venue.wire import decimal_text
from cbbot_bridge.simulator.candle_aggregation import candle_page
from cbbot_bridge.simulator.error_answers import ApiError
from cbbot_bridge.simulator.filter_words import CONTRACT_EXPIRIES, PRODUCT_TYPES
from cbbot_bridge.simulator.product_lookup import known_product, market_of
from cbbot_bridge.simulator.request_reading import bounded, choices, flag, integer, known_only, repeated
from cbbot_bridge.simulator.request_world import world_of
from cbbot_bridge.simulator.simulated_market import Market
from cbbot_bridge.simulator.world import World

__all__ = ["candles", "product", "products", "server_time", "ticker"]

_MOST_CANDLES = 350
_CANDLES_KEPT = 1024
_MOST_TRADES = 100
# Coinbase breaks when it is asked for more, instead of refusing.
_TOO_MANY_TRADES = 1000
_TRADABILITY = "get_tradability_status"
_PRODUCT_FILTERS = frozenset(
    {
        *("limit", "offset", "cursor", "product_type", "product_ids", "contract_expiry_type", _TRADABILITY),
        *("expiring_contract_status", "get_all_products", "products_sort_order", "user_native_currency"),
    }
)


def _product_record(world: World, found: Product, *, tradability: bool) -> dict[str, object]:
    """A product. Whether it can only be looked at is left open unless it is asked for."""
    instrument, now_ms = found.instrument, world.now_ms()
    market = world.market(found.product_id)
    last = None if market is None else market.last_print(now_ms)
    price = volume = change = volume_change = quote_volume = ""
    if market is not None and last is not None:
        figures = market.statistics.at(now_ms)
        price = market.price_text(last.price)
        volume = market.size_text(figures.volume)
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
        **{gate.value: gate in found.gates and (tradability or gate is not Gate.VIEW_ONLY) for gate in Gate},
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


async def server_time(request: Request) -> Response:
    """``GET /time``: the venue's clock."""
    now_ms = world_of(request).now_ms()
    return JSONResponse(
        {"iso": rfc3339_ms(now_ms), "epochSeconds": str(now_ms // 1000), "epochMillis": str(now_ms)},
    )


async def products(request: Request) -> Response:
    """``GET /products``: as far as asked for; spot products unless futures are, of which there are none."""
    known_only(request, _PRODUCT_FILTERS)
    world = world_of(request)
    wanted, kinds = repeated(request, "product_ids"), choices(request, "product_type", PRODUCT_TYPES)
    choices(request, "contract_expiry_type", CONTRACT_EXPIRIES)
    flag(request, "get_all_products")
    found = [
        item
        for item in world.exchange.products.values()
        if "FUTURE" not in kinds and (not wanted or item.product_id in wanted)
    ]
    offset, limit = integer(request, "offset", 0), integer(request, "limit", 0)
    page = found[offset : offset + limit if limit else None]
    tradability = flag(request, _TRADABILITY)
    records = [_product_record(world, item, tradability=tradability) for item in page]
    return JSONResponse({"products": records, "num_products": len(records), "pagination": None})


async def product(request: Request) -> Response:
    """``GET /products/{product_id}``: one product, not wrapped."""
    world = world_of(request)
    found, tradability = known_product(request, request.path_params["product_id"]), flag(request, _TRADABILITY)
    return JSONResponse(_product_record(world, found, tradability=tradability))


async def candles(request: Request) -> Response:
    """``GET /products/{product_id}/candles``: newest first, the newest one in progress, gaps left out."""
    world = world_of(request)
    market = market_of(request, request.path_params["product_id"])
    start, end = integer(request, "start"), integer(request, "end")
    try:
        granularity = Granularity(request.query_params.get("granularity", ""))
    except ValueError as error:
        raise ApiError.invalid("granularity argument is invalid") from error
    limit = bounded(request, "limit", _MOST_CANDLES, _MOST_CANDLES)
    seconds = granularity.seconds
    first, last = -(-start // seconds) * seconds, end // seconds * seconds
    if end < start:
        raise ApiError.invalid("start and end argument is invalid - start must not be after end")
    if (last - first) // seconds + 1 > _MOST_CANDLES:
        raise ApiError.invalid(
            "start and end argument is invalid - number of candles requested should be less than 350"
        )
    page = candle_page(market.tape, first, last, seconds, world.now_ms())[-limit:]
    records = ",".join([_candle_record(market, item) for item in reversed(page)])
    return Response(f'{{"candles":[{records}]}}', media_type=JSONResponse.media_type)


# Closed candles are asked for again and again.
@lru_cache(maxsize=_CANDLES_KEPT)
def _candle_record(market: Market, candle: Candle) -> str:
    record = {
        "start": str(candle.start),
        "low": market.price_text(candle.low),
        "high": market.price_text(candle.high),
        "open": market.price_text(candle.open),
        "close": market.price_text(candle.close),
        "volume": market.size_text(candle.volume),
    }
    return json.dumps(record, separators=(",", ":"))


async def ticker(request: Request) -> Response:
    """``GET /products/{product_id}/ticker``: the newest trades and the touch."""
    world = world_of(request)
    found = known_product(request, request.path_params["product_id"])
    market = market_of(request, found.product_id)
    limit = integer(request, "limit", 0) or _MOST_TRADES
    if limit > _TOO_MANY_TRADES:
        raise ApiError(500, "INTERNAL", "internal error")
    now_ms = world.now_ms()
    until_ms = min(now_ms, integer(request, "end", now_ms // 1000 + 1) * 1000)
    after_ms = integer(request, "start", 0) * 1000 - 1
    trades = [
        {
            "trade_id": str(item.number),
            "product_id": found.product_id,
            "price": market.price_text(item.price),
            "size": market.size_text(item.size),
            "time": rfc3339_ms(item.time_ms),
            "side": item.maker.value,
            "bid": "",
            "ask": "",
            "exchange": "coinbase",
        }
        for item in market.tape.latest_prints(until_ms, min(limit, _MOST_TRADES), after_ms)
        if item.size > 0
    ]
    book = world.book(found.product_id)
    best_bid = market.price_text(book.bids[0].price) if book and book.bids else ""
    best_ask = market.price_text(book.asks[0].price) if book and book.asks else ""
    return JSONResponse({"trades": trades, "best_bid": best_bid, "best_ask": best_ask})
