"""One client order id, one order: repeats are answered with it, another wish under its id is not sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

import httpx
import pytest

from cbbot.contract.bridge_orders import MarketOrder
from cbbot_bridge.bridge_app import create_app
from cbbot_bridge.http_errors import RequestRefused
from cbbot_bridge.order_wish import wish_of
from cbbot_bridge.sent_orders import SentOrders
from coinbase_answers import filled_order, page, placed, refused

pytestmark = pytest.mark.anyio

BUY = {"client_order_id": "c-1", "product_id": "BTC-USD", "side": "BUY", "quote_size": "25.009"}
LISTING = "/orders/historical/batch"
LOOK = "/order?client_order_id=c-1&product_id=BTC-USD&since=1795368000"
NO_FUNDS = refused(error="INSUFFICIENT_FUND")
DUPLICATE = refused(new_order_failure_reason="DUPLICATE_CLIENT_ORDER_ID")


async def order(client: httpx.AsyncClient, **changes: Any) -> httpx.Response:
    return await client.post("/order/market", json={**BUY, **changes})


async def close_the_product(client: httpx.AsyncClient, coinbase: Any) -> None:
    product = (await client.get("/product/BTC-USD")).json()
    coinbase.on("GET", "/market/products/BTC-USD", {**product, "trading_disabled": True})
    # Read anew: the order path remembers a product for some seconds.
    assert (await client.get("/product/BTC-USD")).json()["trading_disabled"] is True


async def test_a_repeat_of_a_placed_order_is_answered_with_it_although_the_product_is_closed_by_now(
    open_bridge: Any, coinbase: Any
) -> None:
    coinbase.on("POST", "/orders", placed())
    async with open_bridge() as client:
        first = await order(client)
        await close_the_product(client, coinbase)
        again = await order(client, quote_size="25.0090")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["order_id"] == again.json()["order_id"] == "o-1"
    assert len(coinbase.bodies()) == 1


async def test_a_look_that_finds_the_order_pending_ends_the_doubt(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", "/orders", httpx.ReadTimeout("slow"))
    coinbase.on("GET", LISTING, page([filled_order(status="PENDING", filled_size="0", filled_value="0")]))
    coinbase.on("GET", "/orders/historical/fills", {"fills": [], "cursor": ""})
    async with open_bridge() as client:
        assert (await order(client)).json()["outcome"] == "unknown"
        assert (await client.get(LOOK)).json()["status"] == "PENDING"
        await close_the_product(client, coinbase)
        sent = len(coinbase.bodies())
        again = await order(client)
    assert (again.status_code, again.json()["order_id"]) == (200, "o-1")
    assert len(coinbase.bodies()) == sent


@pytest.mark.parametrize("refuser", ["gate", "funds", "size", "key"])
async def test_after_a_restart_an_order_that_exists_is_not_refused(
    open_bridge: Any, coinbase: Any, refuser: str
) -> None:
    coinbase.on("POST", "/orders", NO_FUNDS)
    coinbase.on("GET", LISTING, page([filled_order(9)], "p2"), page([filled_order()]))
    async with open_bridge() as client:
        if refuser == "gate":
            await close_the_product(client, coinbase)
        if refuser == "key":
            coinbase.on("GET", "/key_permissions", {"can_view": True, "can_trade": False, "can_transfer": False})
            await client.get("/upstream")
        got = await order(client, **({"quote_size": "0.001"} if refuser == "size" else {}))
    assert (got.status_code, got.json()["order_id"]) == (200, "o-1")
    assert len(coinbase.bodies()) == (1 if refuser == "funds" else 0)


async def test_a_refusal_of_an_id_that_no_listing_knows_is_a_refusal(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", "/orders", NO_FUNDS)
    async with open_bridge() as client:
        got = await order(client)
        assert (got.status_code, got.json()["error"]["code"]) == (400, "INSUFFICIENT_FUND")
    (look,) = coinbase.asked("GET", LISTING)
    assert look.url.params["product_ids"] == "BTC-USD"


async def test_an_order_of_a_product_that_coinbase_does_not_know_is_refused(open_bridge: Any, coinbase: Any) -> None:
    def listing(request: httpx.Request) -> httpx.Response:
        if "product_ids" in request.url.params:
            return httpx.Response(400, json={"error": "INVALID_ARGUMENT", "message": "product_ids"})
        return httpx.Response(200, json=page([]))

    coinbase.on("GET", LISTING, listing)
    async with open_bridge() as client:
        got = await order(client, product_id="NOPE-USD")
    assert (got.status_code, got.json()["error"]["code"]) == (404, "NOT_FOUND")
    assert coinbase.bodies() == []


@pytest.mark.parametrize(
    "listing",
    [
        httpx.Response(500),
        httpx.ReadTimeout("slow"),
        page([], has_next=True),
        page([], proof_token_required=True),
        page([], has_next="false"),
    ],
    ids=["500", "timeout", "cut", "proof", "flag of text"],
)
async def test_a_refusal_is_unknown_as_long_as_the_listing_cannot_be_read_whole(
    open_bridge: Any, coinbase: Any, listing: Any
) -> None:
    coinbase.on("POST", "/orders", NO_FUNDS)
    coinbase.on("GET", LISTING, listing)
    async with open_bridge() as client:
        got = await order(client)
    assert (got.status_code, got.json()["outcome"], got.json()["error"]["code"]) == (
        502,
        "unknown",
        "INSUFFICIENT_FUND",
    )


async def test_right_after_its_start_a_bridge_takes_absence_for_nothing(make_bridge: Any, coinbase: Any) -> None:
    bridge = make_bridge()
    coinbase.on("POST", "/orders", NO_FUNDS)
    headers = {"Authorization": f"Bearer {bridge.settings.token}"}
    transport = httpx.ASGITransport(create_app(bridge))
    async with httpx.AsyncClient(transport=transport, base_url="http://bridge", headers=headers) as client:
        bridge.orders.sent.known_since = time.monotonic() - 20
        assert (await order(client)).json()["outcome"] == "unknown"
        bridge.orders.sent.known_since = time.monotonic() - 31
        assert (await order(client)).status_code == 400
        looks = len(coinbase.asked("GET", LISTING))
        bridge.orders.sent.known_since = time.monotonic() - 8 * 86_400
        assert (await order(client)).status_code == 400
    # After a week every id that could come back is known.
    assert len(coinbase.asked("GET", LISTING)) == looks


@pytest.mark.parametrize(
    "answer",
    [
        DUPLICATE,
        refused(error="UNKNOWN_FAILURE_REASON", preview_failure_reason="PREVIEW_DUPLICATE_CLIENT_ORDER_ID"),
        {"success": False, "failure_reason": "DUPLICATE_CLIENT_ORDER_ID"},
        {**NO_FUNDS, "order_id": "o-1"},
        {"success": False, "error_response": {"error": "INTERNAL", "order_id": "o-1"}},
        {"success": False, "success_response": {"order_id": "o-1"}},
        httpx.Response(409, json={"error": "ALREADY_EXISTS", "message": "exists"}),
        httpx.Response(409, content=b"<html>"),
        httpx.Response(400, json={"error": "ALREADY_EXISTS", "message": "exists"}),
    ],
)
async def test_an_answer_that_speaks_of_an_order_is_no_refusal(open_bridge: Any, coinbase: Any, answer: Any) -> None:
    coinbase.on("POST", "/orders", answer)
    async with open_bridge() as client:
        first = await order(client)
        assert (first.status_code, first.json()["outcome"]) == (502, "unknown")
        coinbase.on("GET", LISTING, page([filled_order()]))
        second = await order(client)
    assert (second.status_code, second.json()["order_id"]) == (200, "o-1")


async def test_a_duplicate_that_is_listed_is_answered_at_once(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", "/orders", DUPLICATE)
    coinbase.on("GET", LISTING, page([filled_order()]))
    async with open_bridge() as client:
        assert (await order(client)).json()["order_id"] == "o-1"


async def at_once(coinbase: Any, answer: Any, *requests: Awaitable[httpx.Response]) -> list[httpx.Response]:
    """The answers to ``requests``, all made while Coinbase holds back its ``answer`` to the first."""
    arrived, release = asyncio.Event(), asyncio.Event()

    async def slow(request: httpx.Request) -> Any:
        arrived.set()
        await release.wait()
        return answer(request) if callable(answer) else answer

    coinbase.on("POST", "/orders", slow)
    tasks = [asyncio.ensure_future(request) for request in requests]
    await asyncio.wait_for(arrived.wait(), 5)
    # The others come as far as they can.
    for _ in range(100):
        await asyncio.sleep(0)
    release.set()
    return await asyncio.gather(*tasks)


async def test_two_requests_with_one_id_at_once_are_one_order(open_bridge: Any, coinbase: Any) -> None:
    async with open_bridge() as client:
        both = await at_once(coinbase, placed(), order(client), order(client))
    assert [answer.status_code for answer in both] == [200, 200]
    assert {answer.json()["order_id"] for answer in both} == {"o-1"}
    assert len(coinbase.bodies()) == 1


async def test_another_wish_under_an_id_in_flight_is_not_sent(open_bridge: Any, coinbase: Any) -> None:
    async with open_bridge() as client:
        first, other = await at_once(coinbase, placed(), order(client), order(client, quote_size="99"))
    assert (first.status_code, other.status_code) == (200, 409)
    assert other.json()["error"]["code"] == "id_in_use"
    assert len(coinbase.bodies()) == 1


async def test_a_doubt_outlives_the_late_refusal_of_another_request(open_bridge: Any, coinbase: Any) -> None:
    answers = iter([httpx.Response(200, json=NO_FUNDS)] + [httpx.Response(500)] * 4)
    async with open_bridge() as client:
        both = await at_once(coinbase, lambda _request: next(answers), order(client), order(client))
        assert [answer.json().get("outcome") for answer in both] == [None, "unknown"]
        coinbase.on("POST", "/orders", NO_FUNDS)
        assert (await order(client)).json()["outcome"] == "unknown"


OTHER_WISHES = [
    {"product_id": "ETH-USD"},
    {"side": "SELL"},
    {"quote_size": "25"},
    {"quote_size": None, "base_size": "25.009"},
    {"attached": {"limit_price": "9", "stop_trigger_price": "8"}},
]


@pytest.mark.parametrize("wish", OTHER_WISHES, ids=["product", "side", "size", "currency of size", "attached"])
@pytest.mark.parametrize("fate", [httpx.ReadTimeout("slow"), placed()], ids=["unknown", "placed"])
async def test_another_wish_under_a_known_id_is_refused_and_nothing_sent(
    open_bridge: Any, coinbase: Any, fate: Any, wish: dict[str, Any]
) -> None:
    coinbase.on("POST", "/orders", fate)
    async with open_bridge() as client:
        await order(client)
        sent = len(coinbase.bodies())
        got = await order(client, **wish)
    assert (got.status_code, got.json()["error"]["code"]) == (409, "id_in_use")
    assert "outcome" not in got.json()
    assert len(coinbase.bodies()) == sent


async def test_another_kind_under_a_known_id_is_another_wish(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", "/orders", placed())
    sell = {"side": "SELL", "quote_size": None, "base_size": "1"}
    limit = {"client_order_id": "c-1", "product_id": "BTC-USD", "side": "SELL", "base_size": "1", "limit_price": "9"}
    async with open_bridge() as client:
        assert (await order(client, **sell)).status_code == 200
        got = await client.post("/order/limit", json=limit)
    assert (got.status_code, got.json()["error"]["code"]) == (409, "id_in_use")
    assert len(coinbase.bodies()) == 1


async def test_the_id_of_a_refused_order_is_free_for_another_wish(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", "/orders", NO_FUNDS, placed())
    async with open_bridge() as client:
        assert (await order(client)).status_code == 400
        assert (await order(client, quote_size="10")).status_code == 200


ANOTHER = [
    {"side": "SELL"},
    {"product_id": "ETH-USD"},
    {"order_configuration": {"market_market_ioc": {"quote_size": "26"}}},
    {"order_configuration": {"limit_limit_gtc": {"base_size": "1", "limit_price": "9"}}},
]


@pytest.mark.parametrize("another", ANOTHER, ids=["side", "product", "size", "kind"])
async def test_an_answer_with_another_order_is_not_passed_on_as_this_one(
    open_bridge: Any, coinbase: Any, another: dict[str, Any]
) -> None:
    coinbase.on("POST", "/orders", placed(**another))
    async with open_bridge() as client:
        got = await order(client)
        metrics = (await client.get("/metrics")).text
    assert (got.status_code, got.json()["error"]["code"]) == (409, "id_in_use")
    assert 'bridge_order_contradictions_total{what="id"} 1.0' in metrics


@pytest.mark.parametrize("another", ANOTHER, ids=["side", "product", "size", "kind"])
async def test_a_listed_order_that_is_another_is_not_passed_on_as_this_one(
    open_bridge: Any, coinbase: Any, another: dict[str, Any]
) -> None:
    coinbase.on("POST", "/orders", DUPLICATE)
    coinbase.on("GET", LISTING, page([filled_order(**another)]))
    async with open_bridge() as client:
        got = await order(client)
    assert (got.status_code, got.json()["error"]["code"]) == (409, "id_in_use")


async def test_an_answer_about_another_id_tells_nothing(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", "/orders", placed(client_order_id="c-2"))
    async with open_bridge() as client:
        got = await order(client)
    assert (got.status_code, got.json()["outcome"]) == (502, "unknown")


async def test_a_sell_by_quote_is_the_same_order_at_another_bid(open_bridge: Any, coinbase: Any) -> None:
    original = {"market_market_ioc": {"base_size": "0.00099"}}
    coinbase.on("POST", "/orders", placed(order_configuration=original))
    async with open_bridge() as client:
        assert (await order(client, side="SELL", quote_size="100")).status_code == 200


async def test_an_order_that_was_edited_since_is_still_the_one(open_bridge: Any, coinbase: Any) -> None:
    wish = {"client_order_id": "c-1", "product_id": "BTC-USD", "side": "BUY", "base_size": "1", "limit_price": "90"}
    leg = {"base_size": "2", "limit_price": "91", "post_only": False}
    edited = filled_order(
        status="OPEN",
        order_configuration={"limit_limit_gtc": leg},
        edit_history=[{"price": "91", "size": "2", "replace_accept_timestamp": "2026-11-22T17:21:00Z"}],
    )
    coinbase.on("POST", "/orders", DUPLICATE)
    coinbase.on("GET", LISTING, page([edited]))
    async with open_bridge() as client:
        assert (await client.post("/order/limit", json=wish)).status_code == 200


async def test_what_is_forgotten_for_want_of_room_is_no_longer_known() -> None:
    orders = SentOrders(known_since=0.0, most=2)
    wish = wish_of(MarketOrder.model_validate(BUY))
    for number in range(3):
        async with orders.claimed(f"c-{number}", wish, time.monotonic() + 1) as sent:
            sent.sending({}, 100.0 + number)
    assert orders.known_since == 100.0
    other = wish_of(MarketOrder.model_validate({**BUY, "quote_size": "1"}))
    async with orders.claimed("c-0", other, time.monotonic() + 1):
        pass
    with pytest.raises(RequestRefused):
        async with orders.claimed("c-2", other, time.monotonic() + 1):
            pass
