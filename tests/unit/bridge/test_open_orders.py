"""What is open: every order that is not over, all pages, or an error. And what an order shows of itself."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from coinbase_answers import page, resting

pytestmark = pytest.mark.anyio

ORDER = "/orders/historical/o-1"


@pytest.fixture(autouse=True)
def no_fills(coinbase: Any) -> None:
    coinbase.on("GET", "/orders/historical/fills", {"fills": [], "cursor": ""})


def listed(coinbase: Any, *orders: dict[str, Any]) -> None:
    """A listing that heeds the filter of states, two orders a page."""

    def answer(request: httpx.Request) -> httpx.Response:
        statuses = request.url.params.get_list("order_status")
        found = [order for order in orders if order["status"] in statuses]
        start = int(request.url.params.get("cursor", 0))
        more = str(start + 2) if len(found) > start + 2 else ""
        return httpx.Response(200, json=page(found[start : start + 2], more))

    coinbase.on("GET", "/orders/historical/batch", answer)


def one(number: int, status: str, **changes: Any) -> dict[str, Any]:
    order: dict[str, Any] = resting(status, **({"order_id": f"o-{number}"} | changes))["order"]
    return order


async def test_open_orders_are_all_that_are_not_over_whatever_they_wait_for(open_bridge: Any, coinbase: Any) -> None:
    alive = ["OPEN", "PENDING", "OPEN", "QUEUED", "CANCEL_QUEUED", "OPEN", "EDIT_QUEUED"]
    over = [one(90, "FILLED"), one(91, "CANCELLED")]
    listed(coinbase, *over, *(one(number, status) for number, status in enumerate(alive)))
    async with open_bridge() as client:
        got = (await client.get("/orders/open?product_id=BTC-USD")).json()
    assert sorted(order["order_id"] for order in got["orders"]) == [f"o-{number}" for number in range(7)]
    assert got["size"] == 7
    assert got["orders"][0]["limit_price"] == "70000"
    asked = coinbase.asked("GET", "/orders/historical/batch")
    assert all(request.url.params["product_ids"] == "BTC-USD" for request in asked)


async def test_open_orders_of_other_products_are_left_out_only_when_one_is_asked_for(
    open_bridge: Any, coinbase: Any
) -> None:
    listed(coinbase, one(1, "OPEN"), one(2, "OPEN", product_id="ETH-USD"))
    async with open_bridge() as client:
        of_one = (await client.get("/orders/open?product_id=BTC-USD")).json()
        of_all = (await client.get("/orders/open")).json()
    assert (of_one["size"], of_all["size"]) == (1, 2)
    assert "product_ids" not in coinbase.asked("GET", "/orders/historical/batch")[-1].url.params


@pytest.mark.parametrize("change", [("PENDING", "OPEN"), ("OPEN", "CANCEL_QUEUED"), ("OPEN", "EDIT_QUEUED")])
async def test_an_order_that_changes_its_state_between_two_pages_is_not_missed(
    open_bridge: Any, coinbase: Any, change: tuple[str, str]
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        asked = len(coinbase.asked("GET", "/orders/historical/batch"))
        # The listing before the change, and every one after it.
        status = change[0] if asked == 1 else change[1]
        found = [one(1, status)] if status in request.url.params.get_list("order_status") else []
        return httpx.Response(200, json=page(found))

    coinbase.on("GET", "/orders/historical/batch", answer)
    async with open_bridge() as client:
        assert (await client.get("/orders/open")).json()["size"] == 1


async def test_one_open_order_that_cannot_be_read_hides_no_other(open_bridge: Any, coinbase: Any) -> None:
    sideless, nameless = one(2, "OPEN", side="SIDEWAYS"), one(3, "OPEN", order_id=None)
    listed(coinbase, one(1, "OPEN"), sideless, nameless, one(4, "OPEN"))
    async with open_bridge() as client:
        answer = await client.get("/orders/open")
    got = answer.json()
    assert (answer.status_code, got["size"]) == (200, 2)
    assert [order["order_id"] for order in got["orders"]] == ["o-1", "o-4"]
    assert [each["order_id"] for each in got["unreadable"]] == ["o-2", ""]
    assert "side" in got["unreadable"][0]["reason"]


@pytest.mark.parametrize(
    ("end", "status", "code"),
    [
        ({"has_next": True, "cursor": ""}, 502, "upstream_malformed"),
        ({"has_next": "false", "cursor": ""}, 502, "upstream_malformed"),
        ({"cursor": "abc"}, 502, "upstream_malformed"),
        ({"has_next": False, "cursor": "", "proof_token_required": True}, 503, "proof_wanted"),
    ],
)
async def test_open_orders_that_are_not_certain_to_be_all_are_an_error(
    open_bridge: Any, coinbase: Any, end: dict[str, Any], status: int, code: str
) -> None:
    coinbase.on("GET", "/orders/historical/batch", {"orders": [one(1, "OPEN")], **end})
    async with open_bridge() as client:
        got = await client.get("/orders/open")
    assert (got.status_code, got.json()["error"]["code"]) == (status, code)


async def test_an_order_shows_what_it_asks_for(open_bridge: Any, coinbase: Any) -> None:
    configuration = {
        "trigger_bracket_gtd": {"base_size": "1", "limit_price": "9", "stop_trigger_price": "8", "end_time": "x"}
    }
    coinbase.on("GET", ORDER, resting(order_configuration=configuration, pending_cancel=True))
    async with open_bridge() as client:
        got = (await client.get("/order/o-1")).json()
    shown = [got[key] for key in ("kind", "time_in_force", "base_size", "limit_price", "stop_price", "pending_cancel")]
    assert shown == ["BRACKET", "GTD", "1", "9", "8", True]


async def test_a_configuration_of_tomorrow_is_of_no_known_kind(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("GET", ORDER, resting(order_configuration={"twap_limit_gtd": {"base_size": "1"}}))
    async with open_bridge() as client:
        got = (await client.get("/order/o-1")).json()
    assert (got["kind"], got["time_in_force"], got["base_size"]) == (None, None, "1")
