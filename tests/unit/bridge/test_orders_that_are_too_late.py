"""An order with a moment after which it must not leave: refused for certain, unknown after a try, never sent late."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest

from coinbase_answers import placed

pytestmark = pytest.mark.anyio

BUY = {"client_order_id": "c-1", "product_id": "BTC-USD", "side": "BUY", "quote_size": "25"}
LIMIT = {"client_order_id": "c-2", "product_id": "BTC-USD", "side": "BUY", "base_size": "1", "limit_price": "60000"}
BRACKET = LIMIT | {"client_order_id": "c-3", "side": "SELL", "limit_price": "80000", "stop_trigger_price": "60000"}
STOP = LIMIT | {"client_order_id": "c-4", "stop_price": "59000"}
MARKET_BUY = {"client_order_id": "c-5", "product_id": "BTC-USD", "quote_size": "25"}
ORDERS = {
    "/order/market": BUY,
    "/orders/market_buy": MARKET_BUY,
    "/order/limit": LIMIT,
    "/order/stop_limit": STOP,
    "/order/bracket": BRACKET,
}


def now_ms() -> int:
    """The venue's time: these bridges have not asked for it, and take their own."""
    return int(time.time() * 1000)


async def after(moment_ms: int) -> None:
    while now_ms() <= moment_ms:  # noqa: ASYNC110  time has to pass
        await asyncio.sleep(0.005)


def code_of(answer: httpx.Response) -> tuple[int, str, str | None]:
    return answer.status_code, answer.json()["error"]["code"], answer.json().get("outcome")


@pytest.mark.parametrize("path", ORDERS)
async def test_an_order_of_any_kind_that_comes_too_late_is_refused_and_does_not_leave(
    open_bridge: Any, coinbase: Any, path: str
) -> None:
    coinbase.on("POST", "/orders", placed())
    async with open_bridge() as client:
        late = await client.post(path, json=ORDERS[path] | {"not_after_ms": now_ms() - 1})
        assert code_of(late) == (400, "too_late", None)
        assert coinbase.bodies() == []
        # The same id may be used again.
        in_time = await client.post(path, json=ORDERS[path] | {"not_after_ms": now_ms() + 3_600_000})
    assert in_time.status_code == 200
    assert "not_after_ms" not in coinbase.bodies()[0]


async def test_an_order_that_waits_for_its_product_until_it_is_too_late_does_not_leave(
    open_bridge: Any, coinbase: Any
) -> None:
    async with open_bridge() as client:
        product = (await client.get("/product/BTC-USD")).json()
    moment = now_ms() + 100

    async def slow(_request: httpx.Request) -> httpx.Response:
        await after(moment)
        return httpx.Response(200, json=product)

    coinbase.on("GET", "/market/products/BTC-USD", slow)
    coinbase.on("POST", "/orders", placed())
    async with open_bridge() as client:
        assert code_of(await client.post("/order/market", json=BUY | {"not_after_ms": moment}))[1] == "too_late"
    assert coinbase.bodies() == []


@pytest.mark.parametrize(("first", "status", "outcome"), [(429, 400, None), (500, 502, "unknown")])
async def test_an_order_that_is_too_late_for_another_try_is_refused_or_unknown_and_not_sent_again(
    open_bridge: Any, coinbase: Any, first: int, status: int, outcome: str | None
) -> None:
    moment = now_ms() + 1_000

    async def slow(_request: httpx.Request) -> httpx.Response:
        await after(moment)
        return httpx.Response(first)

    coinbase.on("POST", "/orders", slow, placed())
    async with open_bridge() as client:
        got = await client.post("/order/market", json=BUY | {"not_after_ms": moment})
    assert (got.status_code, got.json().get("outcome")) == (status, outcome)
    assert len(coinbase.bodies()) == 1


async def test_a_repeat_that_is_too_late_is_answered_with_the_order_that_there_is(
    open_bridge: Any, coinbase: Any
) -> None:
    coinbase.on("POST", "/orders", placed())
    async with open_bridge() as client:
        first = await client.post("/order/market", json=BUY)
        again = await client.post("/order/market", json=BUY | {"not_after_ms": now_ms() - 1})
    assert (again.status_code, again.json()["order_id"]) == (200, first.json()["order_id"])
    assert len(coinbase.bodies()) == 1


@pytest.mark.parametrize("moment", [-1, 1.5, "1795368120000", 10**15, True])
async def test_a_moment_that_is_none_is_bad_input(open_bridge: Any, moment: object) -> None:
    async with open_bridge() as client:
        assert code_of(await client.post("/order/market", json=BUY | {"not_after_ms": moment}))[:2] == (
            422,
            "invalid_input",
        )
