"""The poll of prices: every second, one product's trouble being no other's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from prometheus_client import generate_latest

from cbbot_bridge.assembly import Bridge
from cbbot_bridge.http_errors import RequestRefused

pytestmark = pytest.mark.anyio

Answer = Callable[[httpx.Request], Awaitable[httpx.Response]]


def trade(product: str, price: str) -> dict[str, Any]:
    return {"trades": [{"product_id": product, "price": price, "time": "2026-11-22T17:21:59Z"}]}


class Ticker:
    """Canned last trades of a product; ``asked`` counts the requests, ``wait_for`` waits until there were enough."""

    def __init__(self, coinbase: Any, product: str, answer: Answer | None = None) -> None:
        self.asked = 0
        self.price = "100"
        self._product = product
        self._answer = answer
        self._changed = asyncio.Event()
        coinbase.on("GET", f"/market/products/{product}/ticker", self._handle)
        increments = {f"{kind}_increment": "1" for kind in ("base", "quote", "price")}
        coinbase.on("GET", f"/market/products/{product}", {"product_id": product, **increments})

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        self._changed.set()
        if self._answer is not None:
            return await self._answer(request)
        return httpx.Response(200, json=trade(self._product, self.price))

    async def wait_for(self, asked: int) -> None:
        async with asyncio.timeout(5):
            while self.asked < asked:
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def polling(bridge: Bridge) -> AsyncIterator[None]:
    task = asyncio.create_task(bridge.poller.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_product_that_does_not_answer_holds_up_no_other(make_bridge: Any, coinbase: Any) -> None:
    async def hang(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("not reached")

    bad, good = Ticker(coinbase, "BTC-USD", hang), Ticker(coinbase, "ETH-USD")
    bridge = make_bridge(COINBASE_WS_PRODUCTS="BTC-USD,ETH-USD")
    async with polling(bridge):
        await good.wait_for(2)
    assert bad.asked == 1
    assert bridge.prices.price("ETH-USD").price == "100"


async def test_products_that_were_merely_asked_for_do_not_hold_up_the_configured_one(
    make_bridge: Any, coinbase: Any
) -> None:
    async def hang(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("not reached")

    hanging = [Ticker(coinbase, f"A{number}-USD", hang) for number in range(10)]
    good = Ticker(coinbase, "BTC-USD")
    bridge = make_bridge()
    for number in range(10):
        bridge.prices.follow(f"A{number}-USD")
    async with polling(bridge):
        await good.wait_for(2)
    assert sum(ticker.asked for ticker in hanging) == 2


async def test_an_answer_that_was_asked_for_before_a_loss_is_asked_for_again(make_bridge: Any, coinbase: Any) -> None:
    asked_again = asyncio.Event()

    async def late(_request: httpx.Request) -> httpx.Response:
        if ticker.asked == 1:
            bridge.messages_lost()
            await asyncio.sleep(0)
            return httpx.Response(200, json=trade("BTC-USD", "100"))
        asked_again.set()
        return httpx.Response(200, json=trade("BTC-USD", "90"))

    ticker = Ticker(coinbase, "BTC-USD", late)
    bridge = make_bridge()
    bridge.poller.poll_now()
    async with polling(bridge):
        await asyncio.wait_for(asked_again.wait(), 0.9)


async def test_a_product_that_coinbase_does_not_know_is_not_polled_for_minutes(make_bridge: Any, coinbase: Any) -> None:
    good = Ticker(coinbase, "BTC-USD")
    bridge = make_bridge()
    bridge.prices.follow("NOPE-USD")
    async with polling(bridge):
        await good.wait_for(2)
    assert bridge.prices.followed() == ("BTC-USD",)
    assert len(coinbase.asked("GET", "/market/products/NOPE-USD/ticker")) == 1


async def test_a_configured_product_stays_followed_while_coinbase_does_not_know_it(
    make_bridge: Any, coinbase: Any
) -> None:
    bridge = make_bridge(COINBASE_WS_PRODUCTS="NOPE-USD")
    await bridge.poller.poll("NOPE-USD")
    assert bridge.prices.followed() == ("NOPE-USD",)
    assert coinbase.asked("GET", "/market/products/NOPE-USD/ticker")


async def test_the_stale_time_does_not_shorten_the_silence_that_ends_a_stream(make_bridge: Any) -> None:
    silences = {make_bridge(COINBASE_WS_STALE_SEC=seconds).stream.times.silence for seconds in ("1", "10", "600")}
    # Heartbeats come once a second: below five, a late one or two would end a healthy connection.
    assert len(silences) == 1
    assert 5 <= silences.pop() <= 10


async def test_unfollowing_makes_room(make_bridge: Any) -> None:
    bridge = make_bridge()
    for number in range(49):
        bridge.prices.follow(f"A{number}-USD")
    with pytest.raises(RequestRefused):
        bridge.prices.follow("ONE-USD")
    bridge.prices.unfollow("A7-USD")
    bridge.prices.follow("ONE-USD")


async def test_a_product_whose_alias_could_not_be_read_is_polled_until_it_is(
    make_bridge: Any, coinbase: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticker = Ticker(coinbase, "BTC-USD")
    product = {"product_id": "BTC-USD", "base_increment": "1", "quote_increment": "1", "price_increment": "1"}
    coinbase.on("GET", "/market/products/BTC-USD", *[{"error": "none of these is a product"}] * 2, product)
    bridge = make_bridge()
    # The stream brings data, so that a price a second old need not be polled.
    monkeypatch.setattr(bridge.stream.counts, "connected", True)
    async with polling(bridge):
        await ticker.wait_for(3)
    assert bridge.aliases.knows("BTC-USD")
    assert bridge.poller.failures == 2


async def test_what_was_heard_and_what_was_not_is_counted_for_the_scrape(make_bridge: Any) -> None:
    bridge = make_bridge()
    counts = bridge.stream.counts
    counts.gaps, counts.repeats, counts.malformed, counts.errors, counts.reconnects = 1, 2, 3, 4, 5
    bridge.timekeeper.outliers, bridge.timekeeper.failures = 6, 7
    bridge.poller.failures = 8
    text = generate_latest(bridge.metrics.registry).decode()
    for line in (
        "bridge_ws_connected 0.0",
        "bridge_ws_gaps_total 1.0",
        "bridge_ws_repeats_total 2.0",
        "bridge_ws_malformed_total 3.0",
        "bridge_ws_errors_total 4.0",
        "bridge_ws_reconnects_total 5.0",
        "bridge_ws_refused_products 0.0",
        "bridge_clock_outliers_total 6.0",
        "bridge_clock_set_backs_total 0.0",
        "bridge_time_failures_total 7.0",
        "bridge_poll_failures_total 8.0",
        'bridge_ticks_refused_total{product_id="BTC-USD"} 0.0',
    ):
        assert f"\n{line}\n" in text
