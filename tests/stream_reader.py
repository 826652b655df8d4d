"""A customer of the simulator's WebSocket, for tests: asks, and reads what comes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.connection import Connection

__all__ = ["StreamReader", "stream_of"]

_PATIENCE_SECONDS = 10


class StreamReader:
    """One connection. What is read is kept in ``seen``."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.seen: list[Any] = []

    def ask(self, channel: str, kind: str = "subscribe", **fields: object) -> None:
        """Subscribe to a channel, or unsubscribe."""
        self.connection.send(json.dumps({"type": kind, "channel": channel, **fields}))

    def receive(self) -> Any:
        """The next message."""
        self.seen.append(json.loads(self.connection.recv(timeout=_PATIENCE_SECONDS)))
        return self.seen[-1]

    def event(self) -> Any:
        """The one event of the next message."""
        (event,) = self.receive()["events"]
        return event

    def subscribed(self, channel: str, *product_ids: str, jwt: str = "") -> Any:
        """Subscribe to a channel and read until its snapshot; the snapshot's event."""
        self.ask(channel, product_ids=list(product_ids), jwt=jwt)
        assert self.receive()["channel"] == "subscriptions"
        return self.event()

    def next_of(self, channel: str) -> Any:
        """The next message of a channel; those of others are passed over."""
        while self.receive().get("channel") != channel:
            pass
        return self.seen[-1]

    def ends_with(self) -> int | None:
        """Read until the connection has ended; the code of the server's close frame, None when it sent none."""
        try:
            while True:
                self.receive()
        except ConnectionClosed as closed:
            return None if closed.rcvd is None else closed.rcvd.code


@contextmanager
def stream_of(client: httpx.Client, **options: Any) -> Iterator[StreamReader]:
    """A connection to the simulator that ``client`` speaks to."""
    with connect(f"ws://127.0.0.1:{client.base_url.port}/", max_size=2**26, **options) as connection:
        yield StreamReader(connection)
