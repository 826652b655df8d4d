"""Answers in Coinbase's shapes: errors, and the reading of query strings that leads to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from cbbot_bridge.simulator.world import World

__all__ = ["ApiError", "Endpoint", "api_error_response", "integer", "repeated", "unauthorized", "world_of"]

Endpoint = Callable[[Request], Awaitable[Response]]


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


def world_of(request: Request) -> World:
    """The world this application serves."""
    return cast("World", request.app.state.world)


def integer(request: Request, name: str, default: int | None = None) -> int:
    """A whole number of a query string; without a default it is required."""
    text = request.query_params.get(name, "")
    if not text and default is not None:
        return default
    # More digits than a count of seconds has are milliseconds, or nonsense.
    if not (text.isascii() and text.isdecimal() and len(text) <= 11):
        raise ApiError.invalid(f"{name} argument is invalid")
    return int(text)


def repeated(request: Request, *names: str) -> list[str]:
    """All values of a repeated key, under any of its names (``product_ids``, ``product_id``)."""
    return [value for name in names for value in request.query_params.getlist(name) if value]
