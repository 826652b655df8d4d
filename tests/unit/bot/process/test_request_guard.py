"""A body that is too large is refused from its first bytes, over real sockets; nothing of it is kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import Receive, Scope, Send

from cbbot.process.guarded_connection import GuardedConnection
from cbbot.process.http_server import HttpServer
from cbbot.process.listening_socket import listening_socket
from cbbot.process.request_guard import MOST_BODY_BYTES


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


pytestmark = pytest.mark.anyio


class Reader:
    """An application that reads each body whole and answers with its length; ``hold`` keeps it from answering."""

    def __init__(self) -> None:
        self.most_seen = 0
        self.asked = 0
        self.arrived = asyncio.Event()
        self.hold: asyncio.Event | None = None

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        self.arrived.set()
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size += len(message["body"])
            more = message["more_body"]
            self.most_seen = max(self.most_seen, size)
        if self.hold is not None:
            await self.hold.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(size).encode()})


@pytest.fixture
async def reader() -> Reader:
    return Reader()


@pytest.fixture
async def port(reader: Reader) -> AsyncIterator[int]:
    listening: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()
    app = ExceptionMiddleware(reader)  # as in every application of ours
    server = HttpServer(app, listening.set_result, grace_seconds=1, lifespan="off", timeout_keep_alive=1)
    with listening_socket("127.0.0.1", 0, host_name="HOST", port_name="PORT") as bound:
        running = asyncio.create_task(server.serve([bound]))
        yield (await listening).getsockname()[1]
        if reader.hold is not None:
            reader.hold.set()
        server.stop()
        await asyncio.wait_for(running, 10)


async def status_of(stream: asyncio.StreamReader) -> int:
    return int((await asyncio.wait_for(stream.readline(), 10)).split()[1])


async def test_a_body_of_the_most_bytes_is_read(port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as client:
        assert (await client.post("/", content=bytes(MOST_BODY_BYTES))).text == str(MOST_BODY_BYTES)

        async def parts() -> AsyncIterator[bytes]:
            yield bytes(MOST_BODY_BYTES - 1)
            yield b"x"

        assert (await client.post("/", content=parts())).text == str(MOST_BODY_BYTES)


@pytest.mark.parametrize("length", [MOST_BODY_BYTES + 1, 150 * 2**20, 10**18])
async def test_a_length_that_is_too_large_is_refused_before_a_byte_of_the_body(
    port: int, reader: Reader, length: int
) -> None:
    stream, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode())
    answer = (await asyncio.wait_for(stream.read(), 10)).decode()  # to the end: the connection is closed
    assert answer.startswith("HTTP/1.1 413 ")
    assert json.loads(answer.partition("\r\n\r\n")[2])["error"]["code"] == "body_too_large"
    assert reader.asked == 0
    writer.close()


async def test_a_body_that_does_not_say_its_length_is_refused_at_the_limit(port: int, reader: Reader) -> None:
    stream, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    answered = asyncio.create_task(status_of(stream))
    sent = 0
    while not answered.done() and sent < 2**26:
        writer.write(b"8000\r\n" + bytes(0x8000) + b"\r\n")
        sent += 0x8000
        try:
            await writer.drain()
        except ConnectionError:
            break
        await asyncio.sleep(0)
    assert await answered == 413
    assert reader.most_seen <= MOST_BODY_BYTES
    writer.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(GuardedConnection, "request_seconds", 0.2)
    monkeypatch.setattr(GuardedConnection, "most_connections", 5)
    return iter([None])


HALF_OPEN = {
    "nothing": b"",
    "half a request line": b"GET / HT",
    "headers without an end": b"GET / HTTP/1.1\r\nHost: localhost\r\n",
    "half a body": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345",
    "a chunk": b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
    "half a second request": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT",
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("sent", HALF_OPEN.values(), ids=HALF_OPEN)
async def test_a_request_that_does_not_go_on_ends_its_connection(port: int, sent: bytes) -> None:
    stream, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    with contextlib.suppress(ConnectionResetError):  # as good an end as any
        await asyncio.wait_for(stream.read(), 10)
    writer.close()


@pytest.mark.usefixtures("impatient")
async def test_a_byte_now_and_then_buys_no_time(port: int) -> None:
    stream, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    ended = asyncio.create_task(stream.read())
    for _ in range(500):
        if ended.done():
            break
        writer.write(b"x")
        await asyncio.wait({ended}, timeout=0.02)
    assert ended.done()
    writer.close()


@pytest.mark.usefixtures("impatient")
async def test_a_request_that_has_arrived_may_take_its_time(port: int, reader: Reader) -> None:
    reader.hold = asyncio.Event()
    stream, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab")
    answered = asyncio.create_task(status_of(stream))
    await asyncio.wait({answered}, timeout=0.5)  # more than twice what a request has to arrive
    assert not answered.done()
    reader.hold.set()
    assert await answered == 200
    writer.close()


async def test_a_new_connection_takes_the_place_of_an_idle_one_and_never_of_a_running_request(
    port: int, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuardedConnection, "most_connections", 3)
    reader.hold = asyncio.Event()
    busy, busy_writer = await asyncio.open_connection("127.0.0.1", port)
    busy_writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await asyncio.wait_for(reader.arrived.wait(), 10)
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
    for stream, _ in idle[:-2]:
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(stream.readexactly(1), 10)
    reader.hold.set()
    assert await status_of(busy) == 200
    newest, newest_writer = idle[-1]
    newest_writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert await status_of(newest) == 200
    for writer in (busy_writer, *(writer for _, writer in idle)):
        writer.close()
