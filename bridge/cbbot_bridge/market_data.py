"""Market data that needs no keys: products, candles, best bid and offer, last trades."""

from __future__ import annotations

import time
from collections.abc import Callable

from cbbot.contract.bridge_api import Bbo, CandleRow, ProductAnswer
from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.domain.candle import Granularity
from cbbot_bridge import translate
from cbbot_bridge.candle_pages import Window, merge, pages
from cbbot_bridge.coinbase.rest import CoinbaseRest
from cbbot_bridge.http_errors import RequestRefused, UpstreamUnavailable
from cbbot_bridge.prices import Tick

__all__ = ["Market"]

_MOST_PRODUCTS = 500
_PAGE_LIMIT = "350"


class Market:
    """Reads of the public endpoints. Products are remembered: orders need their increments at once."""

    def __init__(self, rest: CoinbaseRest, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rest = rest
        self._monotonic = monotonic
        self._products: dict[str, tuple[float, ProductAnswer]] = {}

    async def product(
        self, product_id: str, *, younger_than: float = 0.0, at_worst: float = 0.0, for_order: bool = False
    ) -> ProductAnswer:
        """The product; one read less than ``younger_than`` seconds ago will do.

        One read less than ``at_worst`` seconds ago will do when Coinbase cannot be asked. ``for_order``: an
        order waits for it.
        """
        read_at, known = self._products.get(product_id, (0.0, None))
        age = self._monotonic() - read_at
        if known is not None and age < younger_than:
            return known
        try:
            body = await self._rest.get(f"/market/products/{product_id}", private=False, for_order=for_order)
            product = translate.product(body)
        except UpstreamUnavailable:
            if known is not None and age < at_worst:
                return known
            raise
        if len(self._products) >= _MOST_PRODUCTS:
            self._products.pop(next(iter(self._products)))
        self._products[product_id] = (self._monotonic(), product)
        return product

    async def candles(self, product_id: str, granularity: Granularity, window: Window) -> list[CandleRow]:
        """All candles of the window, oldest first, none twice; buckets without a trade are absent."""
        read: list[CandleRow] = []
        for start, end in pages(window, granularity.seconds):
            params = (
                ("start", str(start)),
                ("end", str(end)),
                ("granularity", granularity.value),
                ("limit", _PAGE_LIMIT),
            )
            body = await self._rest.get(f"/market/products/{product_id}/candles", params, private=False)
            read.extend(translate.candle(row) for row in translate.objects(body, "candles"))
        return merge(read, window)

    async def bbo(self, product_id: str, *, for_order: bool = False) -> Bbo:
        """Best bid and offer from the product book."""
        params = (("product_id", product_id), ("limit", "1"))
        body = await self._rest.get("/market/product_book", params, private=False, for_order=for_order)
        bbo = translate.best_bid_ask(body)
        if bbo is None:
            message = f"the book of {product_id} has an empty side"
            raise RequestRefused(404, BridgeErrorCode.NOT_FOUND, message)
        return bbo

    async def last_trade(self, product_id: str) -> Tick | None:
        """The newest trade as a tick, received now; None when the product has none."""
        body = await self._rest.get(f"/market/products/{product_id}/ticker", (("limit", "1"),), private=False)
        trades = translate.objects(body, "trades")
        if not trades:
            return None
        price = translate.decimal_of(trades[0], "price")
        if price <= 0:
            raise translate.malformed(f"the last trade of {product_id} was at {price}")
        bid, ask = (translate.decimal_or_none(body, key) for key in ("best_bid", "best_ask"))
        return Tick(
            product_id=product_id,
            price=f"{price:f}",
            ts=translate.text_of(trades[0], "time"),
            bid=f"{bid:f}" if bid else None,
            ask=f"{ask:f}" if ask else None,
            received=self._monotonic(),
        )
