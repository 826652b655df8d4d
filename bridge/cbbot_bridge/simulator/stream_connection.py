"""One customer's socket: what it is subscribed to, its sequence numbers, and the queue of what it is to get.

Whoever publishes never waits for a slow customer: a customer whose queue is full is disconnected, as the exchange
does it. Sequence numbers are given when a message is put into the queue and count all messages of the connection.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterable
from typing import Any, Final

from starlette.websockets import WebSocket

from cbbot_bridge.simulator.channel_messages import envelope, error_frame
from cbbot_bridge.simulator.stream_faults import PendingStreamFaults
from cbbot_bridge.simulator.stream_pace import Pace
from cbbot_bridge.simulator.user_orders import OrderFilter

__all__ = ["ABNORMAL", "POLICY", "Connection"]

_LOG = logging.getLogger(__name__)
_GOING_AWAY: Final = 1001
POLICY: Final = 1008
ABNORMAL: Final = 1006
"""The code that no peer sends: the connection is cut without a close frame."""


class Connection:
    """A socket that has been accepted."""

    def __init__(self, socket: WebSocket, pace: Pace, faults: PendingStreamFaults, *, client_id: bool) -> None:
        self.socket = socket
        self.channels: dict[str, list[str]] = {}
        self.orders_of = OrderFilter()
        self.heartbeats = 0
        self._pace = pace
        self._faults = faults
        self._client_id = client_id
        # Messages, then perhaps the code to close with.
        self._queue: asyncio.Queue[dict[str, Any] | int] = asyncio.Queue(pace.queue)
        self._sequence = 0
        self._kept: list[dict[str, Any]] = []
        self._silent_until = 0.0
        self._closing = False

    def wants(self, channel: str, product_id: str) -> bool:
        """Whether it is subscribed to a product of a channel."""
        return product_id in self.channels.get(channel, ())

    def change(self, channel: str, product_ids: Iterable[str], *, subscribe: bool) -> list[str]:
        """Subscribe or unsubscribe; the products that have come to it."""
        present = self.channels.get(channel, [])
        if subscribe:
            fresh = [product_id for product_id in product_ids if product_id not in present]
            self.channels[channel] = present + fresh
            return fresh
        left = [product_id for product_id in present if product_id not in set(product_ids)]
        self.channels[channel] = left
        if not left:
            del self.channels[channel]
        return []

    def send(self, channel: str, events: list[dict[str, Any]], now_ms: int) -> None:
        """Queue a message, or what a fault makes of it."""
        message = envelope(channel, events, self._sequence, now_ms, client_id=self._client_id)
        self._sequence += 1
        if time.monotonic() < self._silent_until:
            return
        for sent in self._faults.sent_instead(message, self._kept):
            self._put(sent)

    def complain(self, message: str) -> None:
        """Queue an error."""
        self._put(error_frame(message))

    def fall_silent(self, seconds: float) -> None:
        """Send nothing for so long; what falls into that time is lost."""
        self._silent_until = time.monotonic() + seconds

    def close(self, code: int) -> None:
        """Close after what has been queued; at once when the queue is full. Nothing follows a close."""
        if self._closing:
            return
        self._closing = True
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
        self._queue.put_nowait(code)

    async def drain(self) -> None:
        """Send what is queued, until the connection is to be closed."""
        while True:
            item = await self._next()
            if item == ABNORMAL:
                return
            if isinstance(item, int):
                await self.socket.close(item)
                return
            await self.socket.send_text(json.dumps(item, separators=(",", ":")))

    async def _next(self) -> dict[str, Any] | int:
        if not self._queue.empty():
            return self._queue.get_nowait()
        try:
            return await asyncio.wait_for(self._queue.get(), self._pace.idle)
        except TimeoutError:
            return _GOING_AWAY

    def _put(self, frame: dict[str, Any]) -> None:
        if self._closing:
            return
        if self._queue.full():
            _LOG.warning("slow customer disconnected", extra={"fields": {"queued": self._queue.qsize()}})
            self.close(POLICY)
            return
        self._queue.put_nowait(frame)
