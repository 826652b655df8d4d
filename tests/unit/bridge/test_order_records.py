"""Every request that concerns an order leaves one line and one count; so does every try that is made again."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from coinbase_answers import filled_order, placed, refused

pytestmark = pytest.mark.anyio

BUY = {"client_order_id": "c-1", "product_id": "BTC-USD", "side": "BUY", "quote_size": "25"}
NAMES = {"client_order_id": "c-1", "product_id": "BTC-USD", "kind": "market", "side": "BUY"}


def lines(caplog: pytest.LogCaptureFixture, logger: str) -> list[tuple[str, str, dict[str, Any]]]:
    found = [record for record in caplog.records if record.name == logger]
    return [(record.levelname, record.message, record.__dict__["fields"]) for record in found]


@pytest.mark.parametrize(
    ("answer", "level", "words", "outcome", "fields"),
    [
        (placed(), "INFO", "order placed", "placed", {"order_id": "o-1"}),
        (refused(error="INSUFFICIENT_FUND"), "WARNING", "order refused", "refused", {"code": "INSUFFICIENT_FUND"}),
        (httpx.ConnectError("refused"), "WARNING", "order not placed", "not_placed", {}),
        (httpx.ReadTimeout("slow"), "ERROR", "order outcome unknown", "unknown", {"code": "upstream_timeout"}),
    ],
)
async def test_an_order_leaves_a_line_with_its_outcome(
    open_bridge: Any,
    coinbase: Any,
    caplog: pytest.LogCaptureFixture,
    answer: Any,
    level: str,
    words: str,
    outcome: str,
    fields: dict[str, str],
) -> None:
    caplog.set_level(logging.INFO)
    coinbase.on("POST", "/orders", answer)
    async with open_bridge() as client:
        await client.post("/order/market", json=BUY)
        metrics = (await client.get("/metrics")).text
    ((found_level, found_words, found),) = lines(caplog, "cbbot_bridge.order_records")
    assert (found_level, found_words) == (level, words)
    assert (NAMES | fields).items() <= found.items()
    assert ("reason" in found) is (outcome != "placed")
    assert f'bridge_orders_total{{kind="market",outcome="{outcome}",side="BUY"}} 1.0' in metrics


@pytest.mark.parametrize(
    ("method", "expected"),
    [("DELETE", ("cancel", "cancel refused")), ("PATCH", ("edit", "edit refused"))],
)
async def test_a_change_leaves_a_line_too(
    open_bridge: Any, coinbase: Any, caplog: pytest.LogCaptureFixture, method: str, expected: tuple[str, str]
) -> None:
    result = {"success": False, "failure_reason": "ORDER_IS_FULLY_FILLED", "order_id": "o-1"}
    coinbase.on("POST", "/orders/batch_cancel", {"results": [result]})
    coinbase.on("GET", "/orders/historical/o-1", {"order": filled_order()})
    coinbase.on("GET", "/orders/historical/fills", {"fills": [], "cursor": ""})
    async with open_bridge() as client:
        await client.request(method, "/order/o-1", json={"price": "1", "size": "1"} if method == "PATCH" else None)
        metrics = (await client.get("/metrics")).text
    ((_, words, fields),) = lines(caplog, "cbbot_bridge.order_records")
    assert (words, fields["order_id"]) == (expected[1], "o-1")
    assert f'bridge_orders_total{{kind="{expected[0]}",outcome="refused",side="-"}} 1.0' in metrics


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (httpx.Response(401, text="Unauthorized"), "401"),
        (httpx.Response(429, content=b"<html>"), "429"),
        (httpx.Response(503), "503"),
        (httpx.ReadTimeout("slow"), "timeout"),
    ],
)
async def test_a_try_that_is_made_again_leaves_a_line_and_a_count(
    open_bridge: Any, coinbase: Any, caplog: pytest.LogCaptureFixture, trouble: Any, reason: str
) -> None:
    coinbase.on("POST", "/orders", trouble, placed())
    async with open_bridge() as client:
        await client.post("/order/market", json=BUY)
        metrics = (await client.get("/metrics")).text
    ((level, words, fields),) = lines(caplog, "cbbot_bridge.coinbase.rest")
    assert (level, words) == ("WARNING", "asking Coinbase again")
    assert (fields["request"], fields["tries"], fields["reason"]) == ("POST /orders", 1, reason)
    assert f'bridge_upstream_retries_total{{reason="{reason}",verb="POST"}} 1.0' in metrics


async def test_reads_that_fail_leave_one_line_and_one_more_when_they_work_again(
    open_bridge: Any, coinbase: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    coinbase.on("GET", "/orders/historical/o-1", *[httpx.Response(500)] * 8, httpx.Response(404, json={}))
    async with open_bridge() as client:
        for _ in range(3):
            await client.get("/order/o-1")
        metrics = (await client.get("/metrics")).text
    began, over = lines(caplog, "cbbot_bridge.coinbase.rest")
    assert began[:2] == ("WARNING", "Coinbase does not answer a read")
    assert began[2]["request"].endswith("/orders/historical/o-1")
    assert (over[:2], over[2]["failures"]) == (("INFO", "works again"), 8)
    assert 'bridge_upstream_retries_total{reason="500",verb="GET"} 6.0' in metrics


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH"])
async def test_a_request_about_an_order_that_is_turned_away_at_the_door_leaves_a_line(
    open_bridge: Any, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    path = "/order/market" if method == "POST" else "/order/o-1"
    async with open_bridge() as client:
        wrong = {"Authorization": "Bearer wrong"}
        assert (await client.request(method, path, json=BUY, headers=wrong)).status_code == 401
        bot = {"X-Bot-Id": "btc", "X-Bot-Epoch": "7"}
        await client.get("/time", headers=bot)
        late = await client.request(method, path, json=BUY, headers={**bot, "X-Bot-Epoch": "6"})
        assert late.status_code == 409
        if method != "DELETE":
            assert (await client.request(method, path, json={"side": "HOLD"})).status_code == 422
    found = [line for line in lines(caplog, "cbbot_bridge.order_records") if line[1] == "request refused"]
    codes = ["bad_token", "stale_epoch"] + (["invalid_input"] if method != "DELETE" else [])
    assert [fields["code"] for _, _, fields in found] == codes
    assert {fields["request"] for _, _, fields in found} == {f"{method} {path}"}
