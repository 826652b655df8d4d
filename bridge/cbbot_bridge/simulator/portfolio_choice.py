"""Whose portfolio a request is about: that of the caller's key. Without keys anybody may name any."""

from __future__ import annotations

from starlette.requests import Request

from cbbot_bridge.simulator.auth import caller_of
from cbbot_bridge.simulator.error_answers import ApiError, world_of
from cbbot_bridge.simulator.request_reading import Fields

__all__ = ["portfolio_of"]

_FIELD = "retail_portfolio_id"


def portfolio_of(request: Request, body: Fields | None = None) -> str:
    """The portfolio's uuid; the body or the query may name it.

    Raises:
        ApiError: there is no such portfolio, or it is not the key's.
    """
    exchange, caller = world_of(request).exchange, caller_of(request)
    own = next((uuid for uuid, item in exchange.portfolios.items() if item.name == caller.portfolio), None)
    own = own or exchange.default_portfolio
    named = request.query_params.get(_FIELD, "")
    if body is not None and _FIELD in body and body.values[_FIELD] != "":
        named = body.text(_FIELD)
    if named in ("", own):
        return own
    if named not in exchange.portfolios:
        raise ApiError.invalid(f"{_FIELD} argument is invalid - there is no such portfolio")
    if caller.name:
        raise ApiError(403, "PERMISSION_DENIED", "the key is bound to another portfolio")
    return named
