"""The customer over REST: accounts, fees, permissions of the key; and the v2 stubs that clients ask for."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cbbot.domain.timestamps import rfc3339_ms
from cbbot.venue.balances import Balance
from cbbot.venue.wire import decimal_text
from cbbot_bridge.simulator.error_answers import ApiError, integer, world_of
from cbbot_bridge.simulator.world import World, identity

__all__ = ["account", "accounts", "empty_list", "exchange_rates", "key_permissions", "transaction_summary"]

_DEFAULT_PAGE = 49
_LARGEST_PAGE = 250
_FIAT = ("USD", "EUR", "GBP")


def _record(world: World, currency: str, balance: Balance, now_ms: int) -> dict[str, object]:
    opened = rfc3339_ms(world.tape.series.start[0] * 1000)
    return {
        "uuid": identity(currency),
        "name": f"{currency} Wallet",
        "currency": currency,
        "available_balance": {"value": decimal_text(balance.available), "currency": currency},
        "default": True,
        "active": True,
        "created_at": opened,
        "updated_at": rfc3339_ms(now_ms),
        "deleted_at": None,
        "type": "ACCOUNT_TYPE_FIAT" if currency in _FIAT else "ACCOUNT_TYPE_CRYPTO",
        "ready": True,
        "hold": {"value": decimal_text(balance.hold), "currency": currency},
        "retail_portfolio_id": world.portfolio,
        "platform": "ACCOUNT_PLATFORM_CONSUMER",
    }


def _records(world: World) -> list[dict[str, object]]:
    now_ms = world.now_ms()
    world.feed(now_ms)
    return [_record(world, currency, balance, now_ms) for currency, balance in world.exchange.balances(now_ms).items()]


async def accounts(request: Request) -> Response:
    """``GET /accounts``: wallets, in pages."""
    limit = integer(request, "limit", _DEFAULT_PAGE)
    if not 1 <= limit <= _LARGEST_PAGE:
        raise ApiError.invalid("limit argument is invalid")
    offset = integer(request, "cursor", 0)
    records = _records(world_of(request))
    page = records[offset : offset + limit]
    more = offset + limit < len(records)
    cursor = str(offset + limit) if more else ""
    return JSONResponse({"accounts": page, "has_next": more, "cursor": cursor, "size": len(page)})


async def account(request: Request) -> Response:
    """``GET /accounts/{uuid}``."""
    for record in _records(world_of(request)):
        if record["uuid"] == request.path_params["uuid"]:
            return JSONResponse({"account": record})
    raise ApiError.not_found("account not found")


async def transaction_summary(request: Request) -> Response:
    """``GET /transaction_summary``: the fee tier, and what has been traded. Some figures are JSON doubles there."""
    world = world_of(request)
    settings = world.settings
    orders = list(world.exchange.orders(world.now_ms()))
    money = settings.instrument.money
    fees, volume = money(sum(order.commission for order in orders)), money(sum(order.value for order in orders))
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
    """``GET /key_permissions``: may look and trade, may not transfer."""
    portfolio = world_of(request).portfolio
    return JSONResponse(
        {
            "can_view": True,
            "can_trade": True,
            "can_transfer": False,
            "portfolio_uuid": portfolio,
            "portfolio_type": "DEFAULT",
        }
    )


async def empty_list(_request: Request) -> Response:
    """``GET /v2/currencies`` and ``/v2/currencies/crypto``: nothing to tell."""
    return JSONResponse({"data": []})


async def exchange_rates(_request: Request) -> Response:
    """``GET /v2/exchange-rates``: nothing to tell."""
    return JSONResponse({"data": {"currency": "USD", "rates": {}}})
