"""The ticker stream against a real WebSocket server: it comes back, whatever ends a connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any

import pytest
from tenacity import RetryCallState, wait_none
from tenacity.wait import wait_base
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from cbbot_bridge.coinbase.redaction import redacted
from cbbot_bridge.coinbase.ws import StreamTimes, TickerStream
from cbbot_bridge.coinbase.ws_messages import TickerUpdate

pytestmark = pytest.mark.anyio

Script = Callable[[ServerConnection, int], Awaitable[None]]


def frame(sequence: int, price: str | None = None, **extra: Any) -> str:
    body: dict[str, Any] = {"timestamp": f"2026-04-07T14:30:{sequence % 60:02d}Z", "sequence_num": sequence}
    if price is None:
        return json.dumps({**body, "channel": "heartbeats", "events": [{"heartbeat_counter": sequence}]})
    ticker = {"product_id": "BTC-USD", "price": price, "best_bid": "1", "best_ask": "", **extra}
    return json.dumps({**body, "channel": "ticker", "events": [{"type": "update", "tickers": [ticker]}]})


ACCEPTED = json.dumps({"channel": "subscriptions", "events": [{"subscriptions": {}}]})


class Server:
    """Plays a script for every connection; ``script(connection, number)`` with number from 0.

    It comes after the subscriptions. Those to ``unknown`` products are answered with an error.
    """

    def __init__(self, script: Script, products: int, unknown: tuple[str, ...]) -> None:
        self.script = script
        self.products = products
        self.unknown = unknown
        self.closes_on_unknown: bool | None = None
        self.subscriptions: list[list[dict[str, Any]]] = []

    async def handle(self, connection: ServerConnection) -> None:
        number = len(self.subscriptions)
        self.subscriptions.append([])
        try:
            while len(self.subscriptions[number]) < 1 + self.products:
                message = json.loads(await asyncio.wait_for(connection.recv(), 0.5))
                self.subscriptions[number].append(message)
                if not set(self.unknown) & set(message.get("product_ids", ())):
                    await connection.send(ACCEPTED)
                elif self.closes_on_unknown is None:
                    await connection.send(json.dumps({"type": "error", "message": "product_ids argument is invalid"}))
                else:
                    await connection.close()
                    return
        except TimeoutError:
            pass  # a refused product is left out: that was all
        except ConnectionClosed:
            return
        await self.script(connection, number)

    def wanted(self, number: int) -> list[str]:
        """Products of a connection's subscriptions, in their order."""
        return [product for message in self.subscriptions[number] for product in message.get("product_ids", ())]


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


TIMES = {field.name for field in fields(StreamTimes)}
QUICK: dict[str, Any] = {"wait": wait_none(), "pause": 0.01, "pace": 0.001}


@asynccontextmanager
async def streaming(script: Script, **options: Any) -> AsyncIterator[tuple[TickerStream, Heard, Server]]:
    products = options.pop("products", ("BTC-USD",))
    server, heard = Server(script, len(products), options.pop("unknown", ())), Heard()
    times = StreamTimes(**{**QUICK, **{name: options.pop(name) for name in TIMES & set(options)}})
    async with serve(server.handle, "127.0.0.1", 0) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        stream = TickerStream(
            f"ws://127.0.0.1:{port}",
            products,
            on_ticker=heard.tick,
            on_gap=heard.gap,
            times=times,
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


class RecordedWait(wait_base):
    """Tells the numbers of tries it was asked about, and always answers a hundredth of a second."""

    def __init__(self, enough: int) -> None:
        self.tries: list[int] = []
        self.enough = asyncio.Event()
        self._enough = enough

    def __call__(self, retry_state: RetryCallState) -> float:
        self.tries.append(retry_state.attempt_number)
        if len(self.tries) >= self._enough:
            self.enough.set()
        return 0.01


async def test_only_a_connection_that_lasts_starts_the_back_off_anew() -> None:
    async def script(connection: ServerConnection, number: int) -> None:
        await connection.send(frame(0, "1"))
        if number == 3:
            await asyncio.sleep(0.3)
            await connection.send(frame(1, "1"))

    wait = RecordedWait(5)
    async with streaming(script, wait=wait, lasting=0.25):
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


async def test_a_number_out_of_all_proportion_costs_no_later_message() -> None:
    async def script(connection: ServerConnection, _number: int) -> None:
        for sequence, price in ((0, "1"), (10**15, "2"), (1, "3"), (2, "4"), (3, "5")):
            await connection.send(frame(sequence, price))
        await stay(connection)

    async with streaming(script) as (stream, heard, _server):
        seen = [await heard.price() for _ in range(4)]
        assert seen == ["1", "2", "4", "5"]
        assert heard.gaps >= 1
        assert stream.counts.repeats == 1


async def test_a_jump_of_the_heartbeats_counter_means_lost_messages() -> None:
    async def script(connection: ServerConnection, _number: int) -> None:
        for beat in (7, "8", 11):
            event = {"heartbeat_counter": beat, "current_time": "2023-06-23 20:31:56.12 +0000 UTC m=+91717.5"}
            await connection.send(json.dumps({"channel": "heartbeats", "events": [event]}))
        await connection.send(frame(0, "1"))
        await stay(connection)

    async with streaming(script) as (stream, heard, _server):
        assert await heard.price() == "1"
        assert (stream.counts.gaps, heard.gaps) == (1, 1)


async def test_a_bad_ticker_does_not_cost_the_good_ones_of_its_message() -> None:
    async def script(connection: ServerConnection, _number: int) -> None:
        bad = [{"product_id": "BTC-USD", "price": ""}, {"product_id": "BTC-USD"}, None, {"price": "1"}, "x"]
        good = {"product_id": "ETH-USD", "price": "4000.10"}
        events = [{"tickers": bad}, None, {"tickers": None}, {"type": "update", "tickers": [*bad, good]}]
        await connection.send(json.dumps({"channel": "ticker", "sequence_num": 0, "events": events}))
        await connection.send(frame(1, "7"))
        await stay(connection)

    async with streaming(script) as (stream, heard, _server):
        first, _ = await asyncio.wait_for(heard.ticks.get(), 5)
        assert (first.product_id, first.price) == ("ETH-USD", "4000.10")
        assert await heard.price() == "7"
        assert (stream.counts.malformed, stream.counts.gaps, stream.counts.reconnects) == (12, 0, 0)


async def test_one_unknown_product_does_not_cost_the_others_their_stream(caplog: pytest.LogCaptureFixture) -> None:
    async def script(connection: ServerConnection, _number: int) -> None:
        await connection.send(frame(0, "1"))
        await stay(connection)

    products = ("NOPE-USD", "BTC-USD", "ETH-USD")
    async with streaming(script, products=products, unknown=("NOPE-USD",)) as (stream, heard, server):
        assert await heard.price() == "1"
        assert server.wanted(0) == ["NOPE-USD", "BTC-USD", "ETH-USD"]
        assert stream.refused_products == ["NOPE-USD"]
        assert (stream.counts.reconnects, stream.counts.errors) == (0, 1)
    (said,) = [record for record in caplog.records if "does not stream" in record.message]
    assert getattr(said, "fields")["product_id"] == "NOPE-USD"  # noqa: B009  a log record gains attributes


async def test_a_product_for_which_the_connection_is_closed_is_left_out_the_third_time() -> None:
    async def script(connection: ServerConnection, _number: int) -> None:
        await connection.send(frame(0, "1"))
        await stay(connection)

    products = ("NOPE-USD", "BTC-USD")
    async with streaming(script, products=products, unknown=("NOPE-USD",)) as (stream, heard, server):
        server.closes_on_unknown = True
        assert await heard.price() == "1"
        assert [server.wanted(number) for number in range(3)] == [
            ["NOPE-USD"],
            ["BTC-USD", "NOPE-USD"],
            ["BTC-USD"],
        ]
        assert stream.refused_products == ["NOPE-USD"]


async def test_noise_on_other_channels_does_not_hide_silence() -> None:
    async def script(connection: ServerConnection, number: int) -> None:
        await connection.send(frame(0, str(number + 1)))
        while number == 0:
            await connection.send(json.dumps({"channel": "status", "events": []}))
            await connection.send("{")
            await asyncio.sleep(0.02)
        await stay(connection)

    async with streaming(script, silence=0.3) as (stream, heard, _server):
        assert [await heard.price(), await heard.price()] == ["1", "2"]
        assert stream.counts.reconnects == 1


async def test_a_message_too_long_for_us_ends_the_connection_and_not_the_stream() -> None:
    async def script(connection: ServerConnection, number: int) -> None:
        if number == 0:
            snapshot = {"channel": "l2_data", "sequence_num": 0, "events": [{"updates": "x" * 20_000_000}]}
            await connection.send(json.dumps(snapshot))
        else:
            await connection.send(frame(0, "2"))
        await stay(connection)

    async with streaming(script) as (stream, heard, _server):
        assert await heard.price() == "2"
        assert stream.counts.reconnects == 1


async def test_an_error_that_repeats_the_signature_is_not_logged_with_it(caplog: pytest.LogCaptureFixture) -> None:
    token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJvIn0.c2lnbmF0dXJl"

    async def script(connection: ServerConnection, number: int) -> None:
        if number == 0:
            await connection.send(json.dumps({"type": "error", "message": f"bad jwt {token}"}))
        else:
            await connection.send(frame(0, "2"))
        await stay(connection)

    async with streaming(script, token=lambda: token) as (_stream, heard, _server):
        assert await heard.price() == "2"
    told = [str(getattr(record, "fields", "")) for record in caplog.records]
    assert any("bad jwt ***" in fields for fields in told)
    assert not any("eyJ" in fields for fields in told)


def test_a_signature_is_recognised_wherever_it_stands() -> None:
    assert redacted("uri=eyJhbGciOiJFUzI1NiJ9.e30.x_y-z; Bearer abc.def, bearer x") == "uri=***; Bearer ***, bearer ***"
    assert redacted("product BTC-USD is unknown") == "product BTC-USD is unknown"
