"""Faults of the simulator's WebSocket on demand."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from cbbot.errors import BadInput
from cbbot_bridge.simulator.stream_faults import parse_stream_fault
from cbbot_bridge.simulator.stream_pace import Pace
from stream_reader import StreamReader, stream_of

Simulate = Callable[..., AbstractContextManager[httpx.Client]]


@pytest.fixture
def client(simulate: Simulate) -> Iterator[httpx.Client]:
    with simulate(pace=Pace(heartbeats=0.01)) as running:
        yield running


@pytest.fixture
def beating(client: httpx.Client) -> Iterator[StreamReader]:
    """A customer of heartbeats alone, which come all the time; the acknowledgement has been read."""
    with stream_of(client) as stream:
        stream.ask("heartbeats")
        stream.receive()
        yield stream


@pytest.fixture
def ticking(client: httpx.Client) -> Iterator[StreamReader]:
    """A customer of tickers, which come when the clock is moved."""
    with stream_of(client) as stream:
        stream.subscribed("ticker", "BTC-USD")
        yield stream


def fault(client: httpx.Client, **fields: object) -> None:
    client.post("/sim/sockets/faults", json=fields).raise_for_status()


def advance(client: httpx.Client) -> None:
    client.post("/sim/advance", json={"candles": 1}).raise_for_status()


def numbers_until(stream: StreamReader, is_enough: Callable[[list[int]], bool]) -> list[int]:
    """Sequence numbers, from that of the message read last on."""
    numbers: list[int] = [stream.seen[-1]["sequence_num"]]
    while not is_enough(numbers):
        assert len(numbers) < 500
        numbers.append(stream.receive()["sequence_num"])
    return numbers


def steps(numbers: list[int]) -> list[int]:
    return [second - first for first, second in itertools.pairwise(numbers)]


def test_a_lost_message_leaves_a_gap_in_the_sequence(client: httpx.Client, beating: StreamReader) -> None:
    fault(client, kind="lose", times=3)
    numbers = numbers_until(beating, lambda seen: max(steps(seen), default=0) > 1)
    assert steps(numbers)[-1] == 4


def test_a_repeated_message_comes_twice_with_one_number(client: httpx.Client, beating: StreamReader) -> None:
    fault(client, kind="repeat")
    numbers_until(beating, lambda seen: 0 in steps(seen))
    assert beating.seen[-1] == beating.seen[-2]


def test_a_reordered_message_comes_after_the_next_one(client: httpx.Client, beating: StreamReader) -> None:
    fault(client, kind="reorder")
    numbers = numbers_until(beating, lambda seen: -1 in steps(seen))
    numbers += numbers_until(beating, lambda seen: len(seen) == 3)[1:]
    assert steps(numbers)[-3:] == [-1, 2, 1]


def test_a_jump_of_the_sequence_lasts_for_one_message(client: httpx.Client, beating: StreamReader) -> None:
    fault(client, kind="sequence_jump")
    numbers = numbers_until(beating, lambda seen: max(seen, default=0) > 10**15)
    last = numbers[-1]
    assert beating.receive()["sequence_num"] == last - 10**15 + 1


def test_silence_ends_by_itself_and_a_new_connection_knows_nothing_of_it(
    client: httpx.Client, beating: StreamReader
) -> None:
    began = time.monotonic()
    fault(client, kind="silence", seconds=0.5)
    with stream_of(client) as other:
        other.ask("heartbeats")
        assert [other.receive()["channel"] for _ in range(3)] == ["subscriptions", "heartbeats", "heartbeats"]
    numbers_until(beating, lambda seen: max(steps(seen), default=0) > 1)
    assert time.monotonic() - began >= 0.5


def test_a_tick_is_stamped_far_in_the_future(client: httpx.Client, ticking: StreamReader) -> None:
    fault(client, kind="future_tick")
    advance(client)
    assert ticking.receive()["timestamp"].startswith("2099-")
    advance(client)
    assert ticking.receive()["timestamp"].startswith("2025-")


def test_a_bad_ticker_comes_among_good_ones(client: httpx.Client, ticking: StreamReader) -> None:
    fault(client, kind="bad_ticker", ticker={"price": "", "product_id": None})
    advance(client)
    bad, *good = ticking.event()["tickers"]
    assert (bad["price"], bad["product_id"]) == ("", None)
    assert len(good) == 12
    assert all(float(ticker["price"]) > 0 for ticker in good)


def test_a_snapshot_of_megabytes_comes_on_a_channel_that_nobody_asked_for(
    client: httpx.Client, ticking: StreamReader
) -> None:
    fault(client, kind="foreign_snapshot", megabytes=20)
    message = ticking.receive()
    assert (message["channel"], message["events"][0]["type"]) == ("l2_data", "snapshot")
    assert len(str(message)) > 20_000_000


def test_a_fault_of_a_channel_leaves_the_others_alone(client: httpx.Client, ticking: StreamReader) -> None:
    fault(client, kind="repeat", channel="level2", times=100)
    advance(client)
    advance(client)
    numbers = [ticking.receive()["sequence_num"] for _ in range(2)]
    assert numbers == [2, 3]
    ticking.subscribed("level2", "BTC-USD")
    assert ticking.receive() == ticking.seen[-2]


def test_faults_end_when_they_are_cleared(client: httpx.Client, ticking: StreamReader) -> None:
    fault(client, kind="lose", times=1_000)
    assert client.delete("/sim/sockets/faults").json() == {"rules": 0}
    advance(client)
    assert ticking.receive()["sequence_num"] == 2


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"kind": "explode"},
        {"kind": "lose", "times": 0},
        {"kind": "lose", "times": "3"},
        {"kind": "lose", "times": True},
        {"kind": "lose", "channel": "nope"},
        {"kind": "bad_ticker", "channel": "level2"},
        {"kind": "bad_ticker", "ticker": []},
        {"kind": "silence", "seconds": -1},
        {"kind": "silence", "seconds": float("nan")},
        {"kind": "foreign_snapshot", "megabytes": 10_000},
        {"kind": "lose", "what": 1},
    ],
)
def test_a_fault_that_is_none_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="stream fault: "):
        parse_stream_fault(fields)


def test_a_bad_fault_is_answered_with_its_fields_name(unchanged: httpx.Client) -> None:
    answer = unchanged.post("/sim/sockets/faults", json={"kind": "lose", "times": -1})
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "stream fault: times is above 0, at most 1000000",
    )
