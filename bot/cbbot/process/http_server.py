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

from cbbot.errors import BadInput
from cbbot.process.guarded_connection import GuardedConnection
from cbbot.process.loopback import is_loopback
from cbbot.process.output_streams import dropped
from cbbot.process.request_guard import RequestGuard
from cbbot.process.stop_signals import handled_stops

__all__ = ["CANNOT_LISTEN", "HttpServer", "listening_socket", "log_listening"]

_LOG = logging.getLogger(__name__)

CANNOT_LISTEN: Final = "cannot listen on"
"""In the last words of a process that could not have its address: whoever started it may try another."""


def listening_socket(host: str, port: int, *, host_name: str, port_name: str) -> socket.socket:
    """A socket bound to an address; port 0 picks a free one. ``host_name`` and ``port_name`` are the settings' names.

    ``::`` is every address of this machine, of IPv6 and IPv4, or of IPv4 alone where there is no IPv6.

    Raises:
        BadInput: the address cannot be had; the message names the setting to change.
    """
    everywhere = host == "::"
    if everywhere and not socket.has_dualstack_ipv6():
        host = "0.0.0.0"  # noqa: S104  asked for
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise BadInput(f"{host_name}={host!r}: {CANNOT_LISTEN} {host}: {error.strerror or error}") from error
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit it. asyncio sets it only where it made the listener itself, and without it an
        # answer's second packet waits 40 ms for the client's delayed acknowledgement.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if everywhere and family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise BadInput(
            f"{port_name}={port}: {CANNOT_LISTEN} {host} port {port}: {error.strerror or error}; choose another port "
            f"(0 picks a free one) or another {host_name}"
        ) from error
    return bound


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
