"""Cancel and edit: done, certainly not done with the order as it stands, or unknown."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from cbbot_bridge.coinbase.retry import RetryPolicy
from coinbase_answers import filled_order, resting

pytestmark = pytest.mark.anyio

ORDER = "/orders/historical/o-1"
CANCEL = "/orders/batch_cancel"
EDIT = "/orders/edit"
WANTED = {"price": "69500.009", "size": "0.5"}


PARTLY = {"filled_size": "0.1", "filled_value": "10", "average_filled_price": "100"}
FILLED = {"order": filled_order()}


def result(*, success: bool, reason: str = "UNKNOWN_CANCEL_FAILURE_REASON", order_id: str = "o-1") -> dict[str, Any]:
    return {"results": [{"success": success, "failure_reason": reason, "order_id": order_id}]}


@pytest.fixture
def quick_retry() -> RetryPolicy:
    """With less time than elsewhere: what stays unknown uses it up."""
    return RetryPolicy(base_seconds=0.001, cap_seconds=0.01, total_seconds=1.0, least_seconds=0.05)


@pytest.fixture(autouse=True)
def no_fills(coinbase: Any) -> None:
    coinbase.on("GET", "/orders/historical/fills", {"fills": [], "cursor": ""})


async def cancel(open_bridge: Any) -> httpx.Response:
    async with open_bridge() as client:
        answer: httpx.Response = await client.delete("/order/o-1")
    return answer


async def edit(open_bridge: Any, **changes: str) -> httpx.Response:
    async with open_bridge() as client:
        answer: httpx.Response = await client.patch("/order/o-1", json={**WANTED, **changes})
    return answer


async def test_a_cancel_that_was_accepted_is_followed_until_the_order_is_canceled(
    open_bridge: Any, coinbase: Any
) -> None:
    coinbase.on("POST", CANCEL, result(success=True))
    waiting = [httpx.Response(500), resting("CANCEL_QUEUED"), resting(pending_cancel=True)]
    coinbase.on("GET", ORDER, *waiting, resting("CANCELLED", **PARTLY))
    got = await cancel(open_bridge)
    assert (got.status_code, got.json()["status"], got.json()["filled_size"]) == (200, "CANCELLED", "0.1")
    assert coinbase.bodies(CANCEL) == [{"order_ids": ["o-1"]}]


@pytest.mark.parametrize("status", ["FILLED", "EXPIRED", "FAILED"])
async def test_a_cancel_that_crosses_the_orders_end_is_certainly_none(
    open_bridge: Any, coinbase: Any, status: str
) -> None:
    coinbase.on("POST", CANCEL, result(success=True))
    coinbase.on("GET", ORDER, resting(), {"order": filled_order(status=status)})
    got = await cancel(open_bridge)
    assert (got.status_code, got.json()["error"]["code"]) == (409, "not_canceled")
    assert (got.json()["order"]["status"], got.json()["order"]["filled_size"]) == (status, "0.3")
    assert "outcome" not in got.json()


@pytest.mark.parametrize("reason", ["UNKNOWN_CANCEL_ORDER", "ORDER_IS_FULLY_FILLED", "DUPLICATE_CANCEL_REQUEST"])
async def test_an_order_that_is_canceled_already_is_canceled(open_bridge: Any, coinbase: Any, reason: str) -> None:
    coinbase.on("POST", CANCEL, result(success=False, reason=reason))
    coinbase.on("GET", ORDER, resting("CANCELLED"))
    assert (await cancel(open_bridge)).status_code == 200


@pytest.mark.parametrize(
    "reason",
    [
        "INVALID_CANCEL_REQUEST",
        "UNKNOWN_CANCEL_ORDER",
        "COMMANDER_REJECTED_CANCEL_ORDER",
        "INVALID_CANCEL_PRODUCT_ID",
        "INVALID_CANCEL_FCM_TRADING_SESSION",
        "NOT_ALLOWED_TO_CANCEL",
        "ORDER_IS_FULLY_FILLED",
        "ORDER_IS_BEING_REPLACED",
    ],
)
@pytest.mark.parametrize("order", [resting(), FILLED], ids=["goes on", "over"])
async def test_a_no_is_answered_with_how_the_order_stands(
    open_bridge: Any, coinbase: Any, reason: str, order: dict[str, Any]
) -> None:
    coinbase.on("POST", CANCEL, result(success=False, reason=reason))
    coinbase.on("GET", ORDER, order)
    got = await cancel(open_bridge)
    assert (got.status_code, got.json()["error"]["code"]) == (409, reason)
    assert got.json()["order"]["status"] == order["order"]["status"]


async def test_a_no_while_another_cancel_is_under_way_waits_for_that(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", CANCEL, result(success=False, reason="DUPLICATE_CANCEL_REQUEST"))
    coinbase.on("GET", ORDER, resting(), resting("CANCEL_QUEUED"), resting("CANCELLED"))
    assert (await cancel(open_bridge)).status_code == 200


async def test_a_no_about_an_order_that_nobody_knows_is_not_found(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", CANCEL, result(success=False, reason="UNKNOWN_CANCEL_ORDER"))
    got = await cancel(open_bridge)
    assert (got.status_code, got.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "answer",
    [
        result(success=True),
        httpx.ReadTimeout("slow"),
        httpx.Response(500),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(409, json={"error": "CONFLICT"}),
        {"results": []},
        {"results": None},
        {},
        result(success=True, order_id="o-2"),
        {"results": [{"success": "true", "order_id": "o-1"}]},
        {"results": [result(success=True)["results"][0]] * 2},
    ],
)
async def test_a_cancel_whose_end_is_not_to_be_seen_is_unknown(open_bridge: Any, coinbase: Any, answer: Any) -> None:
    coinbase.on("POST", CANCEL, answer)
    coinbase.on("GET", ORDER, resting())
    got = await cancel(open_bridge)
    assert (got.status_code, got.json()["outcome"], got.json()["error"]["code"]) == (504, "unknown", "still_pending")


@pytest.mark.parametrize("end", ["CANCELLED", "FILLED"])
async def test_a_cancel_without_an_answer_is_settled_by_the_order(open_bridge: Any, coinbase: Any, end: str) -> None:
    no = result(success=False, reason="UNKNOWN_CANCEL_ORDER")
    coinbase.on("POST", CANCEL, httpx.ReadTimeout("slow"), no)
    coinbase.on("GET", ORDER, resting(), resting(end))
    got = await cancel(open_bridge)
    assert (got.status_code, got.json().get("order", got.json())["status"]) == (200 if end == "CANCELLED" else 409, end)


async def test_a_no_after_a_try_without_an_answer_proves_nothing(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", CANCEL, httpx.ReadTimeout("slow"), result(success=False, reason="NOT_ALLOWED_TO_CANCEL"))
    coinbase.on("GET", ORDER, resting())
    assert (await cancel(open_bridge)).json()["outcome"] == "unknown"


@pytest.mark.parametrize("method", ["DELETE", "PATCH"])
@pytest.mark.parametrize(
    ("trouble", "status", "outcome"),
    [
        (httpx.ConnectError("refused"), 503, "not_sent"),
        (httpx.Response(429), 503, "not_sent"),
        (httpx.Response(401, text="Unauthorized"), 503, "not_sent"),
        (httpx.Response(403, json={"error": "PERMISSION_DENIED", "message": "no"}), 403, None),
        (httpx.Response(400, json={"error": "INVALID_ARGUMENT", "message": "no"}), 400, None),
    ],
)
async def test_what_did_not_get_in_changed_nothing(
    open_bridge: Any, coinbase: Any, method: str, trouble: Any, status: int, outcome: str | None
) -> None:
    coinbase.on("GET", ORDER, resting())
    coinbase.on("POST", CANCEL, trouble)
    coinbase.on("POST", EDIT, trouble)
    got = await (cancel(open_bridge) if method == "DELETE" else edit(open_bridge))
    assert (got.status_code, got.json().get("outcome")) == (status, outcome)


async def test_a_state_that_cannot_be_read_leaves_the_no(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", CANCEL, result(success=False, reason="ORDER_IS_FULLY_FILLED"))
    coinbase.on("GET", ORDER, FILLED)
    coinbase.on("GET", "/orders/historical/fills", httpx.Response(500))
    got = await cancel(open_bridge)
    assert (got.status_code, got.json()["order"]) == (409, None)


EDITED = resting(price="69500.00", size="0.50000000")
BY_HISTORY = resting(
    edit_history=[
        {"price": "69500.00", "size": "0.5", "replace_accept_timestamp": "2026-11-22T17:22:00Z"},
        {"price": "1", "size": "1", "replace_accept_timestamp": "2026-11-22T17:21:00Z"},
    ]
)


@pytest.mark.parametrize("shown", [EDITED, BY_HISTORY], ids=["configuration", "history"])
async def test_an_edit_that_was_accepted_is_followed_until_the_order_shows_it(
    open_bridge: Any, coinbase: Any, shown: dict[str, Any]
) -> None:
    coinbase.on("POST", EDIT, {"success": True, "errors": []})
    queued = {"order": {**shown["order"], "status": "EDIT_QUEUED"}}
    coinbase.on("GET", ORDER, resting(), resting(), queued, shown)
    got = await edit(open_bridge)
    assert (got.status_code, got.json()["status"]) == (200, "OPEN")
    # A buyer's price is rounded down; both are always sent.
    assert coinbase.bodies(EDIT) == [{"order_id": "o-1", "price": "69500.00", "size": "0.50000000"}]


async def test_a_sellers_new_price_is_rounded_up(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("POST", EDIT, {"success": True, "errors": []})
    coinbase.on("GET", ORDER, resting(side="SELL"), resting(side="SELL", price="69500.01", size="0.5"))
    assert (await edit(open_bridge)).status_code == 200
    assert coinbase.bodies(EDIT)[0]["price"] == "69500.01"


async def test_an_order_that_is_so_already_is_not_asked_to_change(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("GET", ORDER, EDITED)
    assert (await edit(open_bridge)).status_code == 200
    assert coinbase.bodies(EDIT) == []


async def test_an_older_edit_with_the_same_numbers_is_not_this_one(open_bridge: Any, coinbase: Any) -> None:
    history = [
        {"price": "69500.00", "size": "0.5", "replace_accept_timestamp": "2026-11-22T17:21:00Z"},
        {"price": "1", "size": "1", "replace_accept_timestamp": "2026-11-22T17:22:00Z"},
    ]
    coinbase.on("POST", EDIT, {"success": True, "errors": []})
    coinbase.on("GET", ORDER, resting(edit_history=history), BY_HISTORY)
    assert (await edit(open_bridge)).status_code == 200
    assert len(coinbase.bodies(EDIT)) == 1


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([{"edit_failure_reason": "ORDER_ALREADY_FILLED"}], "ORDER_ALREADY_FILLED"),
        (
            [
                {
                    "edit_failure_reason": "UNKNOWN_EDIT_ORDER_FAILURE_REASON",
                    "preview_failure_reason": "UNKNOWN_PREVIEW_FAILURE_REASON",
                },
                {"edit_failure_reason": "INVALID_EDITED_PRICE"},
            ],
            "INVALID_EDITED_PRICE",
        ),
        (
            [{"edit_failure_reason": "UNKNOWN_EDIT_ORDER_FAILURE_REASON", "preview_failure_reason": "PREVIEW_X"}],
            "X",
        ),
        ([], "not_edited"),
    ],
)
async def test_an_edit_that_is_refused_is_answered_with_the_reason_and_the_order(
    open_bridge: Any, coinbase: Any, errors: list[dict[str, str]], code: str
) -> None:
    coinbase.on("POST", EDIT, {"success": False, "errors": errors})
    coinbase.on("GET", ORDER, resting())
    got = await edit(open_bridge)
    assert (got.status_code, got.json()["error"]["code"]) == (409, code)
    assert (got.json()["order"]["limit_price"], got.json()["order"]["base_size"]) == ("70000", "0.3")


async def test_the_reason_of_an_older_answer_is_found(open_bridge: Any, coinbase: Any) -> None:
    old = {"success": False, "error_response": {"edit_failure_reason": "INVALID_EDITED_SIZE"}}
    coinbase.on("POST", EDIT, old)
    coinbase.on("GET", ORDER, resting())
    assert (await edit(open_bridge)).json()["error"]["code"] == "INVALID_EDITED_SIZE"


async def test_an_order_that_is_over_is_not_asked_to_change(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("GET", ORDER, FILLED)
    got = await edit(open_bridge)
    assert (got.status_code, got.json()["error"]["code"], got.json()["order"]["status"]) == (
        409,
        "not_edited",
        "FILLED",
    )
    assert coinbase.bodies(EDIT) == []


@pytest.mark.parametrize(
    "answer",
    [
        {"success": True, "errors": [{"edit_failure_reason": "INVALID_EDITED_SIZE"}]},
        {"success": True, "errors": []},
        {"success": None},
        {},
        httpx.ReadTimeout("slow"),
        httpx.Response(500),
        httpx.Response(409),
    ],
)
@pytest.mark.parametrize("end", [resting(), FILLED], ids=["goes on", "over"])
async def test_an_edit_that_the_order_does_not_bear_out_is_unknown(
    open_bridge: Any, coinbase: Any, answer: Any, end: dict[str, Any]
) -> None:
    coinbase.on("POST", EDIT, answer)
    coinbase.on("GET", ORDER, resting(), end)
    got = await edit(open_bridge)
    assert (got.json()["outcome"], got.json()["error"]["code"]) == ("unknown", "still_pending")
    assert got.status_code in (502, 504)


async def test_an_edit_of_an_order_that_nobody_knows_is_not_found(open_bridge: Any, coinbase: Any) -> None:
    got = await edit(open_bridge)
    assert (got.status_code, got.json()["error"]["code"]) == (404, "not_found")
    assert coinbase.bodies(EDIT) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [({"size": "0.000000001"}, "size_too_small"), ({"price": "0.001"}, "price_too_small")],
)
async def test_an_edit_to_less_than_an_increment_is_refused_here(
    open_bridge: Any, coinbase: Any, change: dict[str, str], code: str
) -> None:
    coinbase.on("GET", ORDER, resting())
    got = await edit(open_bridge, **change)
    assert (got.status_code, got.json()["error"]["code"]) == (400, code)
    assert coinbase.bodies(EDIT) == []


@pytest.mark.parametrize("field", ["price", "size"])
@pytest.mark.parametrize("value", [None, "", "0", "-1", "1e2", " 10 ", "+10", "NaN", 10, "1" * 41])
async def test_a_bad_number_of_an_edit_is_named(open_bridge: Any, coinbase: Any, field: str, value: Any) -> None:
    async with open_bridge() as client:
        got = await client.patch("/order/o-1", json={**WANTED, field: value})
        missing = await client.patch("/order/o-1", json={key: WANTED[key] for key in WANTED if key != field})
    for answer in (got, missing):
        assert answer.status_code == 422
        assert field in answer.json()["error"]["message"]
    assert coinbase.requests == []


@pytest.mark.parametrize("method", ["DELETE", "PATCH"])
async def test_a_change_by_a_bot_that_was_replaced_while_it_waited_is_not_sent(
    open_bridge: Any, coinbase: Any, method: str
) -> None:
    path = CANCEL if method == "DELETE" else EDIT
    coinbase.on("GET", ORDER, resting())
    first_try = asyncio.Event()

    async def busy(_request: httpx.Request) -> httpx.Response:
        first_try.set()
        await asyncio.sleep(0)
        return httpx.Response(429)

    coinbase.on("POST", path, busy, result(success=True))
    async with open_bridge() as client:
        body = {"json": WANTED} if method == "PATCH" else {}
        headers = {"X-Bot-Id": "btc", "X-Bot-Epoch": "7"}
        old = asyncio.create_task(client.request(method, "/order/o-1", headers=headers, **body))
        await asyncio.wait_for(first_try.wait(), 5)
        await client.get("/time", headers={**headers, "X-Bot-Epoch": "8"})
        got = await old
    assert (got.status_code, got.json()["error"]["code"]) == (409, "stale_epoch")
    assert len(coinbase.bodies(path)) == 1
