"""Which endpoint answers which request, and what its caller needs for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cbbot_bridge.simulator import (
    account_routes,
    adjustments,
    book_routes,
    control,
    market_routes,
    order_listings,
    order_routes,
    portfolio_routes,
    stream_control,
    v2_routes,
)
from cbbot_bridge.simulator.api_keys import Permission
from cbbot_bridge.simulator.auth import Signatures
from cbbot_bridge.simulator.error_answers import ApiError, Endpoint
from cbbot_bridge.simulator.faults import API_ROOT
from cbbot_bridge.simulator.rate_limits import RateLimits

__all__ = ["ENDPOINTS", "Served", "api_routes", "control_routes", "not_here"]

_MARKET: Final = f"{API_ROOT}/market"


class Served(NamedTuple):
    """An endpoint. ``needs`` is the permission of a private one, None for a public one."""

    method: str
    path: str
    endpoint: Endpoint
    needs: Permission | None = Permission.VIEW


async def not_here(request: Request) -> Response:
    """What Coinbase has and this look-alike has not."""
    raise ApiError(501, "UNIMPLEMENTED", f"the simulator does not know {request.method} {request.url.path}")


def _public() -> Iterator[Served]:
    yield Served("GET", f"{API_ROOT}/time", market_routes.server_time, None)
    yield Served("GET", f"{_MARKET}/products", market_routes.products, None)
    yield Served("GET", f"{_MARKET}/products/{{product_id}}", market_routes.product, None)
    yield Served("GET", f"{_MARKET}/products/{{product_id}}/candles", market_routes.candles, None)
    yield Served("GET", f"{_MARKET}/products/{{product_id}}/ticker", market_routes.ticker, None)
    yield Served("GET", f"{_MARKET}/product_book", book_routes.product_book, None)
    yield Served("GET", "/v2/time", v2_routes.server_time, None)
    yield Served("GET", "/v2/currencies", v2_routes.fiats, None)
    yield Served("GET", "/v2/currencies/crypto", v2_routes.cryptos, None)
    yield Served("GET", "/v2/exchange-rates", v2_routes.exchange_rates, None)
    for kind in ("spot", "buy", "sell"):
        yield Served("GET", f"/v2/prices/{{pair}}/{kind}", v2_routes.spot_price, None)


def _private() -> Iterator[Served]:
    for path, endpoint in {
        "/products": market_routes.products,
        "/products/{product_id}": market_routes.product,
        "/products/{product_id}/candles": market_routes.candles,
        "/products/{product_id}/ticker": market_routes.ticker,
        "/product_book": book_routes.product_book,
        "/best_bid_ask": book_routes.best_bid_ask,
        "/accounts": account_routes.accounts,
        "/accounts/{uuid}": account_routes.account,
        "/transaction_summary": account_routes.transaction_summary,
        "/key_permissions": account_routes.key_permissions,
        "/orders/historical/batch": order_listings.orders,
        "/orders/historical/fills": order_listings.fills,
        "/orders/historical/{order_id}": order_listings.order,
        "/portfolios": portfolio_routes.portfolios,
        "/portfolios/{uuid}": portfolio_routes.portfolio_breakdown,
    }.items():
        yield Served("GET", API_ROOT + path, endpoint)
    yield Served("GET", "/v2/accounts", v2_routes.accounts)
    yield Served("GET", "/v2/accounts/{id}", v2_routes.account)
    yield from _changing()


def _changing() -> Iterator[Served]:
    """What moves something, or asks what moving it would come to."""
    for path, endpoint, needs in (
        ("/orders", order_routes.create_order, Permission.TRADE),
        ("/orders/preview", order_routes.preview_order, Permission.VIEW),
        ("/orders/edit", order_routes.edit_order, Permission.TRADE),
        ("/orders/edit_preview", order_routes.edit_preview, Permission.VIEW),
        ("/orders/batch_cancel", order_routes.cancel_orders, Permission.TRADE),
        ("/portfolios", portfolio_routes.create_portfolio, Permission.TRADE),
        ("/portfolios/move_funds", portfolio_routes.move_funds, Permission.TRANSFER),
    ):
        yield Served("POST", API_ROOT + path, endpoint, needs)
    one = f"{API_ROOT}/portfolios/{{uuid}}"
    yield Served("PUT", one, portfolio_routes.edit_portfolio, Permission.TRADE)
    yield Served("DELETE", one, portfolio_routes.delete_portfolio, Permission.TRADE)


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
        yield Served(method, API_ROOT + path, not_here)


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
        "/sim/exchange": adjustments.adjust_exchange,
        "/sim/faults": control.set_fault,
        "/sim/fills/correct": adjustments.correct_fill,
        "/sim/fills/reverse": adjustments.reverse_fill,
        "/sim/sockets/close": stream_control.close_sockets,
        "/sim/sockets/faults": stream_control.set_stream_fault,
    }
    return [
        Route("/sim/status", control.status),
        Route("/sim/exchange", adjustments.show_exchange),
        Route("/sim/faults", control.clear_faults, methods=["DELETE"]),
        Route("/sim/sockets/faults", stream_control.clear_stream_faults, methods=["DELETE"]),
        *(Route(path, endpoint, methods=["POST"]) for path, endpoint in posts.items()),
    ]
