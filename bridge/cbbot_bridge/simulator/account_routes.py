"""The customer over REST: accounts, fees, permissions of the key."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cbbot.domain.timestamps import rfc3339_ms
from cbbot.venue.balances import Balance
from cbbot.venue.wire import decimal_text
from cbbot_bridge.simulator.api_keys import Permission
from cbbot_bridge.simulator.auth import caller_of
from cbbot_bridge.simulator.error_answers import ApiError, world_of
from cbbot_bridge.simulator.portfolio_choice import portfolio_of
from cbbot_bridge.simulator.request_reading import bounded, choices, integer, known_only
from cbbot_bridge.simulator.world import World, identity

__all__ = ["FIAT", "account", "account_uuid", "accounts", "key_permissions", "transaction_summary"]

FIAT: Final = frozenset({"USD", "EUR", "GBP"})
"""Currencies that are no crypto asset."""

_DEFAULT_PAGE = 49
_LARGEST_PAGE = 250
_PRODUCT_TYPES: Final = frozenset({"UNKNOWN_PRODUCT_TYPE", "SPOT", "FUTURE"})


def account_uuid(world: World, portfolio: str, currency: str) -> str:
    """The account of a currency; each portfolio has its own."""
    return identity(currency if portfolio == world.exchange.default_portfolio else f"{portfolio} {currency}")


def _record(world: World, portfolio: str, currency: str, balance: Balance, now_ms: int) -> dict[str, object]:
    opened = rfc3339_ms(world.main.tape.series.start[0] * 1000)
    return {
        "uuid": account_uuid(world, portfolio, currency),
        "name": f"{currency} Wallet",
        "currency": currency,
        "available_balance": {"value": decimal_text(balance.available), "currency": currency},
        "default": True,
        "active": True,
        "created_at": opened,
        "updated_at": rfc3339_ms(now_ms),
        "deleted_at": None,
        "type": "ACCOUNT_TYPE_FIAT" if currency in FIAT else "ACCOUNT_TYPE_CRYPTO",
        "ready": True,
        "hold": {"value": decimal_text(balance.hold), "currency": currency},
        "retail_portfolio_id": portfolio,
        "platform": "ACCOUNT_PLATFORM_CONSUMER",
    }


def _records(request: Request) -> list[dict[str, object]]:
    world, portfolio = world_of(request), portfolio_of(request)
    now_ms = world.now_ms()
    wallets = world.exchange.balances(now_ms, portfolio).items()
    return [_record(world, portfolio, currency, balance, now_ms) for currency, balance in wallets]


async def accounts(request: Request) -> Response:
    """``GET /accounts``: wallets, in pages."""
    known_only(request, ("limit", "cursor", "retail_portfolio_id"))
    limit = bounded(request, "limit", _DEFAULT_PAGE, _LARGEST_PAGE)
    offset = integer(request, "cursor", 0)
    records = _records(request)
    page = records[offset : offset + limit]
    more = offset + limit < len(records)
    cursor = str(offset + limit) if more else ""
    return JSONResponse({"accounts": page, "has_next": more, "cursor": cursor, "size": len(page)})


async def account(request: Request) -> Response:
    """``GET /accounts/{uuid}``."""
    for record in _records(request):
        if record["uuid"] == request.path_params["uuid"]:
            return JSONResponse({"account": record})
    raise ApiError.not_found("account not found")


async def transaction_summary(request: Request) -> Response:
    """``GET /transaction_summary``: the fee tier, and what has been traded. Some figures are JSON doubles there."""
    world = world_of(request)
    settings = world.settings
    fees = volume = Decimal(0)
    of_spot = "FUTURE" not in choices(request, "product_type", _PRODUCT_TYPES)
    for order in world.exchange.orders(world.now_ms()) if of_spot else ():
        money = world.exchange.products[order.product_id].instrument.money
        fees, volume = fees + money(order.commission), volume + money(order.value)
    return JSONResponse(
        {
            # Coinbase sends these as doubles; nothing here computes with them.
            "total_fees": float(fees),
            "total_volume": float(volume),
            "advanced_trade_only_volume": float(volume),
            "advanced_trade_only_fees": float(fees),
            "coinbase_pro_volume": 0.0,
            "coinbase_pro_fees": 0.0,
            "fee_tier": {
                "pricing_tier": "Intro 1",
                "taker_fee_rate": decimal_text(settings.taker_rate),
                "maker_fee_rate": decimal_text(settings.maker_rate),
                "aop_from": "",
                "aop_to": "",
                "volume_types_and_range": [],
            },
            "margin_rate": None,
            "goods_and_services_tax": None,
            "total_balance": "",
            "volume_breakdown": [],
            "has_cost_plus_commission": False,
        }
    )


async def key_permissions(request: Request) -> Response:
    """``GET /key_permissions``: what the key that asks may do."""
    permissions, portfolio = caller_of(request).permissions, portfolio_of(request)
    kind = world_of(request).exchange.portfolios[portfolio].type
    return JSONResponse(
        {
            "can_view": Permission.VIEW in permissions,
            "can_trade": Permission.TRADE in permissions,
            "can_transfer": Permission.TRANSFER in permissions,
            "portfolio_uuid": portfolio,
            "portfolio_type": kind,
        }
    )
