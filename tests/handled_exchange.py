"""The bridge's port to HTTP, answered by a function from ``httpx.Request`` to ``httpx.Response``.

An exception that the function raises means what it means to httpx.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping

import httpx

from cbbot_bridge.coinbase.http_exchange import ConnectionBroke, HttpAnswer, NoAnswer, NotSent, Pool

__all__ = ["HandledExchange", "Handler"]

Handler = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


class HandledExchange:
    """``pools`` tells which connections each request would have taken."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.pools: list[Pool] = []

    async def send(
        self, pool: Pool, method: str, url: str, headers: Mapping[str, str], content: bytes | None, seconds: float
    ) -> HttpAnswer:
        self.pools.append(pool)
        try:
            async with asyncio.timeout(seconds):
                response = self._handler(httpx.Request(method, url, headers=headers, content=content))
                if inspect.isawaitable(response):
                    response = await response
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotSent(type(error).__name__) from error
        except (httpx.TimeoutException, TimeoutError) as error:
            raise NoAnswer(type(error).__name__) from error
        except httpx.RequestError as error:
            raise ConnectionBroke(type(error).__name__) from error
        return HttpAnswer(response.status_code, response.content)

    async def close(self) -> None:
        return
