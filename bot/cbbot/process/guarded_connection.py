"""A server's connection that cannot be held for nothing: a request arrives whole within seconds, and room is made.

uvicorn bounds only how long a connection that has had its answer may stay idle. One that sends nothing, or a byte now
and then, would stay for ever, and enough of them leave no descriptor for whoever has something to ask.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from cbbot.process.request_guard import MOST_BODY_BYTES

__all__ = ["MOST_CONNECTIONS", "REQUEST_SECONDS", "GuardedConnection"]

REQUEST_SECONDS: Final = 10.0
MOST_CONNECTIONS: Final = 500

_ARRIVING: Final = (h11.IDLE, h11.SEND_BODY)


class GuardedConnection(H11Protocol):
    """For uvicorn's ``http`` option.

    A request has :data:`REQUEST_SECONDS` from its first byte (the first of a connection from its start) to its last.
    What still comes of it after its answer is not read for long.

    Beyond :data:`MOST_CONNECTIONS` a new connection takes the place of one without a running request, first of those
    that never made one; where all have one, it is the new one that goes.
    """

    request_seconds: ClassVar[float] = REQUEST_SECONDS
    most_connections: ClassVar[int] = MOST_CONNECTIONS

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._too_late: asyncio.TimerHandle | None = None
        self.heard_at = self.loop.time()
        self._upgraded = False
        self._unwanted = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._await_rest()
        if len(self.connections) > self.most_connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self.heard_at = self.loop.time()
        super().data_received(data)
        if self._upgraded or self.conn.their_state not in _ARRIVING:
            self._stop_waiting()
            self._unwanted = 0
        elif self.cycle is not None and self.cycle.response_complete and self.conn.their_state is h11.SEND_BODY:
            # Answered already, and still it comes.
            self._unwanted += len(data)
            if self._unwanted > MOST_BODY_BYTES:
                self.transport.abort()
        elif self._too_late is None:
            self._await_rest()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._upgraded = True
        super().handle_websocket_upgrade(event)

    @property
    def replaceable(self) -> bool:
        """No request is running."""
        return self.cycle is None or self.cycle.response_complete

    def _make_room(self) -> None:
        others = [each for each in self.connections if isinstance(each, GuardedConnection) and each.replaceable]
        oldest = min(others, key=lambda each: (each.cycle is not None, each.heard_at))
        oldest.transport.abort()

    def _await_rest(self) -> None:
        self._too_late = self.loop.call_later(self.request_seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None
