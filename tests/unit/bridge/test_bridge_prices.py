"""Prices: staleness is about when we heard, order is about when it happened."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cbbot.errors import CbbotError
from cbbot_bridge.bridge_app import create_app
from cbbot_bridge.http_errors import RequestRefused
from cbbot_bridge.prices import Prices, Tick

T0, T1, T2 = "2026-04-07T14:30:00Z", "2026-04-07T14:30:01.5Z", "2026-04-07T14:30:02.123456789Z"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def prices(clock: Clock) -> Prices:
    return Prices(["BTC-USD"], 10.0, clock)


def tick(price: str, ts: str, received: float, product: str = "BTC-USD") -> Tick:
    return Tick(product, price, ts, "99", "101", received)


def test_there_is_no_price_before_the_first_tick(prices: Prices) -> None:
    assert prices.price("BTC-USD") is None
    assert prices.fresh_bbo("BTC-USD") is None
    assert prices.ages()[0].stale


def test_a_price_turns_stale_by_our_clock_and_not_by_its_timestamp(prices: Prices, clock: Clock) -> None:
    prices.heard(tick("100", "1999-01-01T00:00:00Z", clock.now))
    clock.now += 10.0
    fresh = prices.price("BTC-USD")
    assert fresh is not None
    assert not fresh.stale
    assert prices.fresh_bbo("BTC-USD") is not None
    clock.now += 0.1
    stale = prices.price("BTC-USD")
    assert stale is not None
    assert stale.stale
    assert stale.price == "100"
    assert prices.fresh_bbo("BTC-USD") is None


def test_a_later_tick_replaces_and_an_earlier_one_does_not(prices: Prices, clock: Clock) -> None:
    prices.heard(tick("100", T1, clock.now))
    prices.heard(tick("90", T0, clock.now))
    assert prices.price("BTC-USD").price == "100"  # type: ignore[union-attr]  # None would fail here too
    prices.heard(tick("110", T2, clock.now))
    assert prices.price("BTC-USD").price == "110"  # type: ignore[union-attr]  # as above


def test_an_earlier_trade_at_the_known_price_keeps_a_quiet_market_fresh(prices: Prices, clock: Clock) -> None:
    prices.heard(tick("100", T1, clock.now))
    clock.now += 60
    prices.heard(tick("100", T0, clock.now))
    price = prices.price("BTC-USD")
    assert price is not None
    assert not price.stale
    assert price.ts == T1


@pytest.mark.parametrize("told", ["", "yesterday", "2026-04-07T14:30:00", "1775572200"])
def test_a_time_that_cannot_be_read_is_not_passed_on(clock: Clock, told: str) -> None:
    prices = Prices(["BTC-USD"], 10.0, clock, venue_ms=lambda: 1_775_572_201_500)
    prices.heard(tick("100", T0, clock.now))
    prices.heard(tick("101", told, clock.now))
    price, bbo = prices.price("BTC-USD"), prices.fresh_bbo("BTC-USD")
    assert price is not None
    assert bbo is not None
    assert (price.price, price.ts, bbo.ts) == ("101", "2026-04-07T14:30:01.500Z", "2026-04-07T14:30:01.500Z")


def test_a_streamed_product_is_polled_only_when_it_has_gone_quiet(prices: Prices, clock: Clock) -> None:
    assert prices.to_poll(streaming=True) == ("BTC-USD",)
    prices.heard(tick("100", T1, clock.now))
    assert prices.to_poll(streaming=True) == ()
    assert prices.to_poll(streaming=False) == ("BTC-USD",)
    clock.now += 5
    assert prices.to_poll(streaming=True) == ("BTC-USD",)


def test_a_product_is_followed_while_somebody_asks(prices: Prices, clock: Clock) -> None:
    prices.follow("ETH-USD")
    prices.heard(tick("5", T1, clock.now, "ETH-USD"))
    assert prices.to_poll(streaming=True) == ("BTC-USD", "ETH-USD")
    clock.now += 119
    prices.follow("ETH-USD")
    clock.now += 119
    assert "ETH-USD" in prices.followed()
    clock.now += 2
    assert prices.followed() == ("BTC-USD",)
    assert prices.price("ETH-USD") is None


def test_there_is_an_end_to_what_is_followed(prices: Prices) -> None:
    for number in range(49):
        prices.follow(f"A{number}-USD")
    with pytest.raises(RequestRefused, match="50 products") as caught:
        prices.follow("ONE-USD")
    assert caught.value.status == 429
    prices.follow("A1-USD")
    prices.follow("BTC-USD")


@pytest.mark.anyio
async def test_the_poll_reads_the_last_trade_and_survives_an_outage(make_bridge: Any, coinbase: Any) -> None:
    trade = {"product_id": "BTC-USD", "price": "68923.67", "time": "2026-04-07T00:28:58.5Z"}
    bridge = make_bridge()
    with pytest.raises(CbbotError):
        await bridge.market.last_trade("BTC-USD")
    await bridge.poller.poll("BTC-USD")
    assert bridge.poller.failures == 1
    assert bridge.prices.price("BTC-USD") is None
    body = {"trades": [trade], "best_bid": "68923.66", "best_ask": ""}
    coinbase.on("GET", "/market/products/BTC-USD/ticker", body)
    await bridge.poller.poll("BTC-USD")
    price = bridge.prices.price("BTC-USD")
    assert (price.price, price.ts, price.stale) == ("68923.67", "2026-04-07T00:28:58.5Z", False)
    assert bridge.prices.fresh_bbo("BTC-USD") is None


@pytest.mark.anyio
async def test_a_price_over_http_is_no_tick_then_price_then_stale(make_bridge: Any, monkeypatch: Any) -> None:
    bridge = make_bridge()
    clock = Clock()
    monkeypatch.setattr(bridge, "prices", Prices(["BTC-USD"], 10, clock))
    transport = httpx.ASGITransport(create_app(bridge))
    async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
        url = "/price?product_id=BTC-USD"
        first = await client.get(url)
        assert (first.status_code, first.json()) == (200, {"error": "no_tick", "product_id": "BTC-USD"})
        bridge.prices.heard(tick("100.10", T1, clock.now))
        untold = {"trade_id": "", "traded_at": ""}
        expected = {"product_id": "BTC-USD", "price": "100.10", "ts": T1, "stale": False, **untold}
        assert (await client.get(url)).json() == expected
        clock.now += 11
        assert (await client.get(url)).json() == {**expected, "stale": True}
