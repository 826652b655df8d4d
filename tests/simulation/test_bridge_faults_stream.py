"""The WebSocket falls silent, ends, repeats itself or lies: what /price says, and what metrics and log say of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from tenacity import wait_none

from cbbot_bridge.coinbase.ws import StreamTimes
from simulation.faulted_bridge import FaultedVenue, FaultyBridge, bridge_before, until

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

PRICE: Final = "/price?product_id=BTC-USD"
TIMES: Final = StreamTimes(silence=2.5, answer=0.2, pace=0.05, pause=0.1, wait=wait_none())


@pytest.fixture
async def following(exchange: FaultedVenue) -> AsyncIterator[FaultyBridge]:
    """A bridge that has had a price from the stream."""
    async with bridge_before(exchange.address, running=True) as bridge:
        bridge.bridge.stream.times = TIMES
        await until(lambda: connected(bridge))
        yield bridge


async def connected(bridge: FaultyBridge) -> bool:
    return await bridge.counted("bridge_ws_connected") == 1


async def last_trade(exchange: FaultedVenue) -> str:
    return str(exchange.read("/market/products/BTC-USD")["price"])


async def follows_the_market(exchange: FaultedVenue, bridge: FaultyBridge) -> None:
    """Moves the market until the bridge tells its newest price, fresh."""

    async def same() -> bool:
        exchange.seconds(7)
        price = await bridge.read(PRICE)
        return "error" not in price and not price["stale"] and price["price"] == await last_trade(exchange)

    await until(same)


async def ended(bridge: FaultyBridge) -> None:
    async def seen() -> bool:
        return bool(bridge.logged("the ticker stream ended")) and await connected(bridge)

    await until(seen)


# By what happens to the connection: what is asked of the simulator, and a part of the reason that is logged.
ENDS: Final[dict[str, tuple[str, dict[str, Any], str]]] = {
    "clean close": ("sockets/close", {"code": 1000}, "1000"),
    "close by a restart": ("sockets/close", {"code": 1012}, "1012"),
    "cut": ("sockets/close", {"code": 1006}, "no close frame"),
    "silence": ("sockets/faults", {"kind": "silence", "seconds": 600}, "silent for 2.5 s"),
    "20 MB of another channel": ("sockets/faults", {"kind": "foreign_snapshot", "megabytes": 20}, "1009"),
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_stream_that_ends_is_followed_anew(exchange: FaultedVenue, following: FaultyBridge, end: str) -> None:
    what, body, reason = ENDS[end]
    exchange.control(what, **body)
    await ended(following)
    (line, *others) = following.logged("the ticker stream ended")
    assert reason in line["reason"]
    assert others == []
    assert await following.counted("bridge_ws_reconnects_total") == 1
    await follows_the_market(exchange, following)
    upstream = await following.read("/upstream")
    assert (upstream["websocket"]["connected"], upstream["websocket"]["reconnects"]) == (True, 1)


async def test_10_mb_of_another_channel_cost_nothing(exchange: FaultedVenue, following: FaultyBridge) -> None:
    exchange.control("sockets/faults", kind="foreign_snapshot", megabytes=10)
    await follows_the_market(exchange, following)
    assert following.logged("the ticker stream ended") == []
    assert await following.counted("bridge_ws_malformed_total") == 0


# By what happens to messages: the fault, the metric that tells of it, and the event that does, if one does.
MESSAGES: Final[dict[str, tuple[dict[str, Any], str, dict[str, str], str]]] = {
    "lost": ({"kind": "lose"}, "bridge_ws_gaps_total", {}, "WebSocket messages were lost"),
    "twice": ({"kind": "repeat"}, "bridge_ws_repeats_total", {}, ""),
    "in another order": ({"kind": "reorder"}, "bridge_ws_gaps_total", {}, "WebSocket messages were lost"),
    "a number of 10^15": ({"kind": "sequence_jump"}, "bridge_ws_gaps_total", {}, "WebSocket messages were lost"),
    "stamped 2099": (
        {"kind": "future_tick", "channel": "ticker"},
        "bridge_ticks_refused_total",
        {"product_id": "BTC-USD"},
        "ticks from the future are refused",
    ),
    "a price of NaN": (
        {"kind": "bad_ticker", "channel": "ticker"},
        "bridge_ws_malformed_total",
        {},
        "unusable WebSocket message",
    ),
    "a price below zero": (
        {"kind": "bad_ticker", "channel": "ticker", "ticker": {"price": "-1"}},
        "bridge_ws_malformed_total",
        {},
        "unusable WebSocket message",
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
async def test_messages_that_are_wrong_move_no_price_and_stop_none(
    exchange: FaultedVenue, following: FaultyBridge, name: str
) -> None:
    fault, metric, labels, event = MESSAGES[name]
    exchange.control("sockets/faults", **fault)

    async def counted() -> bool:
        exchange.seconds(7)
        price = await following.read(PRICE)
        assert "error" in price or 49_000 <= float(price["price"]) <= 51_000
        return await following.counted(metric, **labels) >= 1

    await until(counted)
    assert not event or following.logged(event)
    assert following.logged("the ticker stream ended") == []
    await follows_the_market(exchange, following)
    orders_at = await following.read("/bbo?product_id=BTC-USD")
    assert float(orders_at["bid"]) < float(orders_at["ask"])


async def test_a_silent_stream_is_bridged_by_polls(exchange: FaultedVenue) -> None:
    """The price goes on while the WebSocket brings nothing, and never silence as news."""
    async with bridge_before(exchange.address, {"COINBASE_WS_STALE_SEC": "2"}, running=True) as bridge:
        await until(lambda: connected(bridge))
        exchange.control("sockets/faults", kind="silence", seconds=600)
        for _ in range(2):
            await follows_the_market(exchange, bridge)
        assert await bridge.counted("bridge_ws_reconnects_total") == 0


async def test_a_price_that_nobody_tells_is_stale(exchange: FaultedVenue) -> None:
    async with bridge_before(exchange.address, {"COINBASE_WS_STALE_SEC": "1"}, running=True) as bridge:
        await until(lambda: connected(bridge))
        await follows_the_market(exchange, bridge)
        exchange.control("sockets/faults", kind="silence", seconds=600)
        exchange.fault(path="/market/products/BTC-USD/ticker", status=503, times=1000)
        exchange.fault(path="/market/product_book", status=503, times=1000)
        exchange.fault(path="/market/products/BTC-USD", status=503, times=1000)

        async def stale() -> bool:
            return bool((await bridge.read(PRICE))["stale"])

        await until(stale)
        await until(lambda: polls_failed(bridge))
        assert bridge.logged("cannot poll a price")[0]["product_id"] == "BTC-USD"
        assert await bridge.counted("bridge_tick_age_seconds", product_id="BTC-USD") > 1


async def polls_failed(bridge: FaultyBridge) -> bool:
    return await bridge.counted("bridge_poll_failures_total") >= 1
