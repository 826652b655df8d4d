"""The port to HTTP on aiohttp, the only module here that knows it (decision 13)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
from aiohttp.connector import Connection
from yarl import URL

from cbbot import __version__
from cbbot_bridge.coinbase.http_exchange import ConnectionBroke, HttpAnswer, NoAnswer, NotSent, Pool

__all__ = ["CONNECTIONS_A_POOL", "MOST_ANSWER_BYTES", "AiohttpExchange"]

CONNECTIONS_A_POOL: Final = 20
# The longest answer that there is, a list of all products, has about 2 MB.
MOST_ANSWER_BYTES: Final = 16 * 2**20

_CONNECT_SECONDS: Final = 5.0
# A server that closes idle connections does so after 5 s at the earliest; a POST that meets the end of a connection
# may or may not have been taken.
_KEPT_IDLE_SECONDS: Final = 4.0
# The whole of a request is given a little more time than its connection: if both ran out at once,
# a request that never left would be told as one that may have.
_BEYOND_CONNECTING_SECONDS: Final = 0.05
_HEADERS: Final = {"User-Agent": f"cbbot-bridge/{__version__}", "Accept": "application/json"}


class _Connector(aiohttp.TCPConnector):
    """Tells every failure to get a connection as such, whatever it is."""

    async def connect(self, *arguments: Any, **named: Any) -> Connection:
        try:
            return await super().connect(*arguments, **named)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NotSent(type(error).__name__) from error


async def _sent_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Takes aiohttp's own second try of a GET away: it would carry the same signature, and nobody would count it."""
    try:
        return await handler(request)
    except (aiohttp.ClientError, OSError) as error:
        if isinstance(error, TimeoutError):
            raise
        raise ConnectionBroke(type(error).__name__) from error


class AiohttpExchange:
    """``proxy`` is the address of an HTTP proxy for every request; the environment is not looked at."""

    def __init__(self, proxy: str | None = None) -> None:
        self._proxy = proxy
        self._sessions: dict[Pool, aiohttp.ClientSession] = {}

    async def send(
        self, pool: Pool, method: str, url: str, headers: Mapping[str, str], content: bytes | None, seconds: float
    ) -> HttpAnswer:
        """As the port says."""
        session = self._sessions.get(pool) or self._open(pool)
        limits = aiohttp.ClientTimeout(
            total=seconds + _BEYOND_CONNECTING_SECONDS, connect=min(seconds, _CONNECT_SECONDS), ceil_threshold=math.inf
        )
        try:
            async with session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=content,
                timeout=limits,
                proxy=self._proxy,
                allow_redirects=False,
            ) as response:
                return HttpAnswer(response.status, await _bounded_body(response))
        except TimeoutError as error:
            raise NoAnswer(type(error).__name__) from error
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionBroke(type(error).__name__) from error

    async def close(self) -> None:
        """Ends all connections. A later request makes new ones."""
        while self._sessions:
            await self._sessions.popitem()[1].close()

    def _open(self, pool: Pool) -> aiohttp.ClientSession:
        """A session of its own for every pool; made at its first request, because it belongs to a loop."""
        connector = _Connector(
            limit=CONNECTIONS_A_POOL, keepalive_timeout=_KEPT_IDLE_SECONDS, timeout_ceil_threshold=math.inf
        )
        session = self._sessions[pool] = aiohttp.ClientSession(
            connector=connector,
            headers=_HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(_sent_once,),
            trust_env=False,
        )
        return session


async def _bounded_body(response: aiohttp.ClientResponse) -> bytes:
    blocks: list[bytes] = []
    size = 0
    async for block in response.content.iter_any():
        size += len(block)
        if size > MOST_ANSWER_BYTES:
            raise ConnectionBroke(f"an answer of more than {MOST_ANSWER_BYTES} bytes")
        blocks.append(block)
    return blocks[0] if len(blocks) == 1 else b"".join(blocks)
