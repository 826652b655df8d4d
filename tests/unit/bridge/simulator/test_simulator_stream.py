"""The simulator's WebSocket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from cbbot_bridge.simulator.stream_pace import Pace
from stream_reader import stream_of

START = 1_757_142_000
Simulate = Callable[..., AbstractContextManager[httpx.Client]]


@pytest.fixture
def socket(client: httpx.Client) -> Iterator[Connection]:
    with connect(f"ws://127.0.0.1:{client.base_url.port}/") as connection:
        yield connection


def receive(socket: Connection) -> Any:
    return json.loads(socket.recv(timeout=10))


def ask(socket: Connection, channel: str, kind: str = "subscribe", **fields: object) -> None:
    socket.send(json.dumps({"type": kind, "channel": channel, **fields}))


def close_code(socket: Connection) -> int:
    """Read until the server closes; the code it closes with."""
    with pytest.raises(ConnectionClosed) as closed:
        _exhaust(socket)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


def _exhaust(socket: Connection) -> None:
    while True:
        socket.recv(timeout=4)


def test_a_subscription_is_acknowledged_then_answered_with_a_snapshot(socket: Connection) -> None:
    ask(socket, "ticker", product_ids=["BTC-USD"])
    acknowledged, snapshot = receive(socket), receive(socket)
    assert acknowledged["channel"] == "subscriptions"
    assert acknowledged["events"] == [{"subscriptions": {"ticker": ["BTC-USD"]}}]
    assert (snapshot["channel"], snapshot["client_id"]) == ("ticker", "")
    assert snapshot["timestamp"] == "2025-09-06T07:08:00.000Z"
    (event,) = snapshot["events"]
    assert event["type"] == "snapshot"
    assert event["tickers"][0] == {
        "type": "ticker",
        "product_id": "BTC-USD",
        "price": "100080",
        "volume_24_h": "8.5",
        "low_24_h": "99995.5",
        "high_24_h": "100080",
        "low_52_w": "99995.5",
        "high_52_w": "100080",
        "price_percent_chg_24_h": "0.08",
        "best_bid": "100079.99",
        "best_bid_quantity": "10",
        "best_ask": "100080",
        "best_ask_quantity": "10",
    }


def test_ticks_follow_the_clock_and_make_up_the_candle(client: httpx.Client, socket: Connection) -> None:
    ask(socket, "ticker", product_ids=["BTC-USD"])
    receive(socket)
    prices = [float(receive(socket)["events"][0]["tickers"][0]["price"])]
    client.post("/sim/advance", json={"candles": 1}).raise_for_status()
    (event,) = receive(socket)["events"]
    assert event["type"] == "update"
    prices += [float(ticker["price"]) for ticker in event["tickers"]]
    assert len(prices) == 13  # the snapshot, eleven more of the minute, the first of the next
    query: dict[str, str | int] = {"start": START + 480, "end": START + 480, "granularity": "ONE_MINUTE"}
    (candle,) = client.get("/api/v3/brokerage/market/products/BTC-USD/candles", params=query).json()["candles"]
    minute = prices[:12]
    assert [minute[0], max(minute), min(minute), minute[-1]] == [
        float(candle[name]) for name in ("open", "high", "low", "close")
    ]


def test_messages_of_all_channels_are_counted_from_zero(client: httpx.Client, socket: Connection) -> None:
    for channel in ("heartbeats", "ticker", "market_trades"):
        ask(socket, channel, product_ids=["BTC-USD"])
    seen: list[Any] = []
    while "heartbeats" not in [message["channel"] for message in seen]:
        seen.append(receive(socket))
    client.post("/sim/advance", json={"candles": 1}).raise_for_status()
    seen += [receive(socket), receive(socket)]
    assert [message["sequence_num"] for message in seen] == list(range(len(seen)))
    channels = [message["channel"] for message in seen]
    assert {"subscriptions", "heartbeats", "ticker", "market_trades"} == set(channels)
    acknowledgements = [message for message in seen if message["channel"] == "subscriptions"]
    assert acknowledgements[-1]["events"] == [
        {"subscriptions": {"heartbeats": ["heartbeats"], "ticker": ["BTC-USD"], "market_trades": ["BTC-USD"]}}
    ]


def test_heartbeats_count_and_carry_the_venues_time(socket: Connection) -> None:
    ask(socket, "heartbeats")
    receive(socket)
    beats = [receive(socket)["events"][0] for _ in range(2)]
    assert [beat["heartbeat_counter"] for beat in beats] == [1, 2]
    assert beats[0]["current_time"].startswith("2025-09-06 07:08:00.000000000 +0000 UTC m=+")


def test_market_trades_snapshot_is_newest_first(socket: Connection) -> None:
    ask(socket, "market_trades", product_ids=["BTC-USD"])
    receive(socket)
    (event,) = receive(socket)["events"]
    numbers = [int(trade["trade_id"]) for trade in event["trades"]]
    assert len(numbers) == 50
    assert numbers == sorted(numbers, reverse=True)
    assert event["trades"][0]["size"] == "0.1"


def test_a_product_in_usdc_is_answered_under_its_name_in_usd(socket: Connection) -> None:
    ask(socket, "ticker", product_ids=["BTC-USDC"])
    assert receive(socket)["events"] == [{"subscriptions": {"ticker": ["BTC-USD"]}}]
    assert receive(socket)["events"][0]["tickers"][0]["product_id"] == "BTC-USD"


def test_unsubscribing_ends_the_channel(client: httpx.Client, socket: Connection) -> None:
    ask(socket, "ticker", product_ids=["BTC-USD"])
    receive(socket)
    receive(socket)
    ask(socket, "ticker", "unsubscribe", product_ids=["BTC-USD"])
    assert receive(socket)["events"] == [{"subscriptions": {}}]
    client.post("/sim/advance", json={"candles": 1}).raise_for_status()
    ask(socket, "heartbeats")
    assert receive(socket)["channel"] == "subscriptions"


def test_what_is_not_understood_gets_an_error_without_channel(socket: Connection) -> None:
    ask(socket, "heartbeat")
    assert receive(socket) == {"type": "error", "message": "authentication failure"}
    ask(socket, "ticker", product_ids=["NOPE-USD"])
    assert receive(socket)["type"] == "error"
    ask(socket, "ticker", product_ids="BTC-USD")
    assert receive(socket)["type"] == "error"
    ask(socket, "ticker", "hello")
    assert receive(socket)["type"] == "error"
    socket.send("no json")
    assert receive(socket)["type"] == "error"
    ask(socket, "ticker", product_ids=["BTC-USD"])
    assert [receive(socket)["sequence_num"] for _ in range(2)] == [0, 1]


def test_a_customer_who_says_nothing_is_disconnected(simulate: Simulate) -> None:
    with simulate(pace=Pace(subscribe_deadline=0.05)) as client, stream_of(client) as stream:
        assert stream.ends_with() == 1008


def test_a_connection_without_updates_is_closed(simulate: Simulate) -> None:
    with simulate(pace=Pace(idle=0.05)) as client, stream_of(client) as stream:
        stream.subscribed("ticker", "BTC-USD")
        assert stream.ends_with() == 1001


def test_heartbeats_keep_a_connection_that_has_no_other_updates(simulate: Simulate) -> None:
    with simulate(pace=Pace(idle=0.5, heartbeats=0.02)) as client, stream_of(client) as stream:
        stream.ask("heartbeats")
        for _ in range(60):
            stream.receive()
        assert stream.seen[-1]["events"][0]["heartbeat_counter"] == 59


def test_a_slow_customer_is_disconnected_and_the_others_go_on(simulate: Simulate) -> None:
    with simulate("--websocket-rate", "0", pace=Pace(queue=3)) as client:
        with stream_of(client, close_timeout=1) as stream:
            # The simulator may close in the midst of the asking: that is the end that is waited for.
            with suppress(ConnectionClosed):
                for _ in range(60):
                    stream.ask("market_trades", product_ids=["BTC-USD"])
                    stream.ask("market_trades", "unsubscribe", product_ids=["BTC-USD"])
            assert stream.ends_with() == 1008
        assert client.get("/api/v3/brokerage/time").status_code == 200


def test_sockets_close_on_demand_with_the_code_asked_for(client: httpx.Client, socket: Connection) -> None:
    ask(socket, "heartbeats")
    receive(socket)
    assert client.post("/sim/sockets/close", json={"code": 1000}).json() == {"closed": 1}
    assert close_code(socket) == 1000
    assert client.post("/sim/sockets/close", json={"code": 1}).status_code == 400


def test_sockets_are_cut_on_demand_without_a_close_frame(client: httpx.Client) -> None:
    with stream_of(client) as stream:
        stream.subscribed("ticker", "BTC-USD")
        assert client.post("/sim/sockets/close", json={"code": 1006}).json() == {"closed": 1}
        assert stream.ends_with() is None


def test_messages_come_without_a_client_id_where_that_is_asked_for(simulate: Simulate) -> None:
    with simulate("--websocket-client-id", "false") as client, stream_of(client) as stream:
        stream.subscribed("ticker", "BTC-USD")
        assert not any("client_id" in message for message in stream.seen)


def test_bytes_and_endless_nesting_are_answered_with_an_error(client: httpx.Client) -> None:
    with stream_of(client) as stream:
        stream.connection.send(b"\x00")
        assert stream.receive()["type"] == "error"
        stream.connection.send("[" * 60_000)
        assert stream.receive()["type"] == "error"


def test_connections_a_second_are_limited(simulate: Simulate) -> None:
    with simulate("--websocket-rate", "2") as client:
        refused = 0
        with ExitStack() as streams:
            for _ in range(4):
                try:
                    streams.enter_context(stream_of(client))
                except InvalidStatus as error:
                    refused += error.response.status_code == 429
        assert refused >= 1
    with simulate("--websocket-rate", "0") as client, ExitStack() as streams:
        for _ in range(20):
            streams.enter_context(stream_of(client))


def test_unsigned_messages_a_second_are_limited_and_the_connection_stays(simulate: Simulate) -> None:
    with simulate("--websocket-rate", "2") as client, stream_of(client) as stream:
        for _ in range(6):
            stream.ask("heartbeats")
        answers = [stream.receive() for _ in range(6)]
        assert {"type": "error", "message": "rate limit exceeded"} in answers
        assert answers[0]["channel"] == "subscriptions"
