"""The ticker stream against a real WebSocket server: it comes back, whatever ends a connection."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from cbbot_bridge.coinbase.ws import TickerStream
from cbbot_bridge.coinbase.ws_messages import TickerUpdate

pytestmark = pytest.mark.anyio

Script = Callable[[ServerConnection, int], Awaitable[None]]


def frame(sequence: int, price: str | None = None, **extra: Any) -> str:
    body: dict[str, Any] = {"timestamp": f"2026-04-07T14:30:{sequence % 60:02d}Z", "sequence_num": sequence}
    if price is None:
        return json.dumps({**body, "channel": "heartbeats", "events": [{"heartbeat_counter": sequence}]})
    ticker = {"product_id": "BTC-USD", "price": price, "best_bid": "1", "best_ask": "", **extra}
    return json.dumps({**body, "channel": "ticker", "events": [{"type": "update", "tickers": [ticker]}]})


class Server:
    """Plays a script for every connection; ``script(connection, number)`` with number from 0."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.subscriptions: list[list[dict[str, Any]]] = []

    async def handle(self, connection: ServerConnection) -> None:
        number = len(self.subscriptions)
        self.subscriptions.append([])
        for _ in range(2):
            self.subscriptions[number].append(json.loads(await connection.recv()))
        await self.script(connection, number)


class Heard:
    def __init__(self) -> None:
        self.ticks: asyncio.Queue[tuple[TickerUpdate, str]] = asyncio.Queue()
        self.gaps = 0

    def tick(self, update: TickerUpdate, timestamp: str) -> None:
        self.ticks.put_nowait((update, timestamp))

    def gap(self) -> None:
        self.gaps += 1

    async def price(self) -> str:
        update, _ = await asyncio.wait_for(self.ticks.get(), 5)
        return update.price


@asynccontextmanager
async def streaming(script: Script, **options: Any) -> AsyncIterator[tuple[TickerStream, Heard, Server]]:
    server, heard = Server(script), Heard()
    options.setdefault("dice", random.Random(1))
    async with serve(server.handle, "127.0.0.1", 0) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        stream = TickerStream(
            f"ws://127.0.0.1:{port}",
            ("BTC-USD",),
            on_ticker=heard.tick,
            on_gap=heard.gap,
            shortest_wait_seconds=0.01,
            **options,
        )
        task = asyncio.create_task(stream.run())
        try:
            yield stream, heard, server
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def stay(connection: ServerConnection) -> None:
    await connection.wait_closed()


async def test_it_subscribes_to_heartbeats_and_ticker_with_a_token_each() -> None:
    tokens = iter("abcdef")

    async def script(connection: ServerConnection, _number: int) -> None:
        await connection.send(frame(0, "68900.50"))
        await stay(connection)

    async with streaming(script, token=lambda: next(tokens)) as (stream, heard, server):
        update, timestamp = await asyncio.wait_for(heard.ticks.get(), 5)
        assert update == TickerUpdate("BTC-USD", "68900.50", "1", None)
        assert timestamp == "2026-04-07T14:30:00Z"
        assert stream.counts.connected
        assert server.subscriptions[0] == [
            {"type": "subscribe", "channel": "heartbeats", "jwt": "a"},
            {"type": "subscribe", "channel": "ticker", "product_ids": ["BTC-USD"], "jwt": "b"},
        ]


@pytest.mark.parametrize("code", [1000, 1001, 1011])
async def test_it_comes_back_after_a_close_clean_or_not_with_new_tokens(code: int) -> None:
    tokens = iter("abcdef")

    async def script(connection: ServerConnection, number: int) -> None:
        await connection.send(frame(0, str(number + 1)))
        if number == 0:
            await connection.close(code)
        else:
            await stay(connection)

    async with streaming(script, token=lambda: next(tokens)) as (stream, heard, server):
        assert [await heard.price(), await heard.price()] == ["1", "2"]
        assert stream.counts.reconnects == 1
        assert [message["jwt"] for message in server.subscriptions[1]] == ["c", "d"]


async def test_it_comes_back_after_the_socket_breaks() -> None:
    async def script(connection: ServerConnection, number: int) -> None:
        await connection.send(frame(0, str(number + 1)))
        if number == 0:
            connection.transport.abort()
        else:
            await stay(connection)

    async with streaming(script) as (_stream, heard, _server):
        # The abort may overtake the first message.
        while await heard.price() != "2":
            pass


async def test_silence_ends_a_connection_that_looks_alive() -> None:
    async def script(connection: ServerConnection, number: int) -> None:
        if number:
            await connection.send(frame(0, "2"))
        await stay(connection)

    async with streaming(script, silence_seconds=0.1) as (stream, heard, _server):
        assert await heard.price() == "2"
        assert stream.counts.reconnects >= 1


async def test_heartbeats_keep_a_quiet_market_connected() -> None:
    async def script(connection: ServerConnection, number: int) -> None:
        for sequence in range(6):
            await connection.send(frame(sequence))
            await asyncio.sleep(0.05)
        await connection.send(frame(6, str(number + 1)))
        await stay(connection)

    async with streaming(script, silence_seconds=0.2) as (stream, heard, _server):
        assert await heard.price() == "1"
        assert stream.counts.reconnects == 0


async def test_a_gap_is_reported_once_and_a_repeat_is_dropped() -> None:
    async def script(connection: ServerConnection, _number: int) -> None:
        for sequence, price in ((5, "1"), (6, "2"), (6, "2"), (9, "3"), (8, "9"), (10, "4")):
            await connection.send(frame(sequence, price))
        await stay(connection)

    async with streaming(script) as (stream, heard, _server):
        assert [await heard.price() for _ in range(4)] == ["1", "2", "3", "4"]
        assert (stream.counts.gaps, heard.gaps) == (1, 1)


async def test_a_new_connection_counts_from_anew() -> None:
    async def script(connection: ServerConnection, number: int) -> None:
        await connection.send(frame(100 if number == 0 else 0, str(number + 1)))
        if number:
            await stay(connection)

    async with streaming(script) as (stream, heard, _server):
        assert [await heard.price(), await heard.price()] == ["1", "2"]
        assert stream.counts.gaps == 0


async def test_a_refused_signature_is_followed_by_an_unsigned_subscription() -> None:
    async def script(connection: ServerConnection, number: int) -> None:
        if number == 0:
            await connection.send(json.dumps({"type": "error", "message": "authentication failure"}))
        else:
            await connection.send(frame(0, "2"))
        await stay(connection)

    async with streaming(script, token=lambda: "t") as (stream, heard, server):
        assert await heard.price() == "2"
        assert stream.counts.errors == 1
        assert all("jwt" not in message for message in server.subscriptions[1])


async def test_unusable_messages_are_counted_and_passed_over() -> None:
    async def script(connection: ServerConnection, _number: int) -> None:
        for message in ("{", "[]", frame(0, "many"), frame(1, "0"), frame(2, "-5"), frame(3, "7", best_bid="x")):
            await connection.send(message)
        await stay(connection)

    async with streaming(script) as (stream, heard, _server):
        update, _ = await asyncio.wait_for(heard.ticks.get(), 5)
        assert (update.price, update.bid) == ("7", None)
        assert stream.counts.malformed == 5


async def test_a_message_of_many_megabytes_gets_through() -> None:
    async def script(connection: ServerConnection, _number: int) -> None:
        await connection.send(frame(0, "7", filler="x" * 5_000_000))
        await stay(connection)

    async with streaming(script) as (_stream, heard, _server):
        assert await heard.price() == "7"


class RecordedDice(random.Random):
    """Tells what was asked for, and always answers a hundredth of a second."""

    def __init__(self) -> None:
        super().__init__(1)
        self.asked: list[tuple[float, float]] = []
        self.enough = asyncio.Event()

    def uniform(self, a: float, b: float) -> float:
        self.asked.append((a, b))
        if len(self.asked) >= 5:
            self.enough.set()
        return 0.01


async def test_only_data_resets_the_back_off() -> None:
    async def script(connection: ServerConnection, number: int) -> None:
        if number == 3:
            await connection.send(frame(0, "1"))

    dice = RecordedDice()
    async with streaming(script, dice=dice):
        await asyncio.wait_for(dice.enough.wait(), 5)
    assert dice.asked[:5] == [(0.01, 0.02), (0.02, 0.04), (0.04, 0.08), (0.005, 0.01), (0.01, 0.02)]


async def test_no_server_at_all_is_waited_for() -> None:
    heard = Heard()
    dice = RecordedDice()
    stream = TickerStream("ws://127.0.0.1:1", ("BTC-USD",), on_ticker=heard.tick, dice=dice)
    task = asyncio.create_task(stream.run())
    await asyncio.wait_for(dice.enough.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert stream.counts.reconnects == 5
    assert not stream.counts.connected
