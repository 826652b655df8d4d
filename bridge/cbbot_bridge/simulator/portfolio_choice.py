"""Whose portfolio a request is about: that of the caller's key. Without keys anybody may name any."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request

from cbbot.errors import BadInput
from cbbot.venue.portfolios import PortfolioRefused
from cbbot_bridge.simulator.auth import caller_of
from cbbot_bridge.simulator.error_answers import ApiError, world_of
from cbbot_bridge.simulator.request_reading import Fields
from cbbot_bridge.simulator.world import World

__all__ = ["open_portfolios", "portfolio_of"]

_FIELD = "retail_portfolio_id"


def portfolio_of(request: Request, body: Fields | None = None) -> str:
    """The portfolio's uuid; the body or the query may name it.

    Raises:
        ApiError: there is no such portfolio, or it is not the key's.
    """
    exchange, caller = world_of(request).exchange, caller_of(request)
    own = caller.portfolio or exchange.default_portfolio
    if own not in exchange.portfolios:
        raise ApiError(403, "PERMISSION_DENIED", "the portfolio that the key is bound to is gone")
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


def open_portfolios(world: World, names: Iterable[str]) -> dict[str, str]:
    """The uuids of portfolios by name; those that are not there are made.

    Raises:
        BadInput: one cannot be made.
    """
    found = {item.name: uuid for uuid, item in world.exchange.portfolios.items()}
    for name in dict.fromkeys(names):
        if name not in found:
            try:
                found[name] = world.exchange.create_portfolio(name, world.now_ms()).uuid
            except PortfolioRefused as refusal:
                raise BadInput(f"--keys-file: portfolio {name!r}: {refusal}") from refusal
    return found
