"""Over real sockets: whoever has no token cannot hold orders up, and no read outlives whoever asked for it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from cbbot.process.http_server import HttpServer
from cbbot.process.listening_socket import listening_socket
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.bridge_access import MOST_STRANGERS_AT_ONCE
from cbbot_bridge.bridge_app import create_app
from cbbot_bridge.coinbase.budget import BudgetExhausted, TokenBucket
from cbbot_bridge.coinbase.http_exchange import Pool
from handled_exchange import HandledExchange

pytestmark = pytest.mark.anyio

TOKEN = {"Authorization": "Bearer a-token-for-tests-only"}
ORDER = {"client_order_id": "c-1", "product_id": "BTC-USD", "side": "BUY", "quote_size": "25"}
PLACED = {"success": True, "success_response": {"order_id": "o-1", "client_order_id": "c-1"}}
AT_ONCE_SECONDS = 4.0
# A venue without signatures is asked 1000 times a second, Coinbase's public endpoints 5 times.
AS_AT_COINBASE = "0.005"


class Hung:
    """Requests to the venue that get no answer until they are let go."""

    def __init__(self, answer: object = None) -> None:
        self.waiting = 0
        self.canceled = 0
        self.changed = asyncio.Condition()
        self._let_go = asyncio.Event()
        self._answer = answer

    async def __call__(self, _request: httpx.Request) -> httpx.Response:
        await self._count(1)
        try:
            await self._let_go.wait()
        except asyncio.CancelledError:
            self.canceled += 1
            raise
        finally:
            await self._count(-1)
        return httpx.Response(200, json=self._answer)

    async def _count(self, change: int) -> None:
        async with self.changed:
            self.waiting += change
            self.changed.notify_all()

    def let_go(self) -> None:
        self._let_go.set()

    async def until(self, waiting: int) -> None:
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(lambda: self.waiting == waiting)


@asynccontextmanager
async def served(bridge: Bridge) -> AsyncIterator[str]:
    """The bridge's application on a port of 127.0.0.1, without its background work."""
    listening: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()
    server = HttpServer(create_app(bridge), listening.set_result, grace_seconds=1, lifespan="off")
    with listening_socket("127.0.0.1", 0, host_name="HOST", port_name="PORT") as bound:
        running = asyncio.create_task(server.serve([bound]))
        try:
            yield f"http://127.0.0.1:{(await listening).getsockname()[1]}"
        finally:
            server.stop()
            await asyncio.wait_for(running, 10)


def client(base: str, **headers: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=200)
    return httpx.AsyncClient(base_url=base, headers=headers, timeout=30, trust_env=False, limits=limits)


@pytest.mark.parametrize(
    ("path", "venue_path"),
    [
        ("/product/ETH-USD", "/market/products/ETH-USD"),
        ("/candles?product_id=ETH-USD&start=1795000000&end=1795300000", "/market/products/ETH-USD/candles"),
        ("/bbo?product_id=ETH-USD", "/market/product_book"),
    ],
)
async def test_a_hundred_hung_reads_without_a_token_hold_no_order_up(
    coinbase: Any, make_bridge: Callable[..., Bridge], path: str, venue_path: str
) -> None:
    hung = Hung()
    coinbase.on("GET", venue_path, hung)
    coinbase.on("POST", "/orders", PLACED)
    # With the time limits that it has, not those of a quick test: what is hung stays so.
    bridge = Bridge(make_bridge(COINBASE_RATE_SHARE=AS_AT_COINBASE).settings, exchange=HandledExchange(coinbase.handle))
    async with served(bridge) as base, client(base) as stranger, client(base, **TOKEN) as bot:
        asked = [asyncio.create_task(stranger.get(path)) for _ in range(100)]
        await hung.until(MOST_STRANGERS_AT_ONCE)
        first = asyncio.as_completed(asked)
        for _ in range(100 - MOST_STRANGERS_AT_ONCE):
            answer = await next(first)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
        began = time.monotonic()
        assert (await bot.post("/order/market", json=ORDER)).status_code == 200
        for open_path in ("/health", "/ready", "/metrics", "/price?product_id=BTC-USD"):
            assert (await stranger.get(open_path)).status_code == 200, open_path
        assert time.monotonic() - began < AT_ONCE_SECONDS
        assert hung.waiting == MOST_STRANGERS_AT_ONCE
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await hung.until(0)
        assert hung.canceled == MOST_STRANGERS_AT_ONCE, "they ended with whoever had asked"


async def test_a_flood_of_candle_windows_without_a_token_holds_no_order_up(
    coinbase: Any, make_bridge: Callable[..., Bridge]
) -> None:
    coinbase.on("GET", "/market/products/ETH-USD/candles", {"candles": []})
    coinbase.on("POST", "/orders", PLACED)
    bridge = make_bridge(COINBASE_RATE_SHARE=AS_AT_COINBASE)
    path = "/candles?product_id=ETH-USD&start=1795000000&end=1795500000"
    async with served(bridge) as base, client(base) as stranger, client(base, **TOKEN) as bot:
        asked = [asyncio.create_task(stranger.get(path)) for _ in range(60)]
        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        began = time.monotonic()
        assert (await bot.post("/order/market", json={**ORDER, "side": "SELL"})).status_code == 200
        assert time.monotonic() - began < AT_ONCE_SECONDS
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def test_whoever_shows_the_token_has_a_place_of_its_own(
    coinbase: Any, make_bridge: Callable[..., Bridge]
) -> None:
    hung = Hung({})
    coinbase.on("GET", "/market/products/ETH-USD", hung)
    async with served(make_bridge()) as base, client(base) as stranger, client(base, **TOKEN) as bot:
        asked = [asyncio.create_task(stranger.get("/product/ETH-USD")) for _ in range(MOST_STRANGERS_AT_ONCE)]
        await hung.until(MOST_STRANGERS_AT_ONCE)
        assert (await stranger.get("/product/BTC-USD")).status_code == 503
        assert (await bot.get("/product/BTC-USD")).status_code == 200
        hung.let_go()
        await asyncio.gather(*asked)
        assert (await stranger.get("/product/BTC-USD")).status_code == 200, "places are given back"


async def test_an_account_read_ends_with_whoever_asked(coinbase: Any, make_bridge: Callable[..., Bridge]) -> None:
    hung = Hung()
    coinbase.on("GET", "/accounts", hung)
    async with served(make_bridge()) as base, client(base, **TOKEN) as bot:
        asked = asyncio.create_task(bot.get("/accounts"))
        await hung.until(1)
        asked.cancel()
        await hung.until(0)
    assert hung.canceled == 1


async def test_an_order_runs_to_its_end_without_whoever_asked(
    coinbase: Any, make_bridge: Callable[..., Bridge]
) -> None:
    hung = Hung(PLACED)
    coinbase.on("POST", "/orders", hung)
    bridge = make_bridge()
    async with served(bridge) as base, client(base, **TOKEN) as bot:
        asked = asyncio.create_task(bot.post("/order/market", json=ORDER))
        await hung.until(1)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        assert (await bot.get("/health")).status_code == 200  # the bridge has seen the other connection end
        hung.let_go()
        await hung.until(0)
        assert 'bridge_orders_total{kind="market",outcome="placed",side="BUY"} 1.0' in (await bot.get("/metrics")).text
    assert hung.canceled == 0


@pytest.mark.parametrize("framing", ["Content-Length: 60000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("token", ["", "Authorization: Bearer wrong-token-of-this-test\r\n"])
async def test_the_token_is_looked_at_before_the_body(
    make_bridge: Callable[..., Bridge], framing: str, token: str
) -> None:
    async with served(make_bridge()) as base:
        stream, writer = await asyncio.open_connection("127.0.0.1", int(base.rpartition(":")[2]))
        writer.write(f"POST /order/market HTTP/1.1\r\nHost: localhost\r\n{token}{framing}\r\n\r\n".encode())
        answer = (await asyncio.wait_for(stream.readline(), 5)).decode()
        assert answer.startswith("HTTP/1.1 401 ")
        writer.close()


async def test_what_an_order_needs_takes_the_connections_and_the_allowance_of_orders(
    coinbase: Any, make_bridge: Callable[..., Bridge]
) -> None:
    coinbase.on("POST", "/orders", PLACED)
    exchange = HandledExchange(coinbase.handle)
    async with served(Bridge(make_bridge().settings, exchange=exchange)) as base, client(base, **TOKEN) as bot:
        order = {**ORDER, "side": "SELL"}
        assert (await bot.post("/order/market", json=order)).status_code == 200
        assert (await bot.get("/product/BTC-USD")).status_code == 200
    assert exchange.pools == [Pool.ORDERS, Pool.ORDERS, Pool.ORDERS, Pool.MARKET]


async def test_reads_that_wait_take_nothing_from_orders() -> None:
    bucket = TokenBucket(rate=2.0, burst=5.0)
    reads = [asyncio.create_task(bucket.take(60.0, keep=3.0)) for _ in range(50)]
    await asyncio.sleep(0)
    for _ in range(3):
        await asyncio.wait_for(bucket.take(0.0), 1)
    for read in reads:
        read.cancel()
    await asyncio.gather(*reads, return_exceptions=True)
    assert sum(not read.cancelled() for read in reads) == 2


async def test_reads_are_served_one_behind_the_other_and_told_when_it_takes_too_long() -> None:
    bucket = TokenBucket(rate=100.0, burst=2.0)
    served_reads: list[int] = []

    async def read(number: int) -> None:
        await bucket.take(5.0, keep=1.0)
        served_reads.append(number)

    reads = [asyncio.create_task(read(number)) for number in range(10)]
    await asyncio.sleep(0)
    with pytest.raises(BudgetExhausted):
        await bucket.take(0.05, keep=1.0)
    await asyncio.gather(*reads)
    assert served_reads == list(range(10))
