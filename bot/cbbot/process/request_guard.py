"""What no request may do, whoever sends it: carry a body that nothing needs, or reach this machine by another's name.

A web page can have its own name resolved to 127.0.0.1 and then speaks, in a browser, to what listens there. A server on
loopback therefore answers only to names of loopback.
"""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cbbot.process.loopback import is_loopback

__all__ = ["MOST_BODY_BYTES", "RequestGuard"]

MOST_BODY_BYTES: Final = 65_536

_TOO_LARGE: Final = f"the body is larger than {MOST_BODY_BYTES} bytes"
# What is still on its way is not read: the connection ends.
_CLOSE: Final = {"Connection": "close"}


class RequestGuard:
    """ASGI middleware around a whole application. ``loopback_names_only`` is set once it is known who can connect."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.loopback_names_only = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if self.loopback_names_only and host and not is_loopback(_hostname(host)):
            await self._refuse_name(scope, receive, send)
        elif scope["type"] == "http" and _length(headers.get(b"content-length", b"")) > MOST_BODY_BYTES:
            await _answer(send, 413, "body_too_large", _TOO_LARGE)
        else:
            await self._app(scope, _bounded(receive) if b"transfer-encoding" in headers else receive, send)

    async def _refuse_name(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        message = (
            "this server listens on loopback and answers to localhost, 127.0.0.1 and [::1] only: see the Host header"
        )
        await _answer(send, 421, "wrong_host", message)


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:  # a bracket that is never closed
        return ""


def _length(text: bytes) -> int:
    # More digits than any length has are not turned into a number, which Python would refuse.
    return int(text[:19]) if text.isdigit() else 0


def _bounded(receive: Receive) -> Receive:
    """For a body that does not say how long it is."""
    seen = 0

    async def received() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MOST_BODY_BYTES:
            raise HTTPException(413, _TOO_LARGE, headers=_CLOSE)
        return message

    return received


async def _answer(send: Send, status: int, code: str, message: str) -> None:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **_CLOSE}
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
