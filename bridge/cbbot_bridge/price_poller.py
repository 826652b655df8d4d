"""Prices by REST, once a second, for products whose price does not come by WebSocket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from cbbot.errors import CbbotError
from cbbot_bridge.market_data import Market
from cbbot_bridge.prices import Prices

__all__ = ["PricePoller"]

_LOG = logging.getLogger(__name__)

_INTERVAL_SECONDS = 1.0


class PricePoller:
    """``streaming`` tells whether the ticker stream brings data at the moment."""

    def __init__(
        self,
        market: Market,
        prices: Prices,
        streaming: Callable[[], bool],
        interval_seconds: float = _INTERVAL_SECONDS,
    ) -> None:
        self._market = market
        self._prices = prices
        self._streaming = streaming
        self._interval = interval_seconds
        self._wake = asyncio.Event()
        self._all = False
        self.failures = 0

    def poll_now(self) -> None:
        """Reads every followed price at once: the stream has lost messages."""
        self._all = True
        self._wake.set()

    async def run(self) -> None:
        """Until canceled."""
        while True:
            products = self._prices.followed() if self._all else self._prices.to_poll(streaming=self._streaming())
            self._all = False
            self._wake.clear()
            for product in products:
                await self.poll(product)
            try:
                async with asyncio.timeout(self._interval):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def poll(self, product: str) -> None:
        """Read one price; a failure is counted and logged, not raised."""
        try:
            tick = await self._market.last_trade(product)
        except CbbotError as error:
            self.failures += 1
            _LOG.warning("cannot poll a price", extra={"fields": {"product_id": product, "reason": str(error)}})
            return
        if tick is not None:
            self._prices.heard(tick)
