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
from starlette.routing import WebSocketRoute

from cbbot_bridge.simulator.auth import Signatures
from cbbot_bridge.simulator.error_answers import ApiError, api_error_response
from cbbot_bridge.simulator.fault_gate import FaultyGate
from cbbot_bridge.simulator.faults import PendingFaults
from cbbot_bridge.simulator.portfolio_choice import open_portfolios
from cbbot_bridge.simulator.rate_limits import RateLimits
from cbbot_bridge.simulator.route_table import ENDPOINTS, api_routes, control_routes
from cbbot_bridge.simulator.state_file import StateFile
from cbbot_bridge.simulator.stream_pace import Pace
from cbbot_bridge.simulator.websocket_server import Hub
from cbbot_bridge.simulator.world import World

__all__ = ["build_app"]

_LOG = logging.getLogger(__name__)


def build_app(world: World, state_file: StateFile, signatures: Signatures, pace: Pace | None = None) -> Starlette:
    """An ASGI application that serves a world and keeps its state while it runs.

    Raises:
        BadInput: a portfolio that a key is bound to cannot be made.
    """
    hub = Hub(world, signatures, pace)
    pending = PendingFaults((served.method, served.path) for served in ENDPOINTS)
    settings = world.settings
    signatures.bind(open_portfolios(world, (key.portfolio for key in settings.keys if key.portfolio)))
    limits = RateLimits(settings)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await state_file.save()
        tasks = [asyncio.create_task(task) for task in (*hub.tasks(), state_file.keep())]
        for task in tasks:
            task.add_done_callback(_stop_when_failed)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await state_file.save(last=True)

    controlled = settings.control or world.clock.stopped
    app = Starlette(
        routes=[
            WebSocketRoute("/", hub.serve),
            *api_routes(signatures, limits),
            *(control_routes() if controlled else ()),
        ],
        exception_handlers={
            ApiError: api_error_response,
            404: _no_such_path,
            405: _no_such_method,
            Exception: _our_fault,
        },
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


async def _no_such_path(request: Request, _error: Exception) -> Response:
    return await api_error_response(request, ApiError.not_found(f"no such path: {request.url.path}"))


async def _no_such_method(request: Request, _error: Exception) -> Response:
    return await api_error_response(request, ApiError(405, "unknown", f"no {request.method} {request.url.path}"))


async def _our_fault(request: Request, _error: Exception) -> Response:
    """A defect of the simulator's; Starlette logs it."""
    return await api_error_response(request, ApiError(500, "INTERNAL", "internal error"))
