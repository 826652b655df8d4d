"""The bridge's parts, put together: what the routes work with, and what runs in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from cbbot.contract.bridge_api import RateBudgetLeft, WebSocketState
from cbbot.errors import CbbotError
from cbbot_bridge.aliases import Aliases
from cbbot_bridge.bridge_access import Access, EpochRegistry, StrangersAtOnce
from cbbot_bridge.bridge_metrics import BridgeMetrics
from cbbot_bridge.bridge_readings import READINGS, readings
from cbbot_bridge.bridge_settings import BridgeSettings
from cbbot_bridge.coinbase.aiohttp_exchange import AiohttpExchange
from cbbot_bridge.coinbase.budget import TokenBucket
from cbbot_bridge.coinbase.http_exchange import HttpExchange
from cbbot_bridge.coinbase.rest import CoinbaseRest
from cbbot_bridge.coinbase.retry import RetryPolicy
from cbbot_bridge.coinbase.signing import Signer
from cbbot_bridge.coinbase.ws import TickerStream
from cbbot_bridge.coinbase.ws_messages import TickerUpdate
from cbbot_bridge.exchange_account import ExchangeAccount
from cbbot_bridge.machine_clocks import MachineClocks
from cbbot_bridge.market_data import Market
from cbbot_bridge.order_path import OrderPath
from cbbot_bridge.outage_log import OutageLog
from cbbot_bridge.price_poller import POLL_SECONDS, PricePoller
from cbbot_bridge.prices import Prices, Tick
from cbbot_bridge.timekeeper import Timekeeper

__all__ = ["Bridge"]

_LOG = logging.getLogger(__name__)

# Coinbase allows 30 private requests a second for a key and 10 public ones for an address; others may
# use the same key or address, so we plan for a third and a half.
_PRIVATE_RATE = 10.0
_PUBLIC_RATE = 5.0
# A venue that wants no signature is our own simulator: its market may run hundreds of times faster than
# life, and so does what is asked of it. What is left of a limit only stops a runaway loop.
_UNSIGNED_RATE = 1000.0
_BURST_SECONDS = 2.0
_KEY_CHECK_SECONDS = 30.0


class Bridge:
    """One venue behind HTTP, made from settings. The other arguments are for tests and simulations."""

    def __init__(
        self,
        settings: BridgeSettings,
        *,
        exchange: HttpExchange | None = None,
        retry: RetryPolicy | None = None,
        clocks: MachineClocks | None = None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self.settings = settings
        self.clocks = clocks or MachineClocks()
        self.metrics = BridgeMetrics()
        self.access = Access(settings.token, on_loopback=settings.on_loopback)
        self.epochs = EpochRegistry()
        self.strangers = StrangersAtOnce()
        self._private = self._bucket(_PRIVATE_RATE)
        self._public = self._bucket(_PUBLIC_RATE)
        self._exchange = exchange or AiohttpExchange(settings.api_proxy)
        self._retry = retry
        rest = self._rest(settings.signer)
        # After a 401 an order is tried again once the clock has been looked at.
        self.timekeeper = Timekeeper(
            lambda: rest.get_once("/time", for_order=True), self.clocks.monotonic, self.clocks.wall
        )
        rest.signing_time = self.timekeeper.signing_seconds
        rest.on_unauthorized = self._set_the_clock_right
        self.prices = self._prices()
        self.market = Market(rest, self.clocks.monotonic)
        self.aliases = Aliases(self.market, self.prices)
        self.account = ExchangeAccount(rest)
        self.orders = OrderPath(
            rest, self.market, self.prices, self.account, self.timekeeper, self.metrics, self.epochs
        )
        self.stream = self._stream()
        self.poller = PricePoller(
            self.market,
            self.prices,
            self.aliases,
            streaming=lambda: self.stream.counts.connected,
            interval_seconds=poll_seconds,
            monotonic=self.clocks.monotonic,
        )
        self.metrics.read_at_scrape(READINGS, lambda: readings(self))

    def _rest(self, signer: Signer | None) -> CoinbaseRest:
        return CoinbaseRest(
            self.settings.api_base,
            self._exchange,
            signer=signer,
            private_budget=self._private,
            public_budget=self._public,
            observe=self.metrics.upstream_call,
            retried=self.metrics.retried,
            retry=self._retry,
            signing_time=self.clocks.wall,
            monotonic=self.clocks.monotonic,
        )

    def account_of(self, signer: Signer) -> ExchangeAccount:
        """The account behind another key than the one in use."""
        rest = self._rest(signer)
        rest.signing_time = self.timekeeper.signing_seconds
        rest.on_unauthorized = self._set_the_clock_right
        return ExchangeAccount(rest)

    def _bucket(self, rate: float) -> TokenBucket:
        if self.settings.unsigned:
            rate = _UNSIGNED_RATE
        ours = rate * float(self.settings.rate_share)
        return TokenBucket(ours, max(ours * _BURST_SECONDS, 2.0), self.clocks.monotonic)

    def _prices(self) -> Prices:
        prices = Prices(
            self.settings.ws_products,
            self.settings.ws_stale_seconds,
            self.clocks.monotonic,
            latest_plausible=self.timekeeper.latest_plausible_seconds,
            venue_ms=self.timekeeper.now_ms,
        )
        prices.on_refused = self.timekeeper.ask_soon
        self.timekeeper.on_set_back = prices.doubt
        return prices

    def _stream(self) -> TickerStream:
        signer = self.settings.signer
        return TickerStream(
            self.settings.ws_url,
            self.settings.ws_products,
            on_ticker=self.on_ticker,
            on_gap=self.messages_lost,
            token=None if signer is None else lambda: signer.websocket_token(self.timekeeper.signing_seconds()),
            proxy=self.settings.ws_proxy,
        )

    def on_ticker(self, update: TickerUpdate, timestamp: str) -> None:
        """Gives a streamed price to every followed product it is for."""
        now = self.clocks.monotonic()
        for product in self.aliases.fed_by(update.product_id):
            traded_at = timestamp if update.traded else ""
            tick = Tick(product, update.price, timestamp, update.bid, update.ask, now, traded_at=traded_at)
            self.prices.heard(tick)

    def messages_lost(self) -> None:
        """Prices may have changed unheard: whatever is told next of each counts, and is asked for at once."""
        self.prices.doubt()
        self.poller.poll_now()
        # A venue that was gone for a moment may have come back with another time.
        self.timekeeper.ask_soon()

    async def _set_the_clock_right(self) -> None:
        await self.timekeeper.try_sample()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The background work, for as long as the context lasts; closes the connections at its end."""
        jobs: list[tuple[str, Callable[[], Awaitable[Any]]]] = [
            ("venue time", self.timekeeper.run),
            ("price poll", self.poller.run),
        ]
        if self.settings.ws_enabled:
            jobs.append(("ticker stream", self.stream.run))
        if self.settings.can_order:
            jobs.append(("credentials", self._look_at_the_key))
        tasks = [asyncio.create_task(_forever(name, job), name=name) for name, job in jobs]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._exchange.close()

    async def _look_at_the_key(self) -> None:
        outage = OutageLog(_LOG, "cannot check the API key now", self.clocks.monotonic)
        while True:
            try:
                check = await self.account.credentials()
                break
            except CbbotError as error:
                outage.failed({"reason": str(error)})
                await asyncio.sleep(_KEY_CHECK_SECONDS)
        outage.worked()
        if check.valid is False:
            _LOG.error("Coinbase does not accept the API key")
        if check.can_transfer:
            _LOG.warning("the API key may transfer money out: use one that may view and trade only")
        if check.can_trade is False:
            _LOG.error("the API key may not trade: orders are refused until it may")

    def websocket_state(self) -> WebSocketState:
        counts = self.stream.counts
        return WebSocketState(
            enabled=self.settings.ws_enabled,
            connected=counts.connected,
            reconnects=counts.reconnects,
            gaps=counts.gaps,
            refused_products=self.stream.refused_products,
        )

    def budget_left(self) -> RateBudgetLeft:
        return RateBudgetLeft(private=round(self._private.left, 2), public=round(self._public.left, 2))


async def _forever(name: str, job: Callable[[], Awaitable[Any]]) -> None:
    """Runs a background job; a bug in it is logged and the job starts anew instead of dying unseen."""
    while True:
        try:
            await job()
        except Exception:  # noqa: BLE001  the top of a loop: logged, and tried again
            _LOG.exception("background job failed", extra={"fields": {"job": name}})
            await asyncio.sleep(1.0)
        else:
            return
