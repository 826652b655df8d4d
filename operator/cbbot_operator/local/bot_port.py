"""Where the bot of ``cbbot up`` is served: on the same port at every start, so that a bookmark stays good."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final

from cbbot.contract.ports import BOT_PORT
from cbbot.errors import BadInput, CbbotError

__all__ = ["DEFAULT_PORT", "LOOPBACK", "check_asked", "first_free", "is_taken", "ports_to_try"]

LOOPBACK: Final = "127.0.0.1"
DEFAULT_PORT: Final = BOT_PORT
_PORTS_TRIED: Final = 100


def ports_to_try(asked: int | None) -> tuple[int, ...]:
    """In order; 0 is any that is free. One that a person asked for is the only one."""
    return tuple(range(DEFAULT_PORT, DEFAULT_PORT + _PORTS_TRIED)) if asked is None else (asked,)


def check_asked(port: int) -> None:
    """That the port a person asked for can be had.

    Raises:
        BadInput: it cannot.
    """
    if problem := _problem(port):
        raise BadInput(
            f"--port {port}: cannot listen on {LOOPBACK}:{port}: {problem}; "
            f"without --port it is the first free one from {DEFAULT_PORT} on, with --port 0 any"
        )


def first_free(ports: Sequence[int]) -> int:
    """The first of ``ports`` that nobody listens on.

    Raises:
        CbbotError: there is none.
    """
    for port in ports:
        if not _problem(port):
            return port
    raise CbbotError(f"ports {ports[0]} to {ports[-1]} are all taken; --port 0 takes any that is free")


def is_taken(port: int) -> bool:
    """Whether a process that is to listen there would fail."""
    return bool(_problem(port))


def _problem(port: int) -> str:
    """Why nobody could listen on the port now; empty when somebody could."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: connections of a server that has gone do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""
