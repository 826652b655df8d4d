"""The ticker stream against a real WebSocket server: it comes back, whatever ends a connection."""

from __future__ import annotations

import asyncio
import json

import pytest
from tenacity import RetryCallState
from websockets.asyncio.server import ServerConnection

from cbbot_bridge.coinbase.ws import StreamTimes, TickerStream
from cbbot_bridge.coinbase.ws_messages import TickerUpdate
from unit.bridge.scripted_stream import Heard, RecordedWait, frame, stay, streaming

pytestmark = pytest.mark.anyio


async def test_it_subscribes_to_heartbeats_and_ticker_with_a_token_each() -> None:
    tokens = iter("abcdef")

    async def script(connection: ServerConnection, _number: int) -> None:
        await connection.send(frame(0, "68900.50"))
        await stay(connection)

    async with streaming(script, token=lambda: next(tokens)) as (stream, heard, server):
        update, timestamp = await asyncio.wait_for(heard.ticks.get(), 5)
        assert update == TickerUpdate("BTC-USD", "68900.50", "1", None, traded=True)
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

    async with streaming(script, silence=0.1) as (stream, heard, _server):
        assert await heard.price() == "2"
        assert stream.counts.reconnects >= 1


async def test_heartbeats_keep_a_quiet_market_connected() -> None:
    async def script(connection: ServerConnection, number: int) -> None:
        for sequence in range(6):
            await connection.send(frame(sequence))
            await asyncio.sleep(0.05)
        await connection.send(frame(6, str(number + 1)))
        await stay(connection)

    async with streaming(script, silence=0.2) as (stream, heard, _server):
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
        # What came between the connections was not heard.
        assert heard.gaps == 1


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
        assert heard.ticks.empty()


async def test_a_message_of_many_megabytes_gets_through() -> None:
    async def script(connection: ServerConnection, _number: int) -> None:
        await connection.send(frame(0, "7", filler="x" * 5_000_000))
        await stay(connection)

    async with streaming(script) as (_stream, heard, _server):
        assert await heard.price() == "7"


async def test_only_a_connection_that_lasts_starts_the_back_off_anew() -> None:
    async def script(connection: ServerConnection, number: int) -> None:
        await connection.send(frame(0, "1"))
        if number == 3:
            await asyncio.sleep(0.6)
            await connection.send(frame(1, "1"))

    wait = RecordedWait(5)
    async with streaming(script, wait=wait, lasting=0.5):
        await asyncio.wait_for(wait.enough.wait(), 5)
    assert wait.tries[:5] == [1, 2, 3, 1, 2]


def test_the_back_off_grows_with_jitter_to_half_a_minute() -> None:
    def waits(tries: int) -> list[float]:
        state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]  # the wait looks at the tries alone
        state.attempt_number = tries
        return [StreamTimes().wait(state) for _ in range(200)]

    for tries, most in ((1, 0.5), (2, 1.0), (5, 8.0), (7, 30.0), (10_000, 30.0)):
        seen = waits(tries)
        assert min(seen) >= 0.1
        assert most / 2 < max(seen) <= most
        assert len(set(seen)) > 100


async def test_no_server_at_all_is_waited_for() -> None:
    heard = Heard()
    wait = RecordedWait(5)
    stream = TickerStream("ws://127.0.0.1:1", ("BTC-USD",), on_ticker=heard.tick, times=StreamTimes(wait=wait))
    task = asyncio.create_task(stream.run())
    await asyncio.wait_for(wait.enough.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert stream.counts.reconnects == 5
    assert not stream.counts.connected
