"""A Coinbase made of canned answers, and a bridge in front of it."""

from __future__ import annotations

import inspect
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest

from cbbot_bridge.assembly import Bridge
from cbbot_bridge.bridge_app import create_app
from cbbot_bridge.bridge_settings import load_settings
from cbbot_bridge.coinbase.retry import RetryPolicy
from handled_exchange import HandledExchange

PREFIX = "/api/v3/brokerage"
TOKEN = "a-token-for-tests-only"

PRODUCT: dict[str, Any] = {
    "product_id": "BTC-USD",
    "price": "68923.67",
    "base_increment": "0.00000001",
    "quote_increment": "0.01",
    "quote_min_size": "1",
    "base_min_size": "0.00000001",
    "price_increment": "0.01",
    "status": "online",
    "is_disabled": False,
    "trading_disabled": False,
    "cancel_only": False,
    "limit_only": False,
    "post_only": False,
    "auction_mode": False,
    "view_only": False,
    "base_currency_id": "BTC",
    "quote_currency_id": "USD",
}

Answer = httpx.Response | Exception
Responder = Callable[[httpx.Request], Answer | Awaitable[Answer]]


class FakeCoinbase:
    """Answers by method and path. An answer may be a list: one item per request, the last for ever."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self._answers: dict[tuple[str, str], Responder | list[Responder]] = {}
        self.on("GET", "/time", {"iso": "2026-11-22T17:22:00Z", "epochMillis": "1795368120000"})
        self.on("GET", "/market/products/BTC-USD", PRODUCT)
        self.on("GET", "/market/product_book", book("68923.66", "68923.67"))
        self.on("GET", "/orders/historical/batch", {"orders": [], "has_next": False, "cursor": ""})

    def on(self, method: str, path: str, *answers: Any) -> None:
        responders = [_responder(answer) for answer in answers]
        self._answers[method, PREFIX + path] = responders[0] if len(responders) == 1 else responders

    def asked(self, method: str, path: str) -> list[httpx.Request]:
        return [r for r in self.requests if r.method == method and r.url.path == PREFIX + path]

    def bodies(self, path: str = "/orders") -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.asked("POST", path)]

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        responder = self._answers.get((request.method, request.url.path))
        if isinstance(responder, list):
            responder = responder.pop(0) if len(responder) > 1 else responder[0]
        if responder is None:
            return httpx.Response(404, json={"error": "NOT_FOUND", "message": f"no {request.url.path}"})
        answer = responder(request)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, Exception):
            raise answer
        return answer


def _responder(answer: Any) -> Responder:
    if callable(answer) and not isinstance(answer, type):
        return answer  # type: ignore[no-any-return]  # a test's own responder
    if isinstance(answer, httpx.Response):
        return lambda _request: httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)
    if isinstance(answer, Exception):
        return lambda _request: answer
    return lambda _request: httpx.Response(200, json=answer)


def book(bid: str, ask: str) -> dict[str, Any]:
    return {
        "pricebook": {
            "product_id": "BTC-USD",
            "bids": [{"price": bid, "size": "1"}],
            "asks": [{"price": ask, "size": "1"}],
            "time": "2026-04-07T00:28:59.662782Z",
        }
    }


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def coinbase() -> FakeCoinbase:
    return FakeCoinbase()


@pytest.fixture
def quick_retry() -> RetryPolicy:
    """The product's policy, a hundred times faster."""
    return RetryPolicy(base_seconds=0.001, cap_seconds=0.01, total_seconds=2.0, least_seconds=0.05)


@pytest.fixture
def make_bridge(coinbase: FakeCoinbase, quick_retry: RetryPolicy) -> Callable[..., Bridge]:
    """A bridge to ``coinbase`` that needs no signature; keyword arguments are environment keys."""

    def make(**environment: str) -> Bridge:
        defaults = {"COINBASE_API_BASE": "http://127.0.0.1:1", "COINBASE_AUTH": "none", "BRIDGE_TOKEN": TOKEN}
        settings = load_settings({**defaults, **environment})
        bridge = Bridge(settings, exchange=HandledExchange(coinbase.handle), retry=quick_retry, dice=random.Random(1))
        # It has run for a minute: an order of the process before it would be visible by now.
        bridge.orders.sent.known_since -= 60
        return bridge

    return make


@pytest.fixture
def open_bridge(make_bridge: Callable[..., Bridge]) -> Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]:
    """A client of a bridge made from environment keys, with the right token unless ``token`` says otherwise."""

    @asynccontextmanager
    async def opened(token: str | None = TOKEN, **environment: str) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(make_bridge(**environment))
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge", headers=headers) as client:
            yield client

    return opened
