"""Makes faults happen: stands before the application, holds requests and answers up, replaces and changes answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cbbot.process.guarded_connection import GuardedConnection
from cbbot_bridge.simulator.error_answers import html_error, too_many_requests, unauthorized
from cbbot_bridge.simulator.fault_changes import CHANGES
from cbbot_bridge.simulator.faults import Fault, PendingFaults

__all__ = ["FaultyGate", "HttpProtocol"]

_AGAIN: Final = "the-same-page-again"
_WORDS: Final = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ALREADY_EXISTS"}


class HttpProtocol(GuardedConnection):
    """A server's HTTP, with the connection at hand for a fault that cuts it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own
        self.app_state = {**self.app_state, "connection": transport}
        super().connection_made(transport)


class _Answer:
    """An answer of the application, kept back."""

    def __init__(self) -> None:
        self.start: Message = {}
        self.body = bytearray()

    async def take(self, message: Message) -> None:
        """As an ASGI ``send``."""
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")

    async def give(self, send: Send) -> None:
        """Send it on, its length put right."""
        headers = [(name, value) for name, value in self.start["headers"] if name != b"content-length"]
        headers.append((b"content-length", str(len(self.body)).encode()))
        await send({**self.start, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(self.body)})


class FaultyGate:
    """Stands before the application and lets faults happen."""

    def __init__(self, app: ASGIApp, pending: PendingFaults) -> None:
        self._app = app
        self._pending = pending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/sim/"):
            await self._app(scope, receive, send)
            return
        page = self._page_again(scope)
        if page is not None:
            await JSONResponse(page)(scope, receive, send)
            return
        fault = self._pending.take(scope["method"], scope["path"])
        if fault is None:
            await self._app(scope, receive, send)
            return
        await self._happen(fault, scope, receive, send)

    async def _happen(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(fault.delay_seconds)
        answer = _Answer()
        if fault.after_effect or not (fault.status or fault.cut):
            await self._app(scope, receive, answer.take)
        await asyncio.sleep(fault.answer_delay_seconds)
        if fault.cut:
            await _cut(scope, receive)
        elif fault.status:
            await _replacement(fault)(scope, receive, send)
        else:
            self._change(fault, scope, answer)
            await answer.give(send)

    def _change(self, fault: Fault, scope: Scope, answer: _Answer) -> None:
        if not fault.change or answer.start["status"] != 200:
            return
        if fault.change == "truncated":
            del answer.body[len(answer.body) // 2 :]
            return
        body: dict[str, Any] = json.loads(answer.body)
        if fault.change == "page_twice":
            self._pending.pages[scope["path"]] = body
            body = body | {"cursor": _AGAIN} | ({"has_next": True} if "has_next" in body else {})
        else:
            answer.start["status"], body = CHANGES[fault.change].make(body, fault.offset_seconds)
        answer.body[:] = json.dumps(body).encode()

    def _page_again(self, scope: Scope) -> dict[str, Any] | None:
        cursors = parse_qs(scope["query_string"].decode("latin-1")).get("cursor")
        return self._pending.pages.pop(scope["path"], None) if cursors == [_AGAIN] else None


def _replacement(fault: Fault) -> Response:
    if fault.body == "empty":
        return Response(status_code=fault.status)
    if fault.body == "html":
        return html_error(fault.status)
    if fault.status == 429:
        return too_many_requests("json")
    if fault.status == 401 and fault.body == "usual":
        return unauthorized()
    word = "INTERNAL" if fault.status >= 500 else _WORDS.get(fault.status, "unknown")
    words = "Missing required scopes" if fault.status == 403 else "fault on demand"
    return JSONResponse({"error": word, "error_details": words, "message": words}, fault.status)


async def _cut(scope: Scope, receive: Receive) -> None:
    """End the connection, and wait until uvicorn knows, which would answer otherwise."""
    scope["state"]["connection"].abort()
    while (await receive())["type"] != "http.disconnect":
        pass
