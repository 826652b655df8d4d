"""What a starting bot asks the bridge: every order under its own ids, and the newest epoch of its name."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from coinbase_answers import page, resting

pytestmark = pytest.mark.anyio

SINCE = 1_775_574_000
ASK = f"/orders?client_order_id_prefix=btc-&product_id=BTC-USD&since={SINCE}"


def one(number: int, name: str, status: str = "FILLED", **changes: Any) -> dict[str, Any]:
    if status == "FILLED":
        changes |= {"filled_size": "0.3", "filled_value": "21000", "average_filled_price": "70000"}
    order: dict[str, Any] = resting(status, order_id=f"o-{number}", client_order_id=name, **changes)["order"]
    return order


def listed(coinbase: Any, *orders: dict[str, Any]) -> None:
    """A listing of two orders a page."""

    def answer(request: httpx.Request) -> httpx.Response:
        start = int(request.url.params.get("cursor", 0))
        more = str(start + 2) if len(orders) > start + 2 else ""
        return httpx.Response(200, json=page(list(orders[start : start + 2]), more))

    coinbase.on("GET", "/orders/historical/batch", answer)


async def test_own_orders_are_those_of_the_prefix_on_every_page_whatever_their_state(
    open_bridge: Any, coinbase: Any
) -> None:
    listed(
        coinbase,
        one(1, "btc-7-1"),
        one(2, "other-7-1"),
        one(3, "btc-7-2", "OPEN"),
        one(4, "btc-7-3", "CANCELLED"),
        one(5, "btc-8-1", product_id="ETH-USD"),
    )
    async with open_bridge() as client:
        got = (await client.get(ASK)).json()
    assert [order["client_order_id"] for order in got["orders"]] == ["btc-7-1", "btc-7-2", "btc-7-3"]
    assert got["size"] == 3
    asked = coinbase.asked("GET", "/orders/historical/batch")
    assert len(asked) == 3
    assert {request.url.params["product_ids"] for request in asked} == {"BTC-USD"}
    # Clocks differ, and Coinbase's created_time is not ours: it looks further back than it was asked to.
    assert got["since"] == asked[0].url.params["start_date"] == "2026-04-07T14:50:00.000Z"
    assert "order_status" not in asked[0].url.params


@pytest.mark.parametrize(
    ("end", "status", "code"),
    [
        ({"has_next": True, "cursor": ""}, 502, "upstream_malformed"),
        ({"has_next": False, "cursor": "", "proof_token_required": True}, 503, "proof_wanted"),
    ],
)
async def test_own_orders_that_are_not_certain_to_be_all_are_an_error(
    open_bridge: Any, coinbase: Any, end: dict[str, Any], status: int, code: str
) -> None:
    coinbase.on("GET", "/orders/historical/batch", {"orders": [one(1, "btc-7-1")]} | end)
    async with open_bridge() as client:
        answer = await client.get(ASK)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("query", ["product_id=BTC-USD&since=1", "client_order_id_prefix=b&product_id=BTC-USD"])
async def test_prefix_and_time_are_needed(open_bridge: Any, query: str) -> None:
    async with open_bridge() as client:
        assert (await client.get(f"/orders?{query}")).status_code == 422


async def test_the_newest_epoch_is_told_to_one_who_is_not_a_bot_yet(open_bridge: Any) -> None:
    async with open_bridge() as client:
        assert (await client.get("/epoch?bot_id=btc")).json() == {"bot_id": "btc", "epoch": 0}
        await client.get("/time", headers={"X-Bot-Id": "btc", "X-Bot-Epoch": "41"})
        assert (await client.get("/epoch?bot_id=btc")).json() == {"bot_id": "btc", "epoch": 41}
        assert (await client.get("/epoch?bot_id=eth")).json() == {"bot_id": "eth", "epoch": 0}
