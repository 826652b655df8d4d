"""The application: Coinbase's paths and the WebSocket on one port, and the tasks behind them."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from cbbot_bridge.simulator import account_routes, control, market_routes, order_routes
from cbbot_bridge.simulator.auth import Signatures
from cbbot_bridge.simulator.error_answers import ApiError, api_error_response
from cbbot_bridge.simulator.faults import FaultyGate, PendingFaults
from cbbot_bridge.simulator.state_file import StateFile
from cbbot_bridge.simulator.websocket_server import Hub
from cbbot_bridge.simulator.world import World

__all__ = ["build_app"]

_LOG = logging.getLogger(__name__)
_ROOT = "/api/v3/brokerage"


def build_app(world: World, state_file: StateFile, signatures: Signatures) -> Starlette:
    """An ASGI application that serves a world and keeps its state while it runs."""
    hub = Hub(world, signatures)
    pending = PendingFaults()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await state_file.save()
        tasks = [asyncio.create_task(task) for task in (hub.pump(), hub.beat(), state_file.keep())]
        for task in tasks:
            task.add_done_callback(_stop_when_failed)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await state_file.save(last=True)

    controlled = world.settings.control or world.clock.stopped
    app = Starlette(
        routes=[
            WebSocketRoute("/", hub.serve),
            *_public_routes(),
            *_private_routes(signatures),
            *(_control_routes() if controlled else ()),
        ],
        exception_handlers={ApiError: api_error_response, 404: _no_such_path},
        middleware=[Middleware(FaultyGate, pending=pending)] if controlled else [],
        lifespan=lifespan,
    )
    app.state.world, app.state.state_file, app.state.hub, app.state.faults = world, state_file, hub, pending
    return app


def _stop_when_failed(task: asyncio.Task[None]) -> None:
    """Without its tasks the simulator would answer and never move: better it stops, and says why."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOG.critical("stopping: a task failed", exc_info=error)
        signal.raise_signal(signal.SIGTERM)


def _public_routes() -> list[BaseRoute]:
    market = f"{_ROOT}/market"
    return [
        Route(f"{_ROOT}/time", market_routes.server_time),
        Route(f"{market}/products", market_routes.products),
        Route(f"{market}/products/{{product_id}}", market_routes.product),
        Route(f"{market}/products/{{product_id}}/candles", market_routes.candles),
        Route(f"{market}/products/{{product_id}}/ticker", market_routes.ticker),
        Route(f"{market}/product_book", market_routes.product_book),
        Route("/v2/currencies", account_routes.empty_list),
        Route("/v2/currencies/crypto", account_routes.empty_list),
        Route("/v2/exchange-rates", account_routes.exchange_rates),
    ]


def _private_routes(signatures: Signatures) -> list[BaseRoute]:
    endpoints = {
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
    }
    posts = {"/orders": order_routes.create_order, "/orders/batch_cancel": order_routes.cancel_orders}
    return [
        *(Route(_ROOT + path, signatures.private(endpoint)) for path, endpoint in endpoints.items()),
        *(Route(_ROOT + path, signatures.private(endpoint), methods=["POST"]) for path, endpoint in posts.items()),
    ]


def _control_routes() -> list[BaseRoute]:
    return [
        Route("/sim/status", control.status),
        Route("/sim/advance", control.advance, methods=["POST"]),
        Route("/sim/faults", control.set_fault, methods=["POST"]),
        Route("/sim/faults", control.clear_faults, methods=["DELETE"]),
        Route("/sim/sockets/close", control.close_sockets, methods=["POST"]),
    ]


async def _no_such_path(request: Request, _error: Exception) -> Response:
    return await api_error_response(request, ApiError.not_found(f"no such path: {request.url.path}"))
