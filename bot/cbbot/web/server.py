"""uvicorn on a socket of ours, so that port 0 can be reported to whoever started us, and signals stay ours."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI

from cbbot.errors import BadInput

__all__ = ["HttpServer", "bound_socket"]


def bound_socket(host: str, port: int) -> socket.socket:
    """A listening address; port 0 picks a free one.

    Raises:
        BadInput: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise BadInput(
            f"PORT={port}: cannot listen on {host}: {error.strerror}; choose another, 0 picks one"
        ) from error
    return bound


class HttpServer(uvicorn.Server):
    """Runs inside the bot's own loop. ``listening`` is called with the port once requests are answered.

    ``stop`` ends it; open event streams are cut.
    """

    def __init__(self, app: FastAPI, listening: Callable[[int], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                # X-Forwarded-For would let anybody claim to be this machine.
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=2,
            )
        )
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            self._listening(sockets[0].getsockname()[1])

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The bot decides what a signal means: it has orders to see to first."""
        yield

    def stop(self) -> None:
        self.should_exit = True
