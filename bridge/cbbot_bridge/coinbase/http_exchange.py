"""One HTTP request and its answer, as the REST client needs it: the port behind which an HTTP library stands.

The errors tell what a POST must know: whether the request may have left this machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

__all__ = ["ConnectionBroke", "HttpAnswer", "HttpExchange", "HttpFailure", "NoAnswer", "NotSent", "Pool"]


class Pool(Enum):
    """Connections that are kept apart, so that requests of one kind never wait for those of another."""

    ORDERS = auto()
    """Orders, and what has to be read before one can leave."""
    ACCOUNT = auto()
    MARKET = auto()


class HttpFailure(Exception):
    """No answer. The message names the kind of trouble; it holds no address, which may hold a password."""


class NotSent(HttpFailure):
    """Nothing of the request left: no name, no connection, no TLS, none free in time."""


class NoAnswer(HttpFailure):
    """It may have left, and its time was up before the whole answer came."""


class ConnectionBroke(HttpFailure):
    """It may have left, and the connection ended, or what came is no HTTP answer that could be used."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """``content`` is the body, unpacked."""

    status: int
    content: bytes


class HttpExchange(Protocol):
    """Sends a request once: follows no redirect, tries nothing again, keeps no cookies."""

    async def send(
        self, pool: Pool, method: str, url: str, headers: Mapping[str, str], content: bytes | None, seconds: float
    ) -> HttpAnswer:
        """The answer to one request, whole within ``seconds``.

        Raises:
            HttpFailure: one of its three kinds.
        """
        ...

    async def close(self) -> None:
        """Ends all connections."""
        ...
