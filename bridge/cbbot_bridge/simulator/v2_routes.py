"""The older interface under ``/v2``, as far as clients of Advanced Trade still ask it: time, currencies, accounts."""

from __future__ import annotations

from decimal import Context
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cbbot.domain.timestamps import rfc3339, rfc3339_ms
from cbbot.venue.balances import Balance
from cbbot.venue.wire import decimal_text
from cbbot_bridge.simulator.account_routes import FIAT, account_uuid
from cbbot_bridge.simulator.error_answers import ApiError
from cbbot_bridge.simulator.portfolio_choice import portfolio_of
from cbbot_bridge.simulator.product_lookup import dollars, no_product
from cbbot_bridge.simulator.request_reading import bounded
from cbbot_bridge.simulator.request_world import world_of
from cbbot_bridge.simulator.world import World, identity

__all__ = ["account", "accounts", "cryptos", "exchange_rates", "fiats", "server_time", "spot_price"]

_USUAL_PAGE: Final = 25
_LARGEST_PAGE: Final = 300
_RATE: Final = Context(prec=20)
_EXPONENT: Final = 8


async def server_time(request: Request) -> Response:
    """``GET /v2/time``: the venue's clock in whole seconds; ``epoch`` is a number here."""
    seconds = world_of(request).now_ms() // 1000
    return JSONResponse({"data": {"iso": rfc3339(seconds * 1000), "epoch": seconds}})


def _names(world: World) -> dict[str, str]:
    """Names of the currencies that are traded."""
    names = {}
    for product in world.exchange.products.values():
        names[product.instrument.base_currency] = product.base_name
        names[product.instrument.quote_currency] = product.quote_name
    return names


async def fiats(request: Request) -> Response:
    """``GET /v2/currencies``."""
    found = [(code, name) for code, name in _names(world_of(request)).items() if code in FIAT]
    return JSONResponse({"data": [{"id": code, "name": name, "min_size": "0.01"} for code, name in found]})


async def cryptos(request: Request) -> Response:
    """``GET /v2/currencies/crypto``."""
    found = [(code, name) for code, name in _names(world_of(request)).items() if code not in FIAT]
    return JSONResponse({"data": [_crypto(code, name) for code, name in found]})


def _crypto(code: str, name: str) -> dict[str, object]:
    return {
        "asset_id": identity(f"asset {code}"),
        "code": code,
        "name": name,
        "color": "#000000",
        "sort_index": 100,
        "exponent": _EXPONENT,
        "type": "crypto",
        "address_regex": "",
    }


async def exchange_rates(request: Request) -> Response:
    """``GET /v2/exchange-rates``: how much of each one unit of ``currency`` (USD) buys."""
    world = world_of(request)
    now_ms, wanted = world.now_ms(), request.query_params.get("currency") or "USD"
    prices = {code: dollars(world, code, now_ms) for code in _names(world)}
    own = prices.get(wanted)
    if own is None:
        raise ApiError.not_found("currency argument is invalid - it has no market here")
    rates = {code: decimal_text(_RATE.divide(own, price)) for code, price in prices.items() if price}
    return JSONResponse({"data": {"currency": wanted, "rates": rates}})


async def spot_price(request: Request) -> Response:
    """``GET /v2/prices/{pair}/spot``, ``buy`` and ``sell``: the last price."""
    world = world_of(request)
    pair = request.path_params["pair"]
    market = world.market(pair)
    last = None if market is None else market.last_print(world.now_ms())
    if market is None or last is None:
        raise no_product(pair)
    base, _, quote = pair.partition("-")
    amount = decimal_text(last.price * market.instrument.price_increment)
    return JSONResponse({"data": {"amount": amount, "base": base, "currency": quote}})


def _record(world: World, portfolio: str, currency: str, balance: Balance) -> dict[str, object]:
    uuid = account_uuid(world, portfolio, currency)
    opened = rfc3339_ms(world.main.tape.series.start[0] * 1000)
    name = _names(world).get(currency, currency)
    kind = {"type": "fiat"} if currency in FIAT else {"type": "crypto", "asset_id": identity(f"asset {currency}")}
    return {
        "id": uuid,
        "name": f"{currency} Wallet",
        "primary": False,
        "type": "fiat" if currency in FIAT else "wallet",
        "currency": {"code": currency, "name": name, "color": "#000000", "sort_index": 100, "exponent": _EXPONENT}
        | kind,
        # This interface knows no holds: all of it.
        "balance": {"amount": decimal_text(balance.available + balance.hold), "currency": currency},
        "created_at": opened,
        "updated_at": opened,
        "resource": "account",
        "resource_path": f"/v2/accounts/{uuid}",
        "allow_deposits": True,
        "allow_withdrawals": True,
    }


def _records(request: Request) -> list[dict[str, object]]:
    world, portfolio = world_of(request), portfolio_of(request)
    wallets = world.exchange.balances(world.now_ms(), portfolio).items()
    return [_record(world, portfolio, currency, balance) for currency, balance in wallets]


async def accounts(request: Request) -> Response:
    """``GET /v2/accounts``: in pages that go on after the account ``starting_after``."""
    limit = bounded(request, "limit", _USUAL_PAGE, _LARGEST_PAGE)
    records, after = _records(request), request.query_params.get("starting_after", "")
    ids = [str(record["id"]) for record in records]
    if after and after not in ids:
        raise ApiError.invalid("starting_after argument is invalid")
    first = ids.index(after) + 1 if after else 0
    page = records[first : first + limit]
    following = ids[first + limit - 1] if first + limit < len(ids) else None
    uri = None if following is None else f"/v2/accounts?limit={limit}&starting_after={following}"
    pagination = {
        "ending_before": None,
        "starting_after": after or None,
        "previous_ending_before": None,
        "next_starting_after": following,
        "limit": limit,
        "order": "desc",
        "previous_uri": None,
        "next_uri": uri,
    }
    return JSONResponse({"pagination": pagination, "data": page})


async def account(request: Request) -> Response:
    """``GET /v2/accounts/{id}``: by its id, or by its currency."""
    wanted = request.path_params["id"]
    for record in _records(request):
        balance = record["balance"]
        if wanted == record["id"] or (isinstance(balance, dict) and wanted == balance["currency"]):
            return JSONResponse({"data": record})
    raise ApiError.not_found("account not found")
