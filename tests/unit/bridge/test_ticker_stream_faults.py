"""The ticker stream and what goes wrong on it: each costs what it must, and no more."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import pytest
from websockets.asyncio.server import ServerConnection

from cbbot_bridge.coinbase.redaction import redacted
from cbbot_bridge.coinbase.ws import StreamTimes
from unit.bridge.scripted_stream import RecordedWait, frame, stay, streaming

pytestmark = pytest.mark.anyio


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
    options = {"products": products, "unknown": ("NOPE-USD",), "answers_unknown": False}
    async with streaming(script, **options) as (stream, heard, server):
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
    logged = [str(getattr(record, "fields", "")) for record in caplog.records]
    assert any("bad jwt ***" in fields for fields in logged)
    assert not any("eyJ" in fields for fields in logged)


def test_a_signature_is_recognised_wherever_it_stands() -> None:
    assert redacted("uri=eyJhbGciOiJFUzI1NiJ9.e30.x_y-z; Bearer abc.def, bearer x") == "uri=***; Bearer ***, bearer ***"
    assert redacted("product BTC-USD is unknown") == "product BTC-USD is unknown"


async def test_a_loss_is_reported_before_the_tickers_of_the_message_that_shows_it() -> None:
    async def script(connection: ServerConnection, _number: int) -> None:
        for sequence in (0, 5, 6):
            await connection.send(frame(sequence, str(sequence + 1)))
        await stay(connection)

    async with streaming(script) as (_stream, heard, _server):
        assert [await heard.price() for _ in range(3)] == ["1", "6", "7"]
        assert heard.order == ["1", "gap", "6", "7"]


async def test_a_server_that_went_away_speaks_against_no_product() -> None:
    async def script(_connection: ServerConnection, _number: int) -> None:
        raise AssertionError("the connection is closed before its subscriptions are complete")

    wait = RecordedWait(4)
    async with streaming(script, unknown=("BTC-USD",), answers_unknown=False, wait=wait) as (stream, _heard, server):
        await server.closed_one.wait()
        server.listening.close()
        await asyncio.wait_for(wait.enough.wait(), 5)
        assert stream.refused_products == []


async def test_subscriptions_leave_no_faster_than_coinbase_takes_unsigned_ones() -> None:
    async def script(connection: ServerConnection, _number: int) -> None:
        await connection.send(frame(0, "1"))
        await stay(connection)

    products = ("A-USD", "B-USD", "C-USD", "D-USD")
    async with streaming(script, products=products, pace=0.05) as (_stream, heard, server):
        assert await heard.price() == "1"
        assert server.wanted(0) == list(products)
        pauses = [later - earlier for earlier, later in pairwise(server.received)]
    assert len(pauses) == len(products)
    # They are sent 0.05 s apart; when they are read depends on how busy the machine is.
    assert sum(pauses) >= 0.9 * 0.05 * len(products)
    assert 1 / StreamTimes().pace <= 8
