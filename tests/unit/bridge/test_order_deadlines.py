"""An order has so much time: passing trouble is waited out in it, and none is sent at its very end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from cbbot_bridge.assembly import Bridge
from cbbot_bridge.bridge_app import create_app
from cbbot_bridge.bridge_settings import load_settings
from cbbot_bridge.coinbase.http_exchange import HttpAnswer, Pool
from cbbot_bridge.coinbase.rest_answers import Meaning
from cbbot_bridge.coinbase.retry import RetryPolicy
from coinbase_answers import placed, refused
from handled_exchange import HandledExchange, Handler

pytestmark = pytest.mark.anyio

TOKEN = "a-token-for-tests-only"
BUY = {"client_order_id": "c-1", "product_id": "BTC-USD", "side": "BUY", "quote_size": "25"}
UNAUTHORIZED = httpx.Response(401, text="Unauthorized")


class TimedExchange(HandledExchange):
    """Remembers how long each request might have taken."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(handler)
        self._given: list[tuple[str, float]] = []

    async def send(
        self, pool: Pool, method: str, url: str, headers: Mapping[str, str], content: bytes | None, seconds: float
    ) -> HttpAnswer:
        self._given.append((method, seconds))
        return await super().send(pool, method, url, headers, content, seconds)

    def seconds_of(self, method: str) -> list[float]:
        return [seconds for asked, seconds in self._given if asked == method]


class Hurried:
    """Clients of bridges whose orders have the time of a policy; ``exchange`` is behind them all."""

    def __init__(self, handler: Handler) -> None:
        self.exchange = TimedExchange(handler)

    def __call__(self, policy: RetryPolicy) -> httpx.AsyncClient:
        environment = {"COINBASE_API_BASE": "http://127.0.0.1:1", "COINBASE_AUTH": "none", "BRIDGE_TOKEN": TOKEN}
        bridge = Bridge(load_settings(environment), exchange=self.exchange, retry=policy, dice=random.Random(1))
        headers = {"Authorization": f"Bearer {TOKEN}"}
        app = httpx.ASGITransport(create_app(bridge))
        return httpx.AsyncClient(transport=app, base_url="http://bridge", headers=headers)


@pytest.fixture
def hurried(coinbase: Any) -> Hurried:
    return Hurried(coinbase.handle)


@pytest.mark.parametrize("burst", [2, 6])
async def test_a_burst_of_401_is_waited_out(open_bridge: Any, coinbase: Any, burst: int) -> None:
    coinbase.on("POST", "/orders", *[UNAUTHORIZED] * burst, placed())
    async with open_bridge() as client:
        got = await client.post("/order/market", json=BUY)
    assert (got.status_code, got.json()["order_id"]) == (200, "o-1")
    assert len({str(body) for body in coinbase.bodies()}) == 1


def test_a_burst_of_401_of_three_seconds_is_outlasted_as_one_of_429() -> None:
    policy = RetryPolicy()
    for meaning in (Meaning.UNAUTHORIZED, Meaning.RATE_LIMITED):
        tries = next(made for made in range(1, 100) if not policy.again(meaning, made))
        for seed in range(50):
            dice = random.Random(seed)
            assert sum(policy.delay(made, dice) for made in range(1, tries)) > 3


async def test_an_order_is_not_sent_shortly_before_its_end(hurried: Hurried, coinbase: Any) -> None:
    product = await _product(hurried)

    async def slow(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.15)
        return httpx.Response(200, json=product)

    coinbase.on("GET", "/market/products/BTC-USD", slow)
    coinbase.on("POST", "/orders", placed())
    async with hurried(RetryPolicy(total_seconds=1.0, least_seconds=0.9)) as client:
        got = await client.post("/order/market", json=BUY)
    assert (got.status_code, got.json()["outcome"]) == (504, "not_placed")
    assert coinbase.bodies() == []


async def test_an_order_is_not_sent_again_shortly_before_its_end(hurried: Hurried, coinbase: Any) -> None:
    coinbase.on("POST", "/orders", httpx.Response(429))
    # A pause of 2 s at least, and 1.5 s until no try may begin.
    policy = RetryPolicy(base_seconds=8.0, cap_seconds=8.0, total_seconds=3.0, least_seconds=1.5)
    async with hurried(policy) as client:
        got = await client.post("/order/market", json=BUY)
    assert (got.status_code, got.json()["outcome"]) == (503, "not_placed")
    assert len(coinbase.bodies()) == 1


async def test_the_time_of_an_order_begins_with_the_request_and_not_with_the_send(
    hurried: Hurried, coinbase: Any
) -> None:
    product = await _product(hurried)

    async def slow(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.3)
        return httpx.Response(200, json=product)

    coinbase.on("GET", "/market/products/BTC-USD", slow)
    coinbase.on("POST", "/orders", placed())
    async with hurried(RetryPolicy(total_seconds=5.0, least_seconds=0.1)) as client:
        assert (await client.post("/order/market", json=BUY)).status_code == 200
    (seconds,) = hurried.exchange.seconds_of("POST")
    assert 0.1 <= seconds <= 4.7


async def test_a_repeat_does_not_wait_for_ever_for_the_request_that_has_its_id(hurried: Hurried, coinbase: Any) -> None:
    arrived = asyncio.Event()

    async def stuck(_request: httpx.Request) -> httpx.Response:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    coinbase.on("POST", "/orders", stuck)
    async with hurried(RetryPolicy(total_seconds=0.4, least_seconds=0.1)) as client:
        first = asyncio.create_task(client.post("/order/market", json=BUY))
        await asyncio.wait_for(arrived.wait(), 5)
        second = await client.post("/order/market", json=BUY)
        assert [(await first).json()["outcome"], second.json()["outcome"]] == ["unknown", "unknown"]


async def test_an_order_whose_request_was_cut_off_stays_in_doubt(hurried: Hurried, coinbase: Any) -> None:
    arrived = asyncio.Event()

    async def stuck(_request: httpx.Request) -> httpx.Response:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    coinbase.on("POST", "/orders", stuck)
    async with hurried(RetryPolicy(base_seconds=0.001, total_seconds=2.0, least_seconds=0.1)) as client:
        first = asyncio.create_task(client.post("/order/market", json=BUY))
        await asyncio.wait_for(arrived.wait(), 5)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        coinbase.on("POST", "/orders", refused(error="INSUFFICIENT_FUND"))
        got = await client.post("/order/market", json=BUY)
    assert (got.status_code, got.json()["outcome"]) == (502, "unknown")


async def _product(hurried: Hurried) -> dict[str, Any]:
    async with hurried(RetryPolicy()) as client:
        body: dict[str, Any] = (await client.get("/product/BTC-USD")).json()
    return body
