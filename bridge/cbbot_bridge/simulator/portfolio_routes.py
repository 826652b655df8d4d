"""Portfolios over REST: list, make, rename, delete, what is in one, and moving funds between them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any, Final, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cbbot.domain.decimals import parse_decimal
from cbbot.errors import BadInput
from cbbot.venue.balances import Balance
from cbbot.venue.portfolios import Portfolio, PortfolioRefused
from cbbot.venue.wire import decimal_text
from cbbot_bridge.simulator.account_routes import FIAT, account_uuid
from cbbot_bridge.simulator.auth import caller_of
from cbbot_bridge.simulator.error_answers import ApiError, world_of
from cbbot_bridge.simulator.portfolio_choice import portfolio_of
from cbbot_bridge.simulator.product_lookup import dollars
from cbbot_bridge.simulator.request_reading import choices, known_only, read_fields
from cbbot_bridge.simulator.state_file import StateFile
from cbbot_bridge.simulator.world import World

__all__ = [
    "create_portfolio",
    "delete_portfolio",
    "edit_portfolio",
    "move_funds",
    "portfolio_breakdown",
    "portfolios",
]

_TYPES: Final = frozenset({"UNDEFINED", "DEFAULT", "CONSUMER", "INTX"})
_WIDE: Final = Context(prec=40)
_DOLLARS: Final = ("USD", "USDC")


def _record(item: Portfolio) -> dict[str, object]:
    return {"name": item.name, "uuid": item.uuid, "type": item.type, "deleted": False}


def _changed(change: Callable[[], Portfolio | None]) -> Portfolio | None:
    try:
        return change()
    except PortfolioRefused as refusal:
        status = {"NOT_FOUND": 404, "PERMISSION_DENIED": 403}.get(refusal.code, 400)
        raise ApiError(status, refusal.code, str(refusal)) from refusal


async def _saved(request: Request, body: dict[str, object]) -> Response:
    await cast("StateFile", request.app.state.state_file).save()
    return JSONResponse(body)


def _seen(request: Request) -> list[Portfolio]:
    """A key sees its own portfolio; the default one's sees all, as does everybody where no key is wanted."""
    found = list(world_of(request).exchange.portfolios.values())
    return [item for item in found if caller_of(request).portfolio in ("", item.uuid)]


async def portfolios(request: Request) -> Response:
    """``GET /portfolios``."""
    known_only(request, ("portfolio_type",))
    wanted = [kind for kind in choices(request, "portfolio_type", _TYPES) if kind != "UNDEFINED"]
    found = [_record(item) for item in _seen(request) if not wanted or item.type in wanted]
    return JSONResponse({"portfolios": found})


async def create_portfolio(request: Request) -> Response:
    """``POST /portfolios``."""
    world = world_of(request)
    name = (await read_fields(request)).text("name")
    made = _changed(lambda: world.exchange.create_portfolio(name, world.now_ms()))
    return await _saved(request, {"portfolio": _record(cast("Portfolio", made))})


async def edit_portfolio(request: Request) -> Response:
    """``PUT /portfolios/{uuid}``: another name."""
    exchange, uuid = world_of(request).exchange, _own(request)
    name = (await read_fields(request)).text("name")
    renamed = _changed(lambda: exchange.rename_portfolio(uuid, name))
    return await _saved(request, {"portfolio": _record(cast("Portfolio", renamed))})


async def delete_portfolio(request: Request) -> Response:
    """``DELETE /portfolios/{uuid}``: an empty one."""
    exchange, uuid = world_of(request).exchange, _own(request)
    _changed(lambda: exchange.delete_portfolio(uuid))
    return await _saved(request, {})


def _own(request: Request) -> str:
    uuid = str(request.path_params["uuid"])
    if uuid not in {item.uuid for item in _seen(request)}:
        raise ApiError.not_found("portfolio not found")
    return uuid


async def move_funds(request: Request) -> Response:
    """``POST /portfolios/move_funds``."""
    world = world_of(request)
    body = await read_fields(request)
    funds = body.inner("funds")
    currency, source = funds.text("currency"), body.text("source_portfolio_uuid")
    target = body.text("target_portfolio_uuid")
    try:
        amount = parse_decimal(funds.decimal("value"))
    except BadInput as error:
        raise funds.refuse("value") from error
    if caller_of(request).portfolio and source != portfolio_of(request):
        raise ApiError(403, "PERMISSION_DENIED", "the key is bound to another portfolio")
    _changed(lambda: world.exchange.move_funds(currency, amount, source, target, world.now_ms()))
    return await _saved(request, {"source_portfolio_uuid": source, "target_portfolio_uuid": target})


async def portfolio_breakdown(request: Request) -> Response:
    """``GET /portfolios/{uuid}``: its balances, and what they are worth. Some figures are JSON doubles there."""
    known_only(request, ("currency",))
    world, uuid = world_of(request), _own(request)
    wanted = request.query_params.get("currency") or "USD"
    if wanted not in _DOLLARS:
        raise ApiError.invalid(f"currency argument is invalid - {' or '.join(_DOLLARS)} is known here")
    now_ms = world.now_ms()
    worth = {
        currency: _worth(world, currency, balance, now_ms)
        for currency, balance in world.exchange.balances(now_ms, uuid).items()
    }
    total = sum((total for total, _, _ in worth.values()), Decimal(0))
    cash = sum((total for currency, (total, _, _) in worth.items() if currency in FIAT), Decimal(0))
    amounts = {
        "total_balance": total,
        "total_futures_balance": Decimal(0),
        "total_cash_equivalent_balance": cash,
        "total_crypto_balance": total - cash,
        "futures_unrealized_pnl": Decimal(0),
        "perp_unrealized_pnl": Decimal(0),
    }
    return JSONResponse(
        {
            "breakdown": {
                "portfolio": _record(world.exchange.portfolios[uuid]),
                "portfolio_balances": {name: _amount(value, wanted) for name, value in amounts.items()},
                "spot_positions": [
                    _position(world, uuid, currency, figures, total) for currency, figures in worth.items()
                ],
                "perp_positions": [],
                "futures_positions": [],
            }
        }
    )


_Worth = tuple[Decimal, Decimal, Balance]
"""What all and what is available are worth in dollars, and the balance itself."""


def _worth(world: World, currency: str, balance: Balance, now_ms: int) -> _Worth:
    price = dollars(world, currency, now_ms) or Decimal(0)
    return _WIDE.multiply(balance.available + balance.hold, price), _WIDE.multiply(balance.available, price), balance


def _amount(value: Decimal, currency: str) -> dict[str, str]:
    return {"value": decimal_text(round(value, 8)), "currency": currency}


def _position(world: World, uuid: str, currency: str, figures: _Worth, total: Decimal) -> dict[str, Any]:
    all_of_it, available, balance = figures
    # Coinbase sends these as doubles; nothing here computes with them.
    return {
        "asset": currency,
        "account_uuid": account_uuid(world, uuid, currency),
        "total_balance_fiat": float(all_of_it),
        "total_balance_crypto": float(balance.available + balance.hold),
        "available_to_trade_fiat": float(available),
        "allocation": float(_WIDE.divide(all_of_it, total)) if total else 0.0,
        "cost_basis": _amount(Decimal(0), "USD"),
        "asset_img_url": "",
        "is_cash": currency in FIAT,
        "average_entry_price": _amount(Decimal(0), "USD"),
        "asset_uuid": "",
        "available_to_trade_crypto": float(balance.available),
        "unrealized_pnl": 0.0,
        "available_to_transfer_fiat": float(available),
        "available_to_transfer_crypto": float(balance.available),
        "asset_color": "",
        "account_type": "ACCOUNT_TYPE_FIAT" if currency in FIAT else "ACCOUNT_TYPE_CRYPTO",
    }
