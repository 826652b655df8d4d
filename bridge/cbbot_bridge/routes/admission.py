"""What a request passes before its endpoint: who may wait for Coinbase, and for how long.

A read ends when whoever asked has gone: what it waits for upstream is given back. A request that changes something runs
to its end, so that its outcome is known to the log at least.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from cbbot_bridge.assembly import Bridge
from cbbot_bridge.routes.requests import turned_away_is_recorded

__all__ = ["MarketRoute", "TokenRoute"]

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

# Nobody sees it but the metrics; nginx counts such requests by the same number.
_CLIENT_GONE: Final = 499


class TokenRoute(APIRoute):
    """The token is looked at before anything else of the request is read."""

    def get_route_handler(self) -> Handler:
        answer = super().get_route_handler()

        async def admitted(request: Request) -> Response:
            bridge: Bridge = request.app.state.bridge
            with turned_away_is_recorded(request):
                bridge.access.require(request.headers.get("authorization"))
            return await (_while_connected(request, answer) if request.method == "GET" else answer(request))

        return admitted


class MarketRoute(APIRoute):
    """Open to everybody; those who show no token share a few places."""

    def get_route_handler(self) -> Handler:
        answer = super().get_route_handler()

        async def admitted(request: Request) -> Response:
            bridge: Bridge = request.app.state.bridge
            if bridge.access.knows(request.headers.get("authorization")):
                return await _while_connected(request, answer)
            with bridge.strangers.one():
                return await _while_connected(request, answer)

        return admitted


async def _while_connected(request: Request, answer: Handler) -> Response:
    answered = asyncio.ensure_future(answer(request))
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({answered, gone}, return_when=asyncio.FIRST_COMPLETED)
        return answered.result() if answered.done() else Response(status_code=_CLIENT_GONE)
    finally:
        answered.cancel()
        gone.cancel()
        await asyncio.gather(answered, gone, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
