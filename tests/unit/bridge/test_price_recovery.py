"""Whatever a price or a clock has been told, it comes right again: a wrong word does not stay for good."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from cbbot_bridge.bridge_app import create_app
from cbbot_bridge.coinbase.ws_messages import TickerUpdate
from cbbot_bridge.prices import Prices, Tick

pytestmark = pytest.mark.anyio

T0, T1, T2 = "2026-11-22T17:22:00Z", "2026-11-22T17:22:01Z", "2026-11-22T17:22:02Z"
FAR = "2099-01-01T00:00:00Z"
# What the clock of the canned Coinbase says.
NOW_SECONDS = 1_795_368_120


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def tick(price: str, ts: str, received: float) -> Tick:
    return Tick("BTC-USD", price, ts, None, None, received)


def shown(prices: Prices) -> tuple[str, bool]:
    price = prices.price("BTC-USD")
    assert price is not None
    return price.price, price.stale


async def test_a_tick_of_the_far_future_gives_way_to_good_ones_within_the_stale_time(clock: Clock) -> None:
    prices = Prices(["BTC-USD"], 10.0, clock)
    prices.heard(tick("666", FAR, clock.now))
    for second in range(5):
        clock.now += 1
        prices.heard(tick(f"10{second}", f"2026-11-22T17:22:0{second}Z", clock.now))
    assert shown(prices) == ("104", False)


async def test_a_tick_of_the_far_future_is_refused_counted_and_reported(make_bridge: Any) -> None:
    bridge = make_bridge()
    await bridge.timekeeper.sample()
    bridge.on_ticker(TickerUpdate("BTC-USD", "100", None, None), T0)
    bridge.on_ticker(TickerUpdate("BTC-USD", "666", None, None), FAR)
    assert bridge.prices.price("BTC-USD").price == "100"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(bridge)), base_url="http://bridge") as client:
        metrics = (await client.get("/metrics")).text
    assert 'bridge_ticks_refused_total{product_id="BTC-USD"} 1.0' in metrics


async def test_when_every_tick_is_from_the_future_it_is_the_clock_that_is_wrong(clock: Clock) -> None:
    prices = Prices(["BTC-USD"], 10.0, clock, lambda: NOW_SECONDS, lambda: NOW_SECONDS * 1000)
    prices.heard(tick("100", T0, clock.now))
    told = []
    for second in range(7):
        clock.now += 1
        prices.heard(tick(f"9{second}", FAR, clock.now))
        told.append(shown(prices))
    # Refused for half of what makes a price stale; taken from then on, at a time that the clock can have.
    assert told == [("100", False)] * 5 + [("95", False), ("96", False)]
    price = prices.price("BTC-USD")
    assert price is not None
    assert price.ts == "2026-11-22T17:22:00.000Z"
    # One good word, and a wrong one is wrong again.
    prices.heard(tick("101", T0, clock.now))
    clock.now += 60
    prices.heard(tick("666", FAR, clock.now))
    assert shown(prices) == ("101", True)


async def test_after_a_lost_ticker_the_polled_price_wins(make_bridge: Any, coinbase: Any) -> None:
    bridge = make_bridge()
    # The ticker's time is the message's, the poll's is the trade's: a later trade may look the earlier one.
    bridge.on_ticker(TickerUpdate("BTC-USD", "100", None, None), "2026-11-22T17:22:00.9Z")
    trade = {"product_id": "BTC-USD", "price": "90", "time": "2026-11-22T17:22:00.5Z"}
    coinbase.on("GET", "/market/products/BTC-USD/ticker", {"trades": [trade], "best_bid": "", "best_ask": ""})
    bridge.messages_lost()
    await bridge.poller.poll("BTC-USD")
    assert bridge.prices.price("BTC-USD").price == "90"


async def test_a_stale_tick_gives_way_to_a_poll_with_an_earlier_time(clock: Clock) -> None:
    prices = Prices(["BTC-USD"], 10.0, clock)
    prices.heard(tick("100", T2, clock.now))
    clock.now += 10.5
    prices.heard(tick("90", T1, clock.now))
    assert shown(prices) == ("90", False)


async def test_a_clock_that_was_set_back_is_followed_and_candles_come_again(make_bridge: Any, coinbase: Any) -> None:
    bridge = make_bridge()
    await bridge.timekeeper.sample()
    started = NOW_SECONDS - 30 * 86_400
    coinbase.on("GET", "/time", {"epochMillis": str(started * 1000)})

    def candles(request: httpx.Request) -> httpx.Response:
        first, last = int(request.url.params["start"]), int(request.url.params["end"])
        held = [start for start in range(started - 600, started + 1, 60) if first <= start <= last]
        row = {"low": "1", "high": "2", "open": "1", "close": "2", "volume": "1"}
        return httpx.Response(200, json={"candles": [{"start": str(start), **row} for start in held]})

    coinbase.on("GET", "/market/products/BTC-USD/candles", candles)
    await bridge.timekeeper.sample()
    await bridge.timekeeper.sample()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(bridge)), base_url="http://bridge") as client:
        assert (await client.get("/time")).json()["epoch_ms"] == pytest.approx(started * 1000, abs=2000)
        assert len((await client.get("/candles?product_id=BTC-USD&limit=5")).json()) == 5
        metrics = (await client.get("/metrics")).text
    assert "bridge_clock_set_backs_total 1.0" in metrics


async def test_a_time_that_turns_out_to_be_impossible_protects_no_price(clock: Clock) -> None:
    limits = [float("inf")]
    prices = Prices(["BTC-USD"], 10.0, clock, lambda: limits[0])
    prices.heard(tick("666", FAR, clock.now))
    limits[0] = NOW_SECONDS + 60
    clock.now += 0.1
    prices.heard(tick("100", T0, clock.now))
    assert shown(prices) == ("100", False)


async def test_quotes_that_may_have_been_overtaken_unseen_size_no_order(make_bridge: Any) -> None:
    bridge = make_bridge()
    bridge.on_ticker(TickerUpdate("BTC-USD", "100", "99", "101"), T0)
    assert bridge.prices.fresh_bbo("BTC-USD") is not None
    assert bridge.prices.to_poll(streaming=True) == ()
    bridge.messages_lost()
    assert bridge.prices.fresh_bbo("BTC-USD") is None
    assert bridge.prices.to_poll(streaming=True) == ("BTC-USD",)
    bridge.on_ticker(TickerUpdate("BTC-USD", "100", "98", "102"), T0)
    assert bridge.prices.fresh_bbo("BTC-USD").bid == "98"
    assert bridge.prices.to_poll(streaming=True) == ()


async def test_a_refused_tick_and_lost_messages_have_the_time_asked_for(
    make_bridge: Any, coinbase: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    def tell(_request: httpx.Request) -> httpx.Response:
        asked.set()
        return httpx.Response(200, json={"epochMillis": str(NOW_SECONDS * 1000)})

    coinbase.on("GET", "/time", tell)
    bridge = make_bridge()
    monkeypatch.setattr(bridge.timekeeper, "interval", lambda **_state: 600.0)
    running = asyncio.create_task(bridge.timekeeper.run())
    try:
        for trouble in (
            lambda: None,
            bridge.messages_lost,
            lambda: bridge.on_ticker(TickerUpdate("BTC-USD", "666", None, None), FAR),
        ):
            asked.clear()
            trouble()
            await asyncio.wait_for(asked.wait(), 5)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
