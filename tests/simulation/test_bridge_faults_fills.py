"""What an order amounts to while Coinbase shows it late, in part, twice, or takes some of it back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import pytest

from simulation.faulted_bridge import WISHES, FaultedVenue, FaultyBridge

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

KINDS: Final = pytest.mark.parametrize("kind", WISHES)
FILLS: Final = "/orders/historical/fills"
LISTING: Final = "/orders/historical/batch"


async def filled(exchange: FaultedVenue, troubled: FaultyBridge, kind: str, client_order_id: str) -> str:
    """An order that is over and filled; its id at Coinbase."""
    order_id = await troubled.placed(kind, client_order_id)
    exchange.minute()
    (order,) = exchange.orders(client_order_id)
    assert order["status"] == "FILLED", order
    return order_id


async def look(troubled: FaultyBridge, client_order_id: str) -> Any:
    return await troubled.client.get(
        "/order", params={"client_order_id": client_order_id, "product_id": "BTC-USD", "since": 0}
    )


@KINDS
async def test_an_order_that_is_not_visible_yet_is_not_found_and_found_later(
    exchange: FaultedVenue, troubled: FaultyBridge, kind: str
) -> None:
    exchange.adjust(order_visible_delay_ms=20_000)
    order_id = await troubled.placed(kind, f"unseen-{kind}")
    by_id = await troubled.client.get(f"/order/{order_id}")
    assert (by_id.status_code, by_id.json()["error"]["code"]) == (404, "not_found")
    by_ours = await look(troubled, f"unseen-{kind}")
    assert (by_ours.status_code, by_ours.json()["error"]["code"]) == (404, "not_found")
    assert by_ours.json()["search"]["complete"] is True
    assert (
        await troubled.counted("bridge_requests_total", method="GET", endpoint="/order/{order_id}", status="404") == 1
    )
    assert await troubled.placed(kind, f"unseen-{kind}") == order_id

    exchange.seconds(21)
    assert (await troubled.read(f"/order/{order_id}"))["client_order_id"] == f"unseen-{kind}"
    assert (await look(troubled, f"unseen-{kind}")).json()["order_id"] == order_id
    assert len(exchange.orders(f"unseen-{kind}")) == 1


@KINDS
async def test_fills_that_lag_leave_the_orders_own_totals(
    exchange: FaultedVenue, troubled: FaultyBridge, kind: str
) -> None:
    exchange.adjust(fills_delay_ms=600_000)
    order_id = await filled(exchange, troubled, kind, f"lag-{kind}")
    (held,) = exchange.orders(f"lag-{kind}")
    state = await troubled.read(f"/order/{order_id}")
    assert (state["status"], state["settled"], state["fills_agree"]) == ("FILLED", True, False)
    assert Decimal(state["filled_size"]) == Decimal(held["filled_size"]) > 0
    exchange.seconds(600)
    later = await troubled.read(f"/order/{order_id}")
    assert later["fills_agree"] is True
    assert Decimal(later["filled_size"]) == Decimal(held["filled_size"])
    assert Decimal(later["commission_total_usd"]) == pytest.approx(Decimal(held["total_fees"]))


@pytest.mark.parametrize("size", [{"quote_size": "20000"}, {"base_size": "0.4"}], ids=["by quote", "by base"])
async def test_a_market_order_filled_in_part_is_canceled_and_tells_its_part(
    exchange: FaultedVenue, troubled: FaultyBridge, size: dict[str, str]
) -> None:
    name = f"part-{next(iter(size))}"
    exchange.adjust(books={"BTC-USD": {"spread_ticks": 1, "levels": 2, "level_size": 10_000_000}})
    body = {"client_order_id": name, "product_id": "BTC-USD", "side": "BUY", **size}
    answer = await troubled.client.post("/order/market", json=body)
    assert answer.status_code == 200
    state = await troubled.read(f"/order/{answer.json()['order_id']}")
    assert (state["status"], state["settled"], state["fills_agree"]) == ("CANCELLED", False, True)
    assert state["filled_size"] == "0.2"
    assert Decimal(state["filled_value"]) == Decimal(exchange.orders(name)[0]["filled_value"])


async def test_an_ioc_limit_order_filled_in_part_is_canceled_and_tells_its_part(
    exchange: FaultedVenue, troubled: FaultyBridge
) -> None:
    exchange.adjust(books={"BTC-USD": {"spread_ticks": 1, "levels": 2, "level_size": 10_000_000}})
    order_id = await troubled.placed("limit", "part-ioc", base_size="0.4", limit_price="50001", time_in_force="IOC")
    state = await troubled.read(f"/order/{order_id}")
    assert (state["status"], state["filled_size"], state["settled"]) == ("CANCELLED", "0.2", False)


async def test_fills_in_quote_currency_are_told_in_base(exchange: FaultedVenue, troubled: FaultyBridge) -> None:
    order_id = await troubled.placed("market", "in-quote", quote_size="1000")
    fills = exchange.read(f"{FILLS}?order_ids={order_id}")["fills"]
    assert all(fill["size_in_quote"] for fill in fills)
    state = await troubled.read(f"/order/{order_id}")
    (held,) = exchange.orders("in-quote")
    assert state["fills_agree"] is True
    assert Decimal(state["filled_size"]) == Decimal(held["filled_size"])
    assert Decimal(state["filled_size"]) < 1


# By what is done to the listing of fills: whether they still say what the order says. None of it moves the totals.
FILL_CHANGES: Final = {
    "page_twice": True,
    "no_entry_id": True,
    "no_size_in_quote": True,
    "reversed_and_filled_again": True,
    "reversed_and_corrected": False,
    "has_next_as_text": False,
    "proof_token_required": False,
}


@pytest.mark.parametrize("kind", ["market", "limit"])
@pytest.mark.parametrize("change", FILL_CHANGES)
async def test_fills_are_counted_once_whatever_the_listing_does(
    exchange: FaultedVenue, troubled: FaultyBridge, kind: str, change: str
) -> None:
    order_id = await filled(exchange, troubled, kind, f"fills-{change}-{kind}")
    (held,) = exchange.orders(f"fills-{change}-{kind}")
    exchange.fault(path=FILLS, change=change)
    state = await troubled.read(f"/order/{order_id}")
    assert (state["status"], state["fills_agree"]) == ("FILLED", FILL_CHANGES[change])
    assert Decimal(state["filled_size"]) == Decimal(held["filled_size"])
    assert Decimal(state["filled_value"]) == pytest.approx(Decimal(held["filled_value"]))


@pytest.mark.parametrize("kind", ["market", "limit"])
async def test_a_fill_that_is_taken_back_is_subtracted(
    exchange: FaultedVenue, troubled: FaultyBridge, kind: str
) -> None:
    """By the order and its fills alike, and by the fills alone."""
    order_id = await filled(exchange, troubled, kind, f"back-{kind}")
    exchange.fault(path=FILLS, change="reversed")
    assert Decimal((await troubled.read(f"/order/{order_id}"))["filled_size"]) == 0
    (fill,) = exchange.read(f"{FILLS}?order_ids={order_id}")["fills"]
    exchange.control("fills/reverse", entry_id=fill["entry_id"])
    state = await troubled.read(f"/order/{order_id}")
    assert Decimal(state["filled_size"]) == 0
    assert state["fills_agree"] is True


@KINDS
@pytest.mark.parametrize("change", ["proof_token_required", "cursor_without_has_next", "has_next_as_text"])
async def test_a_listing_that_is_not_whole_proves_no_absence(
    exchange: FaultedVenue, troubled: FaultyBridge, kind: str, change: str
) -> None:
    await troubled.placed(kind, f"whole-{change}-{kind}")
    exchange.fault(path=LISTING, change=change, times=10)
    answer = await look(troubled, "never-sent")
    assert (answer.status_code, answer.json()["search"]["complete"]) == (404, False)
    open_orders = await troubled.client.get("/orders/open")
    assert open_orders.status_code in (502, 503)
    wanted = "proof_wanted" if change == "proof_token_required" else "upstream_malformed"
    assert open_orders.json()["error"]["code"] == wanted


@KINDS
async def test_a_refusal_is_unknown_while_coinbase_wants_a_proof_of_identity(
    exchange: FaultedVenue, troubled: FaultyBridge, kind: str
) -> None:
    exchange.fault(method="POST", path="/orders", change="duplicate_client_order_id")
    exchange.fault(path=LISTING, change="proof_token_required", times=10)
    answer = await troubled.place(kind, f"proof-{kind}")
    assert (answer.status_code, answer.json()["outcome"]) == (502, "unknown")
    (line,) = troubled.logged("order outcome unknown")
    assert "proof_token_required" in line["reason"]
    exchange.works_again()
    order_id = await troubled.placed(kind, f"proof-{kind}")
    assert [order["order_id"] for order in exchange.orders(f"proof-{kind}")] == [order_id]


# By what is done to a read: the answer when it passes, and the code when it stays.
_NO_READ: Final = "Coinbase does not answer a read"

READ_FAULTS: Final[dict[str, tuple[dict[str, Any], int, str]]] = {
    "429 json": ({"status": 429, "body": "json"}, 503, "rate_limited"),
    "429 html": ({"status": 429, "body": "html"}, 503, "rate_limited"),
    "429 empty": ({"status": 429, "body": "empty"}, 503, "rate_limited"),
    "401": ({"status": 401}, 503, "upstream_unauthorized"),
    "502": ({"status": 502, "body": "html"}, 502, "upstream_error"),
    "html": ({"status": 200, "body": "html"}, 502, "upstream_error"),
    "truncated": ({"change": "truncated"}, 502, "upstream_error"),
    "cut": ({"cut": True}, 502, "upstream_error"),
}


@pytest.mark.parametrize("path", ["/accounts", LISTING, FILLS])
@pytest.mark.parametrize("name", READ_FAULTS)
async def test_a_read_is_made_again_and_fails_as_a_read(
    exchange: FaultedVenue, troubled: FaultyBridge, name: str, path: str
) -> None:
    """Never with an outcome: nothing can have changed."""
    fault, status, code = READ_FAULTS[name]
    order_id = await troubled.placed("limit", f"read-{name}-{path[-5:]}".replace(" ", "-").replace("/", "-"))
    asked = {"/accounts": "/accounts", LISTING: "/orders/open", FILLS: f"/order/{order_id}"}[path]
    exchange.fault(path=path, times=2, **fault)
    assert (await troubled.client.get(asked)).status_code == 200
    assert len(troubled.logged(_NO_READ)) == 1
    (over,) = troubled.logged("works again")
    assert (over["what"], over["failures"]) == (_NO_READ, 2)
    exchange.fault(path=path, times=1000, **fault)
    answer = await troubled.client.get(asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "outcome" not in answer.json()
    (line,) = troubled.logged(_NO_READ)
    assert line["request"] == f"GET {path}", "said once a minute, however often it begins and ends"
