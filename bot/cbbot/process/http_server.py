"""uvicorn on a socket of ours: port 0 is announced to whoever started us, and signals mean what we say.

uvicorn by itself ends with the signal's own code, and makes its socket after the application has started.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import uvicorn

from cbbot.process.guarded_connection import GuardedConnection
from cbbot.process.loopback import is_loopback
from cbbot.process.output_streams import dropped
from cbbot.process.request_guard import RequestGuard
from cbbot.process.stop_signals import handled_stops

__all__ = ["HttpServer", "log_listening"]

_LOG = logging.getLogger(__name__)


def log_listening(listener: socket.socket, **fields: object) -> None:
    """One line on stdout, ``{"event": "listening", "host": ..., "port": ..., ...fields}``.

    Where it cannot be written the log says so: a server is no worse for it.
    """
    host, port = listener.getsockname()[:2]
    try:
        sys.stdout.write(json.dumps({"event": "listening", "host": host, "port": port} | fields) + "\n")
        sys.stdout.flush()
    except OSError as error:
        _LOG.warning("stdout not written", extra={"fields": {"port": port, "reason": error.strerror}})
        dropped(sys.stdout)


# Longer than any client of ours keeps a connection that is idle: a request that meets our closing of it has no
# answer, and without an answer an order's fate is not known.
_IDLE_SECONDS: Final = 75


class HttpServer(uvicorn.Server):
    """Runs inside the caller's loop. ``listening`` is called with the socket once requests are answered.

    ``stopping`` is called at a signal that stops, and then the server ends after open requests, or after
    ``grace_seconds``; without it signals are the caller's, and :meth:`stop` ends the server. ``connection`` is
    uvicorn's ``http``, ``options`` its others. On loopback only requests to a name of loopback are answered,
    unless ``any_host``.
    """

    def __init__(
        self,
        app: Any,
        listening: Callable[[socket.socket], None],
        *,
        grace_seconds: int,
        stopping: Callable[[], None] | None = None,
        any_host: bool = False,
        connection: type[GuardedConnection] = GuardedConnection,
        timeout_keep_alive: int = _IDLE_SECONDS,
        **options: Any,
    ) -> None:
        self._guard = RequestGuard(app)
        self._any_host = any_host
        super().__init__(
            uvicorn.Config(
                self._guard,
                http=connection,
                log_config=None,
                access_log=False,
                # X-Forwarded-For would let anybody claim to be this machine.
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=grace_seconds,
                timeout_keep_alive=timeout_keep_alive,
                **options,
            )
        )
        self._listening = listening
        self._stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if sockets and not self._any_host:
            self._guard.loopback_names_only = all(is_loopback(each.getsockname()[0]) for each in sockets)
        await super().startup(sockets)
        if self.started and sockets:
            self._listening(sockets[0])

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if self._stopping is None:
            yield
            return
        stopping = self._stopping

        def stop(_number: signal.Signals) -> None:
            stopping()
            self.stop()

        with handled_stops(asyncio.get_running_loop(), stop):
            yield

    def stop(self) -> None:
        """Ends the server; open event streams are cut."""
        self.should_exit = True
