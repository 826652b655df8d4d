"""Orders are found in full listings, and absence says how far was looked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from coinbase_answers import fill, filled_order, page

pytestmark = pytest.mark.anyio

SINCE = 1_795_368_000
LOOK = f"/order?client_order_id=c-1&product_id=BTC-USD&since={SINCE}"


async def test_an_order_is_answered_with_the_fills_of_all_pages(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/orders/historical/o-1", {"order": filled_order(1)})
    coinbase.on(
        "GET",
        "/orders/historical/fills",
        {"fills": [fill("a", "0.1"), fill("x", "9", "o-2")], "cursor": "p2"},
        {"fills": [fill("b", "0.1"), fill("a", "0.1")], "cursor": "p3"},
        {"fills": [fill("c", "0.1")], "cursor": ""},
    )
    async with open_bridge() as client:
        got = (await client.get("/order/o-1")).json()
    assert (got["filled_size"], got["fills_agree"], got["commission_total_usd"]) == ("0.3", True, "0.27")
    asked = [dict(request.url.params) for request in coinbase.asked("GET", "/orders/historical/fills")]
    assert [query.get("cursor") for query in asked] == [None, "p2", "p3"]
    assert all(query["order_ids"] == "o-1" for query in asked)


async def test_fills_end_at_an_empty_page_although_a_cursor_is_given(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/orders/historical/o-1", {"order": filled_order(1)})
    coinbase.on(
        "GET", "/orders/historical/fills", {"fills": [fill("a", "0.3")], "cursor": "p"}, {"fills": [], "cursor": "q"}
    )
    async with open_bridge() as client:
        assert (await client.get("/order/o-1")).json()["fills_agree"] is True


@pytest.mark.parametrize(
    "cut",
    [{"cursor": "same"}, {}, {"cursor": None}, {"cursor": "", "has_next": "false"}, {"proof_token_required": True}],
    ids=["circle", "no cursor", "null", "flag of text", "proof"],
)
async def test_fills_that_do_not_come_to_their_end_never_agree(
    open_bridge: Any, coinbase: Any, cut: dict[str, Any]
) -> None:
    coinbase.on("GET", "/orders/historical/o-1", {"order": filled_order()})
    end = {"cursor": ""} if "proof_token_required" in cut else {}
    coinbase.on("GET", "/orders/historical/fills", {"fills": [fill("a", "0.3")], **end, **cut})
    async with open_bridge() as client:
        got = (await client.get("/order/o-1")).json()
    assert (got["filled_size"], got["fills_agree"]) == ("0.3", False)


async def test_an_order_that_cannot_be_seen_is_404_and_one_that_cannot_be_asked_for_is_not(
    open_bridge: Any, coinbase: Any
) -> None:
    async with open_bridge() as client:
        assert (await client.get("/order/o-1")).status_code == 404
        coinbase.on("GET", "/orders/historical/o-1", httpx.ReadTimeout("slow"))
        assert (await client.get("/order/o-1")).status_code == 504


async def test_our_own_id_is_found_on_a_later_page(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on(
        "GET", "/orders/historical/batch", page([filled_order(3), filled_order(2)], "p2"), page([filled_order(1)])
    )
    coinbase.on("GET", "/orders/historical/fills", {"fills": [fill("a", "0.3")], "cursor": ""})
    async with open_bridge() as client:
        got = (await client.get(LOOK)).json()
    assert (got["order_id"], got["client_order_id"], got["fills_agree"]) == ("o-1", "c-1", True)
    first = dict(coinbase.asked("GET", "/orders/historical/batch")[0].url.params)
    assert first["product_ids"] == "BTC-USD"
    # Ten minutes before `since`: clocks differ.
    assert first["start_date"] == "2026-11-22T17:10:00.000Z"


async def test_absence_tells_how_far_and_how_completely_was_looked(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on(
        "GET", "/orders/historical/batch", page([filled_order(3), filled_order(2)], "p2"), page([filled_order(5)])
    )
    async with open_bridge() as client:
        await client.get("/time")
        got = await client.get(LOOK)
    assert got.status_code == 404
    assert got.json()["error"]["code"] == "not_found"
    search = got.json()["search"]
    assert (search["pages"], search["orders_seen"], search["complete"]) == (2, 3, True)
    assert search["since"] == "2026-11-22T17:10:00.000Z"
    assert 720 <= search["looked_back_seconds"] <= 725


@pytest.mark.parametrize(
    ("end", "complete"),
    [
        ({"has_next": False, "cursor": ""}, True),
        ({"has_next": False, "cursor": "abc"}, True),
        ({"has_next": False}, True),
        ({"cursor": ""}, True),
        ({"has_next": None, "cursor": ""}, True),
        ({"has_next": False, "cursor": "", "proof_token_required": False}, True),
        ({"cursor": "abc"}, False),
        ({}, False),
        ({"cursor": None}, False),
        ({"cursor": 0}, False),
        ({"has_next": "true", "cursor": "abc"}, False),
        ({"has_next": "false", "cursor": ""}, False),
        ({"has_next": 0, "cursor": ""}, False),
        ({"has_next": False, "cursor": "", "proof_token_required": True}, False),
        ({"has_next": False, "cursor": "", "proof_token_required": "true"}, False),
    ],
)
async def test_a_look_is_complete_only_when_coinbase_says_that_there_is_no_more(
    open_bridge: Any, coinbase: Any, end: dict[str, Any], complete: bool
) -> None:
    coinbase.on("GET", "/orders/historical/batch", {"orders": [], **end})
    async with open_bridge() as client:
        got = await client.get(LOOK)
    assert (got.status_code, got.json()["search"]["complete"]) == (404, complete)
    assert ("among all" in got.json()["error"]["message"]) is complete


async def test_a_proof_that_was_wanted_on_one_page_is_wanted_for_the_whole_look(
    open_bridge: Any, coinbase: Any
) -> None:
    first = page([filled_order(3)], "p2", proof_token_required=True)
    coinbase.on("GET", "/orders/historical/batch", first, page([filled_order(2)]))
    async with open_bridge() as client:
        search = (await client.get(LOOK)).json()["search"]
    assert (search["pages"], search["complete"]) == (2, False)


@pytest.mark.parametrize("cursor", ["same", ""])
async def test_a_listing_that_does_not_end_proves_nothing(open_bridge: Any, coinbase: Any, cursor: str) -> None:
    coinbase.on("GET", "/orders/historical/batch", {"orders": [filled_order(3)], "has_next": True, "cursor": cursor})
    async with open_bridge() as client:
        got = await client.get(LOOK)
    assert got.status_code == 404
    assert got.json()["search"]["complete"] is False


async def test_a_listing_that_breaks_off_is_no_absence(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/orders/historical/batch", page([filled_order(3)], "p2"), httpx.Response(500))
    async with open_bridge() as client:
        assert (await client.get(LOOK)).status_code == 502


@pytest.mark.parametrize("missing", ["client_order_id", "product_id", "since"])
async def test_all_three_questions_are_needed(open_bridge: Any, missing: str) -> None:
    params = {"client_order_id": "c-1", "product_id": "BTC-USD", "since": str(SINCE)}
    del params[missing]
    async with open_bridge() as client:
        got = await client.get("/order", params=params)
    assert got.status_code == 422
    assert missing in got.json()["error"]["message"]
