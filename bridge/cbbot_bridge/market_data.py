"""Market data that needs no keys: products, candles, best bid and offer, last trades.

An answer must speak of what was asked for. A product whose *alias* names another has that one's book:
answers under the alias are its own.
"""

from __future__ import annotations

from collections.abc import Callable

from cbbot.contract.bridge_api import Bbo, CandleRow, ProductAnswer
from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.domain.candle import Granularity
from cbbot.domain.decimals import plain
from cbbot_bridge import translate
from cbbot_bridge.candle_pages import Window, merge, pages
from cbbot_bridge.coinbase.rest import CoinbaseRest
from cbbot_bridge.http_errors import RequestRefused, UpstreamUnavailable
from cbbot_bridge.machine_clocks import monotonic_seconds
from cbbot_bridge.prices import Tick

__all__ = ["Market"]

_MOST_PRODUCTS = 500
_PAGE_LIMIT = "350"
_ALIAS_SECONDS = 3600.0
_FOR_ORDER_SECONDS = 10.0
# Increments hardly ever change, and an exit must not wait for an outage of the product endpoint.
_FOR_ORDER_AT_WORST_SECONDS = 3600.0


class Market:
    """Reads of the public endpoints. Products are remembered: orders need their increments at once."""

    def __init__(self, rest: CoinbaseRest, monotonic: Callable[[], float] = monotonic_seconds) -> None:
        self._rest = rest
        self._monotonic = monotonic
        self._products: dict[str, tuple[float, ProductAnswer]] = {}

    async def product(
        self, product_id: str, *, younger_than: float = 0.0, at_worst: float = 0.0, for_order: bool = False
    ) -> ProductAnswer:
        """The product; one read less than ``younger_than`` seconds ago will do.

        One read less than ``at_worst`` seconds ago will do when Coinbase cannot be asked. ``for_order``: an order waits
        for it.
        """
        read_at, known = self._products.get(product_id, (0.0, None))
        age = self._monotonic() - read_at
        if known is not None and age < younger_than:
            return known
        try:
            body = await self._rest.get(f"/market/products/{product_id}", private=False, for_order=for_order)
            product = translate.product(body)
            if product.product_id != product_id:
                raise translate.malformed(f"asked for {product_id}, answered for {product.product_id}")
        except UpstreamUnavailable:
            if known is not None and age < at_worst:
                return known
            raise
        if len(self._products) >= _MOST_PRODUCTS:
            self._products.pop(next(iter(self._products)))
        self._products[product_id] = (self._monotonic(), product)
        return product

    async def product_for_order(self, product_id: str) -> ProductAnswer:
        """The product as an order needs it: gates that are fresh, or at worst what was known an hour ago."""
        return await self.product(
            product_id, younger_than=_FOR_ORDER_SECONDS, at_worst=_FOR_ORDER_AT_WORST_SECONDS, for_order=True
        )

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
            read.extend(translate.candle(row, granularity.seconds) for row in translate.objects(body, "candles"))
        return merge(read, window)

    async def bbo(self, product_id: str, *, for_order: bool = False) -> Bbo:
        """Best bid and offer from the product book. ``for_order``: an order waits for it."""
        params = (("product_id", product_id), ("limit", "1"))
        body = await self._rest.get("/market/product_book", params, private=False, for_order=for_order)
        bbo = translate.best_bid_ask(body)
        await self._check_product(product_id, body["pricebook"].get("product_id"))
        if bbo is None:
            message = f"the book of {product_id} has an empty side"
            raise RequestRefused(404, BridgeErrorCode.NOT_FOUND, message)
        return bbo

    async def last_trade(self, product_id: str) -> Tick | None:
        """The newest trade as a tick, received now; None when the product has none. Asked once: a poll repeats."""
        asked = self._monotonic()
        body = await self._rest.get_once(f"/market/products/{product_id}/ticker", (("limit", "1"),))
        trades = translate.objects(body, "trades")
        if not trades:
            return None
        await self._check_product(product_id, trades[0].get("product_id"))
        price = translate.decimal_of(trades[0], "price")
        if price <= 0:
            raise translate.malformed(f"the last trade of {product_id} was at {price}")
        bid, ask = translate.quote_of(body)
        return Tick(
            product_id=product_id,
            price=plain(price),
            ts=translate.text_of(trades[0], "time"),
            bid=bid,
            ask=ask,
            received=self._monotonic(),
            asked=asked,
            trade_id=translate.id_of(trades[0], "trade_id"),
            traded_at=translate.text_of(trades[0], "time"),
        )

    async def alias(self, product_id: str) -> str:
        """The product whose book and stream this one shares; ``""`` when it has its own."""
        product = await self.product(product_id, younger_than=_ALIAS_SECONDS, at_worst=float("inf"))
        return str((product.model_extra or {}).get("alias") or "")

    async def _check_product(self, asked: str, answered: object) -> None:
        """Raises when an answer names a product that is neither the asked one nor its alias."""
        if answered not in (None, "", asked) and answered != await self.alias(asked):
            raise translate.malformed(f"asked for {asked}, answered for {answered}")
