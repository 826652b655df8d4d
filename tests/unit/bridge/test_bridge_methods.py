"""Methods: HEAD wherever GET works, without a body; a 405 names every method that the path has."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

from cbbot_bridge.assembly import Bridge
from cbbot_bridge.bridge_app import create_app

pytestmark = pytest.mark.anyio

OpenBridge = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def paths(document: dict[str, Any]) -> dict[str, set[str]]:
    """Methods by a path that stands for each pattern; ``/order/market`` is an ``/order/{order_id}`` too."""
    patterns = {re.compile(re.sub(r"\{\w+\}", "[^/]+", path)): methods for path, methods in document["paths"].items()}
    found = {}
    for template in document["paths"]:
        path = re.sub(r"\{\w+\}", "BTC-USD", template)
        methods = {name.upper() for pattern, has in patterns.items() if pattern.fullmatch(path) for name in has}
        found[path] = methods | ({"HEAD"} if "GET" in methods else set())
    return found


@pytest.fixture
def documented(make_bridge: Callable[..., Bridge]) -> dict[str, set[str]]:
    return paths(create_app(make_bridge()).openapi())


async def test_head_is_get_without_its_body(open_bridge: OpenBridge, documented: dict[str, set[str]]) -> None:
    async with open_bridge() as client:
        reads = [path for path, methods in documented.items() if "GET" in methods]
        assert {"/health", "/ready", "/metrics"} < set(reads)
        for path in [*reads, "/openapi.json", "/product/BTC-USD", "/price?product_id=BTC-USD"]:
            got, head = await client.get(path), await client.head(path)
            assert head.status_code == got.status_code, path
            assert head.content == b""
            assert head.headers["content-type"] == got.headers["content-type"]


async def test_a_method_that_a_path_has_not_is_told_with_all_it_has(
    open_bridge: OpenBridge, documented: dict[str, set[str]]
) -> None:
    async with open_bridge() as client:
        for path, methods in documented.items():
            for method in set(METHODS) - methods:
                answer = await client.request(method, path)
                assert answer.status_code == 405, (method, path)
                assert set(answer.headers["allow"].split(", ")) == methods, (method, path)


async def test_a_path_that_is_none_has_no_methods(open_bridge: OpenBridge) -> None:
    async with open_bridge() as client:
        for method in METHODS:
            assert (await client.request(method, "/nothing/here")).status_code == 404
