"""The ASGI application: routes, errors in one shape, requests counted."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cbbot import __version__
from cbbot.contract.bridge_errors import BridgeErrorCode, ErrorAnswer, ErrorDetail, Outcome
from cbbot.process.http_methods import HttpMethods
from cbbot.process.invalid_requests import problems_of
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.http_errors import NoCredentials, OrderUnknown, RequestRefused, UpstreamRefused, UpstreamUnavailable
from cbbot_bridge.openapi import without_null_parameters
from cbbot_bridge.order_records import record_turned_away
from cbbot_bridge.routes import (
    account_endpoints,
    change_endpoints,
    market_endpoints,
    order_endpoints,
    process_endpoints,
)
from cbbot_bridge.upstream_check import UpstreamCheck

__all__ = ["ROUTERS", "create_app"]

_LOG = logging.getLogger(__name__)

_DESCRIPTION = """The only holder of exchange keys. Prices, sizes and money are decimal text.

An order request ends in exactly one of: **200**, here it is; **4xx**, refused, this request placed or
changed nothing; **5xx** with `outcome` `not_placed` or `not_sent` (may be made again) or `unknown` (look it
up, or ask again: an order with the same `client_order_id`)."""

# Coinbase's refusals that are passed on as they are; any other 4xx of its becomes a 400.
_PASSED_ON = (400, 403, 404)
_NOT_SENT: Mapping[str, Outcome] = {"POST": "not_placed", "DELETE": "not_sent", "PATCH": "not_sent"}


ROUTERS: Final = (
    market_endpoints.ticks,
    *(
        endpoints.router
        for endpoints in (order_endpoints, change_endpoints, market_endpoints, account_endpoints, process_endpoints)
    ),
    process_endpoints.private,
)
"""Every endpoint there is, looked through in this order: prices are asked for most."""


def create_app(bridge: Bridge) -> FastAPI:
    """The application around ``bridge``; its lifespan runs the background work."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with bridge.running():
            yield

    app = FastAPI(title="cbbot bridge", version=__version__, description=_DESCRIPTION, lifespan=lifespan)
    app.state.bridge = bridge
    app.state.upstream_check = UpstreamCheck(bridge)
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(_Counting, bridge=bridge)
    app.add_middleware(HttpMethods, routes=app.routes)
    _add_error_answers(app)
    # The way FastAPI documents for extending its document: replace the method of this one application.
    app.openapi = partial(without_null_parameters, app)  # type: ignore[method-assign]  # FastAPI documents replacing it
    return app


def _add_error_answers(app: FastAPI) -> None:
    app.add_exception_handler(RequestRefused, _request_refused)
    app.add_exception_handler(UpstreamRefused, _upstream_refused)
    app.add_exception_handler(UpstreamUnavailable, _retryable)
    app.add_exception_handler(NoCredentials, _retryable)
    app.add_exception_handler(OrderUnknown, _order_unknown)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _defect)


def _answer(
    status: int,
    code: str,
    message: str,
    *,
    outcome: Outcome | None = None,
    extra: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    answer = ErrorAnswer(error=ErrorDetail(code=code, message=message), outcome=outcome)
    return JSONResponse({**answer.model_dump(exclude_none=True), **(extra or {})}, status, headers)


async def _request_refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestRefused)  # noqa: S101  Starlette's handlers are typed for any Exception
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
    return _answer(error.status, error.code, str(error), extra=error.extra, headers=headers)


async def _upstream_refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UpstreamRefused)  # noqa: S101  as above
    return _answer(error.status if error.status in _PASSED_ON else 400, error.code, str(error))


async def _retryable(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UpstreamUnavailable | NoCredentials)  # noqa: S101  as above
    # Every POST is an order, DELETE and PATCH change one. What may have left raises OrderUnknown, so this one did not.
    outcome = _NOT_SENT.get(request.method)
    return _answer(error.status, error.code, str(error), outcome=outcome)


async def _order_unknown(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OrderUnknown)  # noqa: S101  as above
    return _answer(error.status, error.code, str(error), outcome="unknown")


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  as above
    code, message = BridgeErrorCode.INVALID_INPUT.value, problems_of(error)
    record_turned_away(request.method, request.url.path, code, message)
    return _answer(422, code, message)


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  as above
    code = BridgeErrorCode.NOT_FOUND if error.status_code == 404 else BridgeErrorCode.INVALID_INPUT
    return _answer(error.status_code, code.value, str(error.detail), headers=dict(error.headers or {}))


async def _defect(request: Request, error: Exception) -> JSONResponse:
    _LOG.error("unexpected error", exc_info=error, extra={"fields": {"path": request.url.path}})
    outcome: Outcome | None = "unknown" if request.method in _NOT_SENT else None
    return _answer(500, BridgeErrorCode.INTERNAL.value, "a defect of the bridge; see its log", outcome=outcome)


class _Counting:
    """Counts requests by the route's pattern, so that ids in paths make no new series."""

    def __init__(self, app: ASGIApp, bridge: Bridge) -> None:
        self._app = app
        self._metrics = bridge.metrics
        self._monotonic = bridge.clocks.monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = self._monotonic()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            endpoint = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"] if endpoint != "unmatched" else "-"
            self._metrics.request(method, endpoint, status, self._monotonic() - started)
