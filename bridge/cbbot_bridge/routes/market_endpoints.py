"""Market data: needs neither keys nor token."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from cbbot.contract.bridge_api import MAX_CANDLES, Bbo, CandleRow, Filters, NoTick, Price, ProductAnswer, VenueTime
from cbbot.contract.bridge_fields import DIGITS_ONLY, ProductId
from cbbot.domain.candle import Granularity
from cbbot.domain.timestamps import rfc3339_ms
from cbbot_bridge.candle_pages import window_of
from cbbot_bridge.routes.admission import MarketRoute
from cbbot_bridge.routes.documented import MARKET_ERRORS
from cbbot_bridge.routes.requests import BridgeOf, ProductQuery, Second, identify

__all__ = ["router", "ticks"]

_OPEN: dict[str, Any] = {"tags": ["market data"], "responses": MARKET_ERRORS, "dependencies": [Depends(identify)]}
router = APIRouter(route_class=MarketRoute, **_OPEN)
# Answered from memory, so it waits for nothing and is never refused.
ticks = APIRouter(**_OPEN)

_PRODUCT_SECONDS = 60.0


@router.get("/time")
async def venue_time(bridge: BridgeOf) -> VenueTime:
    """The venue's time now; it goes back only when the venue's clock was set back."""
    if not bridge.timekeeper.known:
        await bridge.timekeeper.sample()
    elif not bridge.timekeeper.rate_known:
        await bridge.timekeeper.try_sample()
    now = bridge.timekeeper.now_ms()
    offset_ms, known = now - int(bridge.clocks.wall() * 1000), bridge.timekeeper.rate_known
    return VenueTime(iso=rfc3339_ms(now), epoch_ms=now, offset_ms=offset_ms, rate_known=known)


@router.get("/product/{product_id}")
async def product(bridge: BridgeOf, product_id: Annotated[ProductId, Path(examples=["BTC-USD"])]) -> ProductAnswer:
    """Coinbase's product, read anew."""
    return await bridge.market.product(product_id)


@router.get("/candles")
async def candles(
    bridge: BridgeOf,
    product_id: ProductQuery,
    granularity: Granularity = Granularity.ONE_MINUTE,
    limit: Annotated[
        int, Query(ge=1, le=MAX_CANDLES, description="How many, when no start is given"), DIGITS_ONLY
    ] = 300,
    start: Second | None = None,
    end: Second | None = None,
) -> list[CandleRow]:
    """Candles, oldest first, none twice; the newest may still be in progress.

    With `start`: every candle from `start` to `end` (now when not given), at most 10000, and `limit`
    has no say. Without: the newest `limit` up to `end`. Buckets without a trade are absent.
    """
    now = bridge.timekeeper.now_ms() // 1000
    window = window_of(granularity.seconds, limit, start, end, now)
    return await bridge.market.candles(product_id, granularity, window)


@ticks.get("/price")
async def price(bridge: BridgeOf, product_id: ProductQuery) -> Price | NoTick:
    """The last price. Asking for a product keeps it followed; the first answer may be `no_tick`."""
    bridge.prices.follow(product_id)
    return bridge.prices.price(product_id) or NoTick(product_id=product_id)


@router.get("/bbo")
async def bbo(bridge: BridgeOf, product_id: ProductQuery) -> Bbo:
    """Best bid and offer: the ticker's when it is fresh, else the book's."""
    return bridge.prices.fresh_bbo(product_id) or await bridge.market.bbo(product_id)


@router.get("/exchange/filters")
async def filters(bridge: BridgeOf, product_id: ProductQuery) -> Filters:
    """Increments and the smallest notional of a product."""
    found = await bridge.market.product(product_id, younger_than=_PRODUCT_SECONDS)
    return Filters(
        price_tick=found.price_increment,
        base_step=found.base_increment,
        quote_step=found.quote_increment,
        min_notional=found.quote_min_size,
    )
