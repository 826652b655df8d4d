"""Which trade a price is from: one that is read twice, by poll and by stream, is told as one."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from cbbot.brokers.bridge_client import BridgeClient
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.last_trade import LastTrade
from cbbot.runtime.bridge_market import BridgeMarket
from cbbot_bridge.bridge_app import create_app
from cbbot_bridge.coinbase.ws_messages import parse_frame

pytestmark = pytest.mark.anyio

TRADED = "2026-04-07T14:30:00Z"
LATER = "2026-04-07T14:30:20Z"


def polled(trade_id: str, price: str, time: str) -> dict[str, Any]:
    trade = {"trade_id": trade_id, "product_id": "BTC-USD", "price": price, "time": time}
    return {"trades": [trade], "best_bid": "", "best_ask": ""}


def streamed(bridge: Any, kind: str, price: str, time: str) -> None:
    event = {"type": kind, "tickers": [{"type": "ticker", "product_id": "BTC-USD", "price": price}]}
    frame = parse_frame(json.dumps({"channel": "ticker", "timestamp": time, "sequence_num": 1, "events": [event]}))
    for update in frame.tickers:
        bridge.on_ticker(update, frame.timestamp)


async def read(bridge: Any) -> tuple[int, LastTrade]:
    """What a bot reads."""
    client = BridgeClient("http://bridge", None, httpx.ASGITransport(create_app(bridge)))
    heard = await BridgeMarket(client, "BTC-USD").price(BTC_USD)
    await client.aclose()
    assert heard is not None
    return heard


async def test_a_poll_tells_the_trades_id_and_time(make_bridge: Any, coinbase: Any) -> None:
    bridge = make_bridge()
    coinbase.on("GET", "/market/products/BTC-USD/ticker", polled("77", "90", TRADED))
    await bridge.poller.poll("BTC-USD")
    assert await read(bridge) == (9_000, LastTrade("77", 1_775_572_200_000_000))


@pytest.mark.parametrize("first", ["poll", "stream"])
async def test_one_trade_told_by_poll_and_stream_is_one(make_bridge: Any, coinbase: Any, first: str) -> None:
    bridge = make_bridge()
    coinbase.on("GET", "/market/products/BTC-USD/ticker", polled("77", "90", TRADED))
    if first == "poll":
        await bridge.poller.poll("BTC-USD")
    else:
        streamed(bridge, "update", "90", "2026-04-07T14:30:00.2Z")
    _, first_trade = await read(bridge)
    if first == "poll":
        streamed(bridge, "update", "90", "2026-04-07T14:30:00.2Z")
    else:
        await bridge.poller.poll("BTC-USD")
    _, again = await read(bridge)
    assert first_trade.traded_us
    assert not again.is_another(first_trade)


async def test_a_snapshot_after_a_reconnect_is_no_trade_of_its_own(make_bridge: Any, coinbase: Any) -> None:
    bridge = make_bridge()
    coinbase.on("GET", "/market/products/BTC-USD/ticker", polled("77", "90", TRADED))
    await bridge.poller.poll("BTC-USD")
    _, first_trade = await read(bridge)
    bridge.messages_lost()
    streamed(bridge, "snapshot", "90", LATER)
    price, again = await read(bridge)
    assert (price, again) == (9_000, first_trade)
    streamed(bridge, "update", "90", LATER)
    _, new = await read(bridge)
    assert new.is_another(first_trade)


async def test_after_a_restart_of_the_bridge_a_snapshot_does_not_say_which_trade_it_tells(make_bridge: Any) -> None:
    bridge = make_bridge()
    streamed(bridge, "snapshot", "90", LATER)
    _, first_trade = await read(bridge)
    assert not first_trade.is_another(LastTrade("77", 1))


async def test_a_snapshot_learns_its_trade_from_the_next_poll(make_bridge: Any, coinbase: Any) -> None:
    bridge = make_bridge()
    streamed(bridge, "snapshot", "90", LATER)
    coinbase.on("GET", "/market/products/BTC-USD/ticker", polled("77", "90", TRADED))
    await bridge.poller.poll("BTC-USD")
    assert (await read(bridge))[1].trade_id == "77"


@pytest.mark.parametrize("trade_id", [None, True, "7" * 65, {}])
async def test_a_trade_without_a_usable_id_is_told_by_its_time(make_bridge: Any, coinbase: Any, trade_id: Any) -> None:
    bridge = make_bridge()
    coinbase.on("GET", "/market/products/BTC-USD/ticker", polled(trade_id, "90", TRADED))
    await bridge.poller.poll("BTC-USD")
    assert (await read(bridge))[1] == LastTrade("", 1_775_572_200_000_000)
