"""Prices by REST, once a second, for products whose price does not come by WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from cbbot.errors import CbbotError
from cbbot_bridge.aliases import Aliases
from cbbot_bridge.http_errors import UpstreamRefused
from cbbot_bridge.machine_clocks import monotonic_seconds
from cbbot_bridge.market_data import Market
from cbbot_bridge.outage_log import OutageLogs
from cbbot_bridge.prices import Prices

__all__ = ["POLL_SECONDS", "PricePoller"]

_LOG = logging.getLogger(__name__)

POLL_SECONDS = 1.0
# Products that somebody merely asked for share so many requests, so that the configured ones need not queue.
_ASKED_FOR_AT_ONCE = 2


class PricePoller:
    """``streaming`` tells whether the ticker stream brings data at the moment."""

    def __init__(
        self,
        market: Market,
        prices: Prices,
        aliases: Aliases,
        streaming: Callable[[], bool],
        interval_seconds: float = POLL_SECONDS,
        monotonic: Callable[[], float] = monotonic_seconds,
    ) -> None:
        self._market = market
        self._prices = prices
        self._aliases = aliases
        self._streaming = streaming
        self._interval = interval_seconds
        self._wake = asyncio.Event()
        self._all = False
        self._polling: set[str] = set()
        self._again: set[str] = set()
        self._asked_for = asyncio.Semaphore(_ASKED_FOR_AT_ONCE)
        self._outages = OutageLogs(_LOG, "cannot poll a price", monotonic)
        self.failures = 0

    def poll_now(self) -> None:
        """Reads every followed price at once: the stream has lost messages."""
        self._all = True
        self._wake.set()

    async def run(self) -> None:
        """Until canceled. Each product is polled on its own: one that does not answer holds up no other."""
        async with asyncio.TaskGroup() as polls:
            while True:
                products = self._due()
                if self._all:
                    # What was asked before the loss may not know what was lost.
                    self._again |= self._polling
                self._all = False
                self._wake.clear()
                for product in products:
                    if product not in self._polling:
                        self._polling.add(product)
                        polls.create_task(self._poll_in_turn(product))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._interval):
                        await self._wake.wait()

    def _due(self) -> list[str]:
        followed = self._prices.followed()
        due = followed if self._all else self._prices.to_poll(streaming=self._streaming())
        return [product for product in followed if product in due or not self._aliases.knows(product)]

    async def _poll_in_turn(self, product: str) -> None:
        turn = contextlib.nullcontext() if product in self._prices.configured else self._asked_for
        try:
            async with turn:
                await self.poll(product)
                while product in self._again:
                    self._again.discard(product)
                    await self.poll(product)
        finally:
            self._polling.discard(product)

    async def poll(self, product: str) -> None:
        """Read one price, and the product's alias once; a failure is counted and logged, not raised."""
        try:
            tick = await self._market.last_trade(product)
            if tick is not None:
                self._prices.heard(tick)
            await self._aliases.learn(product)
            self._outages.worked(product)
        except CbbotError as error:
            self.failures += 1
            self._outages.failed(product, {"reason": str(error)}, product_id=product)
            if isinstance(error, UpstreamRefused) and error.status == 404:
                self._prices.unfollow(product)
                if product not in self._prices.configured:
                    self._outages.forget(product)
