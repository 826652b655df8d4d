"""What HTTP asks of every path: HEAD wherever GET works, and a 405 that names all methods there are.

FastAPI registers a GET without its HEAD, and with several routes at one path its 405 names those of the first alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HttpMethods"]

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class HttpMethods:
    """ASGI middleware; ``routes`` are the application's, looked at when a method is not allowed."""

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "HEAD":
            await self._head(scope, receive, self._naming_methods(scope, send))
        else:
            await self._app(scope, receive, self._naming_methods(scope, send))

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The GET's status and headers. A GET that goes on for ever is ended once it has begun to answer."""
        goes_on = asyncio.Event()

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
            elif not goes_on.is_set():
                await send({"type": "http.response.body"})
                if message.get("more_body", False):
                    goes_on.set()

        asked = asyncio.ensure_future(self._app({**scope, "method": "GET"}, receive, without_body))
        going_on = asyncio.ensure_future(goes_on.wait())
        try:
            await asyncio.wait({asked, going_on}, return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                asked.result()
        finally:
            asked.cancel()
            going_on.cancel()
            await asyncio.gather(asked, going_on, return_exceptions=True)

    def _naming_methods(self, scope: Scope, send: Send) -> Send:
        async def named(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 405:
                others = [(name, value) for name, value in message["headers"] if name.lower() != b"allow"]
                message = {**message, "headers": [*others, (b"allow", ", ".join(self._allowed(scope)).encode())]}
            await send(message)

        return named

    def _allowed(self, scope: Scope) -> list[str]:
        found = [
            method
            for method in _METHODS
            if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in self._routes)
        ]
        return ["GET", "HEAD", *found[1:]] if found[:1] == ["GET"] else found
