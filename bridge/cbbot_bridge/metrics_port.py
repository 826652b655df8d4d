"""A port of the bridge on which nothing but its metrics is answered, for those who may scrape it and no more."""

from __future__ import annotations

from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from cbbot.contract.bridge_errors import BridgeErrorCode, ErrorAnswer, ErrorDetail

__all__ = ["MetricsPort"]

_PATH: Final = "/metrics"
_REFUSAL: Final = ErrorAnswer(
    error=ErrorDetail(code=BridgeErrorCode.NOT_FOUND.value, message=f"this port serves {_PATH} alone")
).model_dump(exclude_none=True)


class MetricsPort:
    """ASGI middleware around a whole application that is served on ``port`` too."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["server"][1] == self._port and scope["path"] != _PATH:
            await JSONResponse(_REFUSAL, 404)(scope, receive, send)
        else:
            await self._app(scope, receive, send)
