"""A TCP relay that stops at every order request and at every answer to one: there a test may end processes.

Whatever else passes, the WebSocket too, passes as it comes. One relay stands before the bridge and one before the
exchange, so that of every order four moments can be met exactly, however fast or slow the machine is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

__all__ = ["OrderRelay", "Passing", "ignore_resets"]

_ORDER: Final = re.compile(rb"POST /(order/market|api/v3/brokerage/orders) ")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CHUNK: Final = 65536

Passing = Callable[[str, bytes], Awaitable[bool]]
"""Given an order's ``client_order_id`` and the message's body before it passes; False: the connection ends instead."""


class OrderRelay:
    """Listens on ``port`` while it is open, and passes on to ``upstream``. The port is its own until it is closed."""

    def __init__(self, on_request: Passing, on_answer: Passing) -> None:
        self.upstream = 0
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self.port: int = self._reserved.getsockname()[1]
        self._on_request, self._on_answer = on_request, on_answer
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self, upstream: int) -> None:
        """Takes connections, always on one port."""
        self.upstream = upstream
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, reuse_port=True)

    def refuse(self) -> None:
        """Takes no connections, as a port without a process; those that there are end with their other sides."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def cut(self) -> None:
        """Takes no connections, and ends those that there are."""
        self.refuse()
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def close(self) -> None:
        await self.cut()
        self._reserved.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        upstream: asyncio.StreamWriter | None = None
        try:
            # asyncio reports a connection's task that was cancelled as a fault.
            with ignore_resets(), contextlib.suppress(asyncio.CancelledError):
                answers, upstream = await asyncio.open_connection("127.0.0.1", self.upstream)
                await _either(_Link(reader, writer, answers, upstream, self._on_request, self._on_answer))
        finally:
            self._serving.discard(task)
            for each in (writer, upstream):
                if each is not None:
                    each.close()


class _Link:
    """One connection: at most one order of it is under way at a time."""

    def __init__(
        self,
        requests: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        server: asyncio.StreamWriter,
        on_request: Passing,
        on_answer: Passing,
    ) -> None:
        self._requests, self._client, self._answers, self._server = requests, client, answers, server
        self._on_request, self._on_answer = on_request, on_answer
        self._order = ""

    async def requests(self) -> None:
        while chunk := await self._requests.read(_CHUNK):
            message = chunk
            if _ORDER.match(chunk):
                message, body = await _whole(self._requests, chunk)
                self._order = str(_fields(body).get("client_order_id", ""))
                if not await self._on_request(self._order, body):
                    return
            self._server.write(message)
            await self._server.drain()

    async def answers(self) -> None:
        while chunk := await self._answers.read(_CHUNK):
            message = chunk
            if self._order:
                message, body = await _whole(self._answers, chunk)
                order, self._order = self._order, ""
                if not await self._on_answer(order, body):
                    return
            self._client.write(message)
            await self._client.drain()


async def _either(link: _Link) -> None:
    """Ends when one side has."""
    pumps = {asyncio.ensure_future(link.requests()), asyncio.ensure_future(link.answers())}
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        for outcome in await asyncio.gather(*pumps, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, OSError):
                raise outcome


async def _whole(reader: asyncio.StreamReader, message: bytes) -> tuple[bytes, bytes]:
    """The whole HTTP message that begins so, and its body."""
    while b"\r\n\r\n" not in message:
        message += await _more(reader)
    head, _, body = message.partition(b"\r\n\r\n")
    length = _LENGTH.search(head + b"\r\n")
    while length is not None and len(body) < int(length[1]):
        more = await _more(reader)
        message, body = message + more, body + more
    return message, body


async def _more(reader: asyncio.StreamReader) -> bytes:
    chunk = await reader.read(_CHUNK)
    if not chunk:
        raise ConnectionResetError("the other side has ended within a message")
    return chunk


def _fields(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def ignore_resets() -> contextlib.AbstractContextManager[None]:
    """A side that was killed is no mistake of the test's."""
    return contextlib.suppress(OSError)
