"""The ticker stream: stays connected for ever, whatever ends a connection.

A clean close by the server, an error message, silence and a broken socket are all the same here: count,
wait a jittered moment, connect and subscribe anew. Heartbeats make silence meaningful: no message at
all for a while means a dead connection, since a live one beats every second.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from cbbot_bridge.coinbase.ws_messages import Frame, TickerUpdate, parse_frame, subscribe_message
from cbbot_bridge.http_errors import UpstreamUnavailable

__all__ = ["StreamCounts", "TickerStream"]

_LOG = logging.getLogger(__name__)

_MAX_FRAME_BYTES = 16 * 2**20
_SHORTEST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 30.0


@dataclass
class StreamCounts:
    """What has happened so far; read by metrics and ``/upstream``."""

    connected: bool = False
    reconnects: int = 0
    gaps: int = 0
    malformed: int = 0
    errors: int = 0


class _Ended(Exception):
    """The connection is of no more use; the text says why."""


class TickerStream:
    """Follows ``products`` at ``url``.

    ``on_ticker(update, timestamp)`` is called for every ticker, ``on_gap()`` when messages were lost.
    ``token`` makes a JWT for one subscribe message, or None for an unsigned subscription; ``proxy`` is on the way.
    """

    def __init__(
        self,
        url: str,
        products: tuple[str, ...],
        *,
        on_ticker: Callable[[TickerUpdate, str], None],
        on_gap: Callable[[], None] = lambda: None,
        token: Callable[[], str] | None = None,
        proxy: str | None = None,
        silence_seconds: float = 10.0,
        shortest_wait_seconds: float = _SHORTEST_WAIT_SECONDS,
        dice: random.Random | None = None,
    ) -> None:
        self._url = url
        self._products = products
        self._on_ticker = on_ticker
        self._on_gap = on_gap
        self._token = token
        self._proxy = proxy
        self._silence_seconds = silence_seconds
        self._shortest_wait = shortest_wait_seconds
        self._dice = dice or random.Random()  # noqa: S311  jitter is no secret
        self._unsigned_next = False
        self._expected: int | None = None
        self._heard = False
        self.counts = StreamCounts()

    async def run(self) -> None:
        """Until canceled."""
        wait = self._shortest_wait
        while True:
            self._heard = False
            reason = await self._one_connection()
            # Only a connection that brought data resets the back-off: one that is accepted and closed
            # at once must not be hammered.
            wait = self._shortest_wait if self._heard else min(wait * 2, _LONGEST_WAIT_SECONDS)
            self.counts.reconnects += 1
            pause = self._dice.uniform(wait / 2, wait)
            _LOG.warning("the ticker stream ended", extra={"fields": {"reason": reason, "again_in": round(pause, 2)}})
            await asyncio.sleep(pause)

    async def _one_connection(self) -> str:
        """Connects, subscribes and listens to the end; tells what ended it."""
        try:
            async with connect(
                self._url,
                max_size=_MAX_FRAME_BYTES,
                open_timeout=10,
                ping_interval=20,
                close_timeout=1,
                # The library would read the variables of proxies itself, and raise what they hold.
                proxy=self._proxy,
            ) as connection:
                await self._subscribe(connection)
                await self._listen(connection)
        except TimeoutError:
            return f"silent for {self._silence_seconds:g} s, or no connection in time"
        except (_Ended, OSError, WebSocketException) as error:
            return str(error) or type(error).__name__
        finally:
            self.counts.connected = False
        return "closed"

    async def _subscribe(self, connection: ClientConnection) -> None:
        self._expected = None
        signed, self._unsigned_next = not self._unsigned_next, False
        channels: tuple[tuple[str, tuple[str, ...]], ...] = (("heartbeats", ()), ("ticker", self._products))
        for channel, products in channels:
            token = self._token() if signed and self._token is not None else None
            await connection.send(subscribe_message(channel, products, token))

    async def _listen(self, connection: ClientConnection) -> None:
        while True:
            async with asyncio.timeout(self._silence_seconds):
                text = await connection.recv()
            try:
                frame = parse_frame(text)
            except UpstreamUnavailable as error:
                self.counts.malformed += 1
                _LOG.warning("unusable WebSocket message", extra={"fields": {"reason": str(error)}})
                continue
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        if frame.error is not None:
            self.counts.errors += 1
            # The channels are public: better unsigned prices than none because of a refused signature.
            self._unsigned_next = "auth" in frame.error.lower()
            raise _Ended(f"Coinbase says: {frame.error}")
        if self._is_repeat(frame.sequence):
            return
        if frame.channel in ("ticker", "heartbeats"):
            self._heard = True
            self.counts.connected = True
        for update in frame.tickers:
            self._on_ticker(update, frame.timestamp)

    def _is_repeat(self, sequence: int | None) -> bool:
        """Keeps count of the messages: reports what is missing, and tells of what came twice."""
        if sequence is None:
            return False
        expected, self._expected = self._expected, max(self._expected or 0, sequence + 1)
        if expected is None or sequence == expected:
            return False
        if sequence < expected:
            return True
        self.counts.gaps += 1
        _LOG.warning("WebSocket messages were lost", extra={"fields": {"expected": expected, "got": sequence}})
        self._on_gap()
        return False
