"""A bridge that has just come up, asked for an order by a bot that was replaced before: the exchange's orders tell."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from cbbot_bridge import listed_epochs
from cbbot_bridge.bridge_app import create_app
from coinbase_answers import page, placed, resting

pytestmark = pytest.mark.anyio

BATCH = "/orders/historical/batch"


def listed(coinbase: Any, *names: str) -> None:
    orders = [resting("OPEN", order_id=name, client_order_id=name)["order"] for name in names]
    coinbase.on("GET", BATCH, page(orders, ""))


async def order(client: httpx.AsyncClient, epoch: int, number: int = 1) -> tuple[int, str]:
    body = {"client_order_id": f"btc-{epoch}-{number}", "product_id": "BTC-USD", "side": "SELL", "base_size": "0.1"}
    headers = {"X-Bot-Id": "btc", "X-Bot-Epoch": str(epoch), "X-Bot-Instance": f"process-{epoch}"}
    answer = await client.post("/order/market", json=body, headers=headers)
    return answer.status_code, "" if answer.is_success else answer.json()["error"]["code"]


async def test_a_bot_whose_successor_has_ordered_orders_no_more(open_bridge: Any, coinbase: Any) -> None:
    listed(coinbase, "btc-7-3", "btc-8-4")
    coinbase.on("POST", "/orders", placed())
    async with open_bridge() as client:
        assert await order(client, 7) == (409, "stale_epoch")
        assert coinbase.asked("POST", "/orders") == []
        assert await order(client, 8) == (200, "")


async def test_another_bots_orders_and_those_by_hand_say_nothing(open_bridge: Any, coinbase: Any) -> None:
    listed(coinbase, "btc-2-9-1", "eth-9-1", "btc-by-hand", "btc-99999999999999999999-1", "btc-6-1")
    coinbase.on("POST", "/orders", placed())
    async with open_bridge() as client:
        assert await order(client, 7) == (200, "")


async def test_the_orders_are_looked_at_once_for_each_bot_and_only_by_a_new_bridge(
    make_bridge: Any, coinbase: Any
) -> None:
    listed(coinbase)
    coinbase.on("POST", "/orders", placed())
    for seconds, looks in ((0, 1), (61, 0)):
        bridge = make_bridge()
        bridge.orders.listed_epochs.started -= seconds
        before = len(coinbase.asked("GET", BATCH))
        headers = {"Authorization": f"Bearer {bridge.settings.token}"}
        transport = httpx.ASGITransport(create_app(bridge))
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge", headers=headers) as client:
            both = list(await asyncio.gather(order(client, 7, 1), order(client, 7, 2)))
        assert both == [(200, ""), (200, "")]
        assert len(coinbase.asked("GET", BATCH)) - before == looks


@pytest.mark.parametrize("trouble", ["an error", "no answer"])
async def test_no_order_waits_for_a_listing_that_does_not_come(
    open_bridge: Any, coinbase: Any, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(listed_epochs, "_PATIENCE_SECONDS", 0.05)

    async def never(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    coinbase.on("GET", BATCH, httpx.Response(404) if trouble == "an error" else never)
    coinbase.on("POST", "/orders", placed())
    async with open_bridge() as client:
        assert await order(client, 7) == (200, "")
