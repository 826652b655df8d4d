"""The ticker stream: stays connected for ever, whatever ends a connection.

A clean close by the server, an error message, silence and a broken socket are all the same here: count,
wait a jittered moment, connect and subscribe anew. Heartbeats make silence meaningful: neither heartbeat
nor ticker for a while means a dead connection, since a live one beats every second.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, wait_random_exponential
from tenacity.wait import wait_base
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from cbbot.process.redaction import redacted
from cbbot_bridge.coinbase.message_count import Arrival, HeartbeatCount, MessageCount
from cbbot_bridge.coinbase.subscriptions import Subscriptions
from cbbot_bridge.coinbase.ws_messages import Frame, TickerUpdate, parse_frame, subscribe_message
from cbbot_bridge.http_errors import UpstreamUnavailable
from cbbot_bridge.outage_log import OutageLog
from cbbot_bridge.rare_log import RareWarning

__all__ = ["StreamCounts", "StreamTimes", "TickerStream"]

_LOG = logging.getLogger(__name__)

_MAX_FRAME_BYTES = 16 * 2**20
_BACK_OFF = wait_random_exponential(multiplier=0.5, min=0.1, max=30.0)


@dataclass(frozen=True, slots=True)
class StreamTimes:
    """Seconds. ``wait`` is the back-off between connections that do not last."""

    silence: float = 6.0
    lasting: float = 20.0
    """A connection that brought data for so long starts the back-off anew."""
    answer: float = 2.0
    """A subscription that is not answered by then has been accepted as far as we know."""
    pace: float = 0.15
    """Between two subscriptions: Coinbase takes 8 unsigned messages a second from an address."""
    pause: float = 0.5
    """The most before connecting anew after a connection that lasted."""
    wait: wait_base = _BACK_OFF


@dataclass
class StreamCounts:
    """What has happened so far; read by metrics and ``/upstream``."""

    connected: bool = False
    reconnects: int = 0
    gaps: int = 0
    repeats: int = 0
    malformed: int = 0
    errors: int = 0


class _Ended(Exception):
    """The connection is of no more use; the text says why."""


class TickerStream:
    """Follows ``products`` at ``url``.

    ``on_ticker(update, timestamp)`` is called for every ticker, ``on_gap()`` when messages were or may have
    been lost. ``token`` makes a JWT for one subscribe message, or None for an unsigned subscription;
    ``proxy`` is on the way.
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
        times: StreamTimes | None = None,
    ) -> None:
        self._url = url
        self._subscriptions = Subscriptions(products)
        self.on_ticker = on_ticker
        self._on_gap = on_gap
        self._token = token
        self._proxy = proxy
        self.times = times or StreamTimes()
        self._unsigned_next = False
        self._signed = False
        self._pending: str | None = None
        self._messages = MessageCount()
        self._heartbeats = HeartbeatCount()
        self._first_data: float | None = None
        self._silent_at = 0.0
        self._warn_malformed = RareWarning(_LOG, "unusable WebSocket message")
        self._outage = OutageLog(_LOG, "the ticker stream ended")
        self._warn_lost = RareWarning(_LOG, "WebSocket messages were lost")
        self.counts = StreamCounts()

    @property
    def refused_products(self) -> list[str]:
        """Products that Coinbase does not stream."""
        return self._subscriptions.refused()

    async def run(self) -> None:
        """Until canceled."""
        while True:
            # One that is accepted, brings data and is closed soon must not be hammered either.
            attempts = AsyncRetrying(
                wait=self.times.wait, retry=retry_if_result(lambda lasted: not lasted), before_sleep=_log_pause
            )
            await attempts(self._one_connection)
            await asyncio.sleep(random.uniform(self.times.pause / 4, self.times.pause))  # noqa: S311  jitter is no secret

    async def _one_connection(self) -> bool:
        """Connects, subscribes and listens to the end; whether the connection brought data for long enough."""
        reason = "closed"
        self._first_data = self._pending = None
        try:
            # Pings keep proxies from closing an idle connection. Whether it works is told by heartbeats: behind
            # many ticks a pong may be late.
            async with connect(
                self._url,
                max_size=_MAX_FRAME_BYTES,
                open_timeout=10,
                ping_interval=20,
                ping_timeout=None,
                close_timeout=1,
                # The library would read the variables of proxies itself, and raise what they hold.
                proxy=self._proxy,
            ) as connection:
                self._begin()
                await self._subscribe(connection)
                while True:
                    await self._handle_next(connection, self._silent_at)
        except _Ended as ended:
            reason = str(ended)
        except (OSError, WebSocketException) as error:
            reason = redacted(str(error)) or type(error).__name__
            self._suspect_pending()
        finally:
            self.counts.connected = False
            self.counts.reconnects += 1
        lasted = self._first_data is not None and _now() - self._first_data >= self.times.lasting
        self._outage.failed({"reason": reason, "lasted": lasted})
        return lasted

    def _begin(self) -> None:
        self._messages, self._heartbeats = MessageCount(), HeartbeatCount()
        self._silent_at = _now() + self.times.silence
        self._signed, self._unsigned_next = not self._unsigned_next, False
        if self.counts.reconnects:
            self._on_gap()

    async def _subscribe(self, connection: ClientConnection) -> None:
        """Heartbeats, then each product by itself: an error then tells which product it is about."""
        await self._send(connection, "heartbeats", ())
        for product in self._subscriptions.wanted(_now()):
            self._pending = product
            await self._send(connection, "ticker", (product,))
        self._pending = None

    async def _send(self, connection: ClientConnection, channel: str, products: tuple[str, ...]) -> None:
        """Subscribes, and handles messages until the answer has come and the next subscription may leave."""
        token = self._token() if self._signed and self._token is not None else None
        await connection.send(subscribe_message(channel, products, token))
        sent = _now()
        answered = False
        while _now() < (until := sent + (self.times.pace if answered else self.times.answer)):
            frame = await self._handle_next(connection, until)
            answered = answered or (frame is not None and self._answers(frame))

    async def _handle_next(self, connection: ClientConnection, until: float) -> Frame | None:
        """Handles one message; None when none that is usable has come by ``until``."""
        try:
            async with asyncio.timeout_at(min(until, self._silent_at)):
                text = await connection.recv()
        except TimeoutError:
            if _now() >= self._silent_at:
                raise _Ended(f"silent for {self.times.silence:g} s") from None
            return None
        try:
            frame = parse_frame(text)
        except UpstreamUnavailable as error:
            self._malformed(str(error))
            return None
        self._take(frame)
        return frame

    def _answers(self, frame: Frame) -> bool:
        """Whether a message answers the subscription that was sent last."""
        if frame.error is None and frame.channel != "subscriptions":
            return False
        if frame.error is None and self._pending is not None:
            self._subscriptions.accept(self._pending)
        self._pending = None
        return True

    def _take(self, frame: Frame) -> None:
        if frame.error is not None:
            self._take_error(frame.error)
            return
        for reason in frame.bad_tickers:
            self._malformed(reason)
        arrival = self._messages.arrived(frame.sequence)
        if arrival is Arrival.REPEAT:
            self.counts.repeats += 1
            return
        if frame.channel in ("ticker", "heartbeats"):
            self._silent_at = _now() + self.times.silence
            self._first_data = self._first_data or _now()
            self.counts.connected = True
            self._outage.worked()
        if self._heartbeats.missed(frame.beat) or arrival is Arrival.AFTER_LOSS:
            self.counts.gaps += 1
            self._warn_lost({"sequence": frame.sequence, "beat": frame.beat})
            # Before its own tickers: they are newer than what was lost.
            self._on_gap()
        for update in frame.tickers:
            self.on_ticker(update, frame.timestamp)

    def _take_error(self, error: str) -> None:
        self.counts.errors += 1
        if "auth" in error.lower():
            # The channels are public: better unsigned prices than none because of a refused signature.
            self._unsigned_next = True
        elif self._pending is not None:
            self._refuse(self._pending, error)
            return
        raise _Ended(f"Coinbase says: {error}")

    def _suspect_pending(self) -> None:
        if self._pending is not None and self._subscriptions.suspect(self._pending):
            self._refuse(self._pending, "it closed the connection twice instead of an answer")

    def _refuse(self, product: str, reason: str) -> None:
        seconds = self._subscriptions.refuse(product, _now())
        fields = {"product_id": product, "reason": reason, "again_in": seconds}
        _LOG.error("Coinbase does not stream a product; its price is polled", extra={"fields": fields})

    def _malformed(self, reason: str) -> None:
        self.counts.malformed += 1
        self._warn_malformed({"reason": reason})


def _now() -> float:
    return asyncio.get_running_loop().time()


def _log_pause(state: RetryCallState) -> None:
    if state.next_action is not None:
        fields = {"again_in": round(state.next_action.sleep, 2), "tries": state.attempt_number}
        _LOG.debug("connecting anew", extra={"fields": fields})
