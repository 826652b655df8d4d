"""What a starting bot asks the bridge: every order under its own ids, and the newest epoch of its name."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

import httpx
import pytest

from cbbot_bridge import order_listing, order_lookup
from cbbot_bridge.bridge_app import create_app
from coinbase_answers import page, placed, refused, resting

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


async def test_an_order_that_is_on_two_pages_is_listed_once_as_it_was_read_last(
    open_bridge: Any, coinbase: Any
) -> None:
    listed(coinbase, one(1, "btc-7-1"), one(2, "btc-7-2", "OPEN"), one(1, "btc-7-1"), one(2, "btc-7-2"))
    async with open_bridge() as client:
        got = (await client.get(ASK)).json()
    assert [(order["client_order_id"], order["status"]) for order in got["orders"]] == [
        ("btc-7-1", "FILLED"),
        ("btc-7-2", "FILLED"),
    ]
    assert got["size"] == 2


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


async def test_one_order_that_cannot_be_read_hides_no_other(open_bridge: Any, coinbase: Any) -> None:
    nowhere_filled = one(2, "btc-7-2") | {"filled_size": "0", "filled_value": "0"}
    sideless = one(3, "btc-7-3") | {"side": "SIDEWAYS"}
    nameless = one(4, "btc-7-4") | {"order_id": None}
    listed(coinbase, one(1, "btc-7-1"), nowhere_filled, sideless, nameless, one(5, "btc-7-5"))
    async with open_bridge() as client:
        answer = await client.get(ASK)
        metrics = (await client.get("/metrics")).text
    assert answer.status_code == 200
    got = answer.json()
    assert [order["client_order_id"] for order in got["orders"]] == ["btc-7-1", "btc-7-5"]
    assert [(order["client_order_id"], order["order_id"]) for order in got["unreadable"]] == [
        ("btc-7-2", "o-2"),
        ("btc-7-3", "o-3"),
        ("btc-7-4", ""),
    ]
    assert "Coinbase contradicts itself" in got["unreadable"][0]["reason"]
    assert "side" in got["unreadable"][1]["reason"]
    assert 'bridge_order_contradictions_total{what="fills"} 1.0' in metrics


async def test_an_order_that_stands_on_two_pages_is_told_once_as_it_was_listed_last(
    open_bridge: Any, coinbase: Any
) -> None:
    # A new order that comes between two pages pushes the last one of the first onto the second.
    listed(coinbase, one(3, "btc-7-3"), one(2, "btc-7-2", "OPEN"), one(2, "btc-7-2"), one(1, "btc-7-1"))
    async with open_bridge() as client:
        got = (await client.get(ASK)).json()
    assert [(order["client_order_id"], order["status"]) for order in got["orders"]] == [
        ("btc-7-3", "FILLED"),
        ("btc-7-2", "FILLED"),
        ("btc-7-1", "FILLED"),
    ]
    assert got["size"] == 3


async def test_orders_without_an_id_of_the_venue_do_not_hide_each_other(open_bridge: Any, coinbase: Any) -> None:
    listed(coinbase, *(one(number, f"btc-7-{number}") | {"order_id": None} for number in (1, 2)))
    async with open_bridge() as client:
        got = (await client.get(ASK)).json()
    assert [order["client_order_id"] for order in got["unreadable"]] == ["btc-7-1", "btc-7-2"]


async def test_a_listing_of_any_length_is_read_to_its_end(open_bridge: Any, coinbase: Any) -> None:
    listed(coinbase, *(one(number, f"btc-7-{number}") for number in range(1, 304)))
    async with open_bridge(COINBASE_AUTH="none") as client:
        answer = await client.get(ASK)
    assert (answer.status_code, answer.json()["size"]) == (200, 303)
    assert len(coinbase.asked("GET", "/orders/historical/batch")) == 152


async def test_a_listing_that_takes_too_long_says_how_far_it_came(
    open_bridge: Any, coinbase: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_listing, "LISTING_SECONDS", 0.2)

    def endless(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params.get("cursor", 0)) + 1
        return httpx.Response(200, json=page([one(number, f"btc-7-{number}")], str(number)))

    coinbase.on("GET", "/orders/historical/batch", endless)
    async with open_bridge() as client:
        answer = await client.get(ASK)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")
    assert "was not read to its end within 0.2 s" in answer.json()["error"]["message"]


async def test_that_all_is_visible_is_told_when_every_order_that_was_sent_is_there(
    open_bridge: Any, coinbase: Any
) -> None:
    body = {"product_id": "BTC-USD", "side": "BUY", "quote_size": "25"}
    async with open_bridge() as client:
        assert (await client.get(ASK)).json()["all_visible"]
        coinbase.on("POST", "/orders", httpx.Response(500))
        for name in ("btc-7-1", "other-1"):
            assert (await client.post("/order/market", json=body | {"client_order_id": name})).status_code == 502
        assert not (await client.get(ASK)).json()["all_visible"]
        listed(coinbase, one(1, "btc-7-1"))
        assert (await client.get(ASK)).json()["all_visible"]


async def test_an_order_that_coinbase_has_taken_and_does_not_list_yet_is_told_as_it_was_sent(
    open_bridge: Any, coinbase: Any
) -> None:
    """Listings lag by a minute at times: a bot that begins on an older state would sell the same once more."""
    coinbase.on("POST", "/orders", placed())
    sale = {"product_id": "BTC-USD", "side": "SELL", "base_size": "0.3"}
    async with open_bridge() as client:
        for name in ("btc-7-1", "btc-7-2", "other-1"):
            order_id = (await client.post("/order/market", json=sale | {"client_order_id": name})).json()["order_id"]
        listed(coinbase, one(2, "btc-7-2"))
        got = (await client.get(ASK)).json()
        assert got["all_visible"]
        assert [(order["client_order_id"], order["status"]) for order in got["orders"]] == [
            ("btc-7-2", "FILLED"),
            ("btc-7-1", "PENDING"),
        ]
        told = got["orders"][1]
        assert (told["order_id"], told["side"], told["base_size"]) == (order_id, "SELL", "0.30000000")
        assert (told["kind"], told["filled_size"]) == ("MARKET", "0")
        assert abs(datetime.fromisoformat(told["created_time"]).timestamp() - time.time()) < 60
        for other in (ASK.replace("btc-", "eth-"), ASK.replace("BTC-USD", "ETH-USD")):
            assert (await client.get(other)).json()["orders"] == []
        later = ASK.replace(str(SINCE), str(int(time.time()) + 100_000))
        assert [each["client_order_id"] for each in (await client.get(later)).json()["orders"]] == ["btc-7-2"]


async def test_an_order_under_way_is_waited_for_before_the_orders_are_listed(open_bridge: Any, coinbase: Any) -> None:
    """A bot that takes over would sell what the one before it is selling at this moment."""
    body = {"product_id": "BTC-USD", "side": "SELL", "base_size": "0.3", "client_order_id": "btc-7-1"}
    arrived, release = asyncio.Event(), asyncio.Event()

    async def slowly(request: httpx.Request) -> Any:
        arrived.set()
        await release.wait()
        listed(coinbase, one(1, "btc-7-1"))
        return placed()(request)

    coinbase.on("POST", "/orders", slowly)
    async with open_bridge() as client, asyncio.TaskGroup() as group:
        ordering = group.create_task(client.post("/order/market", json=body))
        await arrived.wait()
        listing = group.create_task(client.get(ASK))
        other = (await client.get(ASK.replace("btc-", "eth-"))).json()
        assert (other["size"], listing.done()) == (0, False)
        release.set()
        assert (await ordering).status_code == 200
        answer = (await listing).json()
        assert ([each["client_order_id"] for each in answer["orders"]], answer["all_visible"]) == (["btc-7-1"], True)


async def test_an_order_that_stays_under_way_is_told_by_what_may_be_invisible(
    open_bridge: Any, coinbase: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_lookup, "_UNDER_WAY_SECONDS", 0.05)
    body = {"product_id": "BTC-USD", "side": "SELL", "base_size": "0.3", "client_order_id": "btc-7-1"}
    arrived, release = asyncio.Event(), asyncio.Event()

    async def slowly(request: httpx.Request) -> Any:
        arrived.set()
        await release.wait()
        return placed()(request)

    coinbase.on("POST", "/orders", slowly)
    async with open_bridge() as client, asyncio.TaskGroup() as group:
        group.create_task(client.post("/order/market", json=body))
        await arrived.wait()
        answer = (await client.get(ASK)).json()
        assert (answer["size"], answer["all_visible"]) == (0, False)
        assert [each["client_order_id"] for each in answer["in_doubt"]] == ["btc-7-1"]
        release.set()


async def test_an_order_in_doubt_may_be_invisible_and_one_that_was_refused_is_not(
    open_bridge: Any, coinbase: Any
) -> None:
    body = {"product_id": "BTC-USD", "side": "BUY", "quote_size": "25"}
    coinbase.on("POST", "/orders", refused(error="INSUFFICIENT_FUND"))
    async with open_bridge() as client:
        await client.post("/order/market", json=body | {"client_order_id": "btc-7-1"})
        assert (await client.get(ASK)).json()["all_visible"]
        coinbase.on("POST", "/orders", httpx.Response(500))
        await client.post("/order/market", json=body | {"client_order_id": "btc-7-2"})
        assert not (await client.get(ASK)).json()["all_visible"]


async def test_orders_that_may_exist_are_told_as_in_doubt_until_they_are_listed_or_absent(
    make_bridge: Any, coinbase: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bot that begins on an older state would place them once more, under other ids."""
    sale = {"product_id": "BTC-USD", "side": "SELL", "base_size": "0.3"}
    coinbase.on("POST", "/orders", httpx.Response(500))
    bridge = make_bridge()
    headers = {"Authorization": f"Bearer {bridge.settings.token}"}
    transport = httpx.ASGITransport(create_app(bridge))
    async with httpx.AsyncClient(transport=transport, base_url="http://bridge", headers=headers) as client:
        for name in ("btc-7-1", "btc-7-2", "other-1"):
            await client.post("/order/market", json=sale | {"client_order_id": name})
        await client.post(
            "/orders/market_buy", json={"product_id": "BTC-USD", "quote_size": "25", "client_order_id": "btc-7-3"}
        )
        coinbase.on("POST", "/orders", refused(error="INSUFFICIENT_FUND"))
        await client.post("/order/market", json=sale | {"client_order_id": "btc-7-4"})
        listed(coinbase, one(2, "btc-7-2"))
        told, entry = (await client.get(ASK)).json()["in_doubt"]
        sent_at = datetime.fromisoformat(told.pop("sent_time")).timestamp()
        assert told == {"client_order_id": "btc-7-1", "side": "SELL", "base_size": "0.30000000", "quote_size": None}
        assert abs(sent_at - time.time()) < 60
        assert (entry["client_order_id"], entry["quote_size"], entry["base_size"]) == ("btc-7-3", "25.00", None)
        assert (await client.get(ASK.replace("BTC-USD", "ETH-USD"))).json()["in_doubt"] == []
        monkeypatch.setattr(order_lookup, "INVISIBLE_SECONDS", 0.0)
        assert (await client.get(ASK)).json()["in_doubt"] == []


async def test_a_bridge_that_has_just_come_up_does_not_know_what_the_one_before_has_sent(
    make_bridge: Any,
) -> None:
    bridge = make_bridge()
    headers = {"Authorization": f"Bearer {bridge.settings.token}"}
    transport = httpx.ASGITransport(create_app(bridge))
    async with httpx.AsyncClient(transport=transport, base_url="http://bridge", headers=headers) as client:
        for seconds, known in ((29, False), (31, True)):
            bridge.orders.sent.known_since = time.monotonic() - seconds
            assert (await client.get(ASK)).json()["all_visible"] is known


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
