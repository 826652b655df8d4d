"""Errors in Coinbase's shapes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, cast

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from cbbot_bridge.simulator.world import World

__all__ = [
    "LIMIT_BODIES",
    "ApiError",
    "Endpoint",
    "api_error_response",
    "html_error",
    "missing_scopes",
    "too_many_requests",
    "unauthorized",
    "world_of",
]

Endpoint = Callable[[Request], Awaitable[Response]]

LIMIT_BODIES: Final = ("json", "empty", "html")
"""The bodies in which a 429 has been seen."""


class ApiError(Exception):
    """A request that is answered with an HTTP error. ``error`` is Coinbase's word for it."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message

    @classmethod
    def invalid(cls, message: str) -> ApiError:
        """400: the request itself is wrong."""
        return cls(400, "INVALID_ARGUMENT", message)

    @classmethod
    def not_found(cls, message: str) -> ApiError:
        """404."""
        return cls(404, "NOT_FOUND", message)


async def api_error_response(_request: Request, error: Exception) -> Response:
    """The answer to an :class:`ApiError`."""
    assert isinstance(error, ApiError)  # noqa: S101 - tells mypy what Starlette's handler table already ensures
    body = {"error": error.error, "error_details": error.message, "message": error.message}
    return JSONResponse(body, error.status)


def unauthorized() -> Response:
    """Coinbase's 401 is text, no JSON."""
    return PlainTextResponse("Unauthorized", 401)


def missing_scopes() -> ApiError:
    """The key is good and may not do this."""
    return ApiError(403, "PERMISSION_DENIED", "Missing required scopes")


def too_many_requests(body: str) -> Response:
    """A 429 with one of :data:`LIMIT_BODIES`."""
    if body == "empty":
        return Response(status_code=429)
    if body == "html":
        return html_error(429)
    return JSONResponse({"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]}, 429)


def html_error(status: int) -> Response:
    """What a proxy before the exchange answers in its place."""
    return HTMLResponse(f"<html><body><h1>{status}</h1></body></html>", status)


def world_of(request: Request) -> World:
    """The world this application serves."""
    return cast("World", request.app.state.world)
