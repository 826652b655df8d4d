"""Which endpoint answers which request, and what its caller needs for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cbbot_bridge.simulator import account_routes, control, market_routes, order_routes, stream_control
from cbbot_bridge.simulator.api_keys import Permission
from cbbot_bridge.simulator.auth import Signatures
from cbbot_bridge.simulator.error_answers import ApiError, Endpoint
from cbbot_bridge.simulator.faults import API_ROOT
from cbbot_bridge.simulator.rate_limits import RateLimits

__all__ = ["ENDPOINTS", "Served", "api_routes", "control_routes"]

_MARKET: Final = f"{API_ROOT}/market"


class Served(NamedTuple):
    """An endpoint. ``needs`` is the permission of a private one, None for a public one."""

    method: str
    path: str
    endpoint: Endpoint
    needs: Permission | None = Permission.VIEW


async def _not_here(request: Request) -> Response:
    """What Coinbase has and this look-alike has not."""
    raise ApiError(501, "UNIMPLEMENTED", f"the simulator does not know {request.method} {request.url.path}")


def _public() -> Iterator[Served]:
    yield Served("GET", f"{API_ROOT}/time", market_routes.server_time, None)
    yield Served("GET", f"{_MARKET}/products", market_routes.products, None)
    yield Served("GET", f"{_MARKET}/products/{{product_id}}", market_routes.product, None)
    yield Served("GET", f"{_MARKET}/products/{{product_id}}/candles", market_routes.candles, None)
    yield Served("GET", f"{_MARKET}/products/{{product_id}}/ticker", market_routes.ticker, None)
    yield Served("GET", f"{_MARKET}/product_book", market_routes.product_book, None)
    yield Served("GET", "/v2/currencies", account_routes.empty_list, None)
    yield Served("GET", "/v2/currencies/crypto", account_routes.empty_list, None)
    yield Served("GET", "/v2/exchange-rates", account_routes.exchange_rates, None)


def _private() -> Iterator[Served]:
    for path, endpoint in {
        "/products": market_routes.products,
        "/products/{product_id}": market_routes.product,
        "/products/{product_id}/candles": market_routes.candles,
        "/products/{product_id}/ticker": market_routes.ticker,
        "/product_book": market_routes.product_book,
        "/best_bid_ask": market_routes.best_bid_ask,
        "/accounts": account_routes.accounts,
        "/accounts/{uuid}": account_routes.account,
        "/transaction_summary": account_routes.transaction_summary,
        "/key_permissions": account_routes.key_permissions,
        "/orders/historical/batch": order_routes.orders,
        "/orders/historical/fills": order_routes.fills,
        "/orders/historical/{order_id}": order_routes.order,
    }.items():
        yield Served("GET", API_ROOT + path, endpoint)
    yield Served("POST", f"{API_ROOT}/orders", order_routes.create_order, Permission.TRADE)
    yield Served("POST", f"{API_ROOT}/orders/batch_cancel", order_routes.cancel_orders, Permission.TRADE)


def _absent() -> Iterator[Served]:
    """Coinbase's endpoints for what a simulated spot account has not."""
    for method, path in (
        ("GET", "/payment_methods"),
        ("GET", "/payment_methods/{id}"),
        ("POST", "/convert/quote"),
        ("GET", "/convert/trade/{id}"),
        ("POST", "/convert/trade/{id}"),
        ("POST", "/orders/close_position"),
        ("GET", "/cfm/balance_summary"),
        ("GET", "/cfm/positions"),
        ("GET", "/cfm/positions/{product_id}"),
    ):
        yield Served(method, API_ROOT + path, _not_here)


ENDPOINTS: Final = (*_public(), *_private(), *_absent())
"""Every endpoint of Coinbase's that is answered, in the order in which paths are tried."""


def api_routes(signatures: Signatures, limits: RateLimits) -> list[BaseRoute]:
    """Coinbase's endpoints behind the checks of signatures, permissions and rates."""

    def guarded(served: Served) -> Endpoint:
        if served.needs is None:
            return limits.public(served.endpoint)
        return signatures.private(limits.private(served.endpoint), served.needs)

    return [Route(served.path, guarded(served), methods=[served.method]) for served in ENDPOINTS]


def control_routes() -> list[BaseRoute]:
    """The simulation's own endpoints, which nobody signs for."""
    posts: dict[str, Callable[[Request], object]] = {
        "/sim/advance": control.advance,
        "/sim/faults": control.set_fault,
        "/sim/sockets/close": stream_control.close_sockets,
        "/sim/sockets/faults": stream_control.set_stream_fault,
    }
    return [
        Route("/sim/status", control.status),
        Route("/sim/faults", control.clear_faults, methods=["DELETE"]),
        Route("/sim/sockets/faults", stream_control.clear_stream_faults, methods=["DELETE"]),
        *(Route(path, endpoint, methods=["POST"]) for path, endpoint in posts.items()),
    ]
