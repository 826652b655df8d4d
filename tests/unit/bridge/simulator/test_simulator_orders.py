"""Orders of every kind over REST: placed, previewed, edited, canceled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import httpx
import pytest

ROOT = "/api/v3/brokerage"
START = 1_757_142_000
DOWN = "STOP_DIRECTION_STOP_DOWN"
LATER = "2025-09-06T07:10:00Z"
GONE = "00000000-0000-4000-8000-000000000000"
Simulate = Callable[..., AbstractContextManager[httpx.Client]]


def order(kind: str, side: str = "BUY", **fields: object) -> dict[str, Any]:
    return {"product_id": "BTC-USD", "side": side, "order_configuration": {kind: fields}}


def post(client: httpx.Client, path: str, body: Any) -> Any:
    answer = client.post(ROOT + path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def place(client: httpx.Client, name: str, body: dict[str, Any]) -> str:
    answer = post(client, "/orders", body | {"client_order_id": name})
    assert answer["success"], answer
    return str(answer["success_response"]["order_id"])


def look(client: httpx.Client, order_id: str) -> Any:
    return client.get(f"{ROOT}/orders/historical/{order_id}").json()["order"]


def hold(client: httpx.Client, currency: str) -> Decimal:
    wallets = {item["currency"]: item for item in client.get(f"{ROOT}/accounts").json()["accounts"]}
    return Decimal(wallets[currency]["hold"]["value"])


RESTING = {
    "gtc": (order("limit_limit_gtc", base_size="0.001", limit_price="50000", post_only=True), "LIMIT"),
    "gtd": (order("limit_limit_gtd", base_size="0.001", limit_price="50000", end_time=LATER), "LIMIT"),
    "stop": (
        order(
            "stop_limit_stop_limit_gtc",
            "SELL",
            base_size="0.001",
            limit_price="90000",
            stop_price="95000",
            stop_direction=DOWN,
        ),
        "STOP_LIMIT",
    ),
    "bracket": (
        order("trigger_bracket_gtc", "SELL", base_size="0.001", limit_price="150000", stop_trigger_price="90000"),
        "BRACKET",
    ),
}


@pytest.fixture
def rich(simulate: Simulate) -> Any:
    with simulate("--balance", "BTC=1", "--balance", "USD=10000") as client:
        yield client


@pytest.mark.parametrize("kind", RESTING)
def test_an_order_rests_holds_money_and_is_canceled(rich: httpx.Client, kind: str) -> None:
    body, order_type = RESTING[kind]
    currency = "USD" if body["side"] == "BUY" else "BTC"
    order_id = place(rich, kind, body)
    shown = look(rich, order_id)
    assert (shown["status"], shown["order_type"], shown["filled_size"]) == ("OPEN", order_type, "0")
    assert shown["order_configuration"] == body["order_configuration"]
    assert hold(rich, currency) >= Decimal("0.001")
    canceled = post(rich, "/orders/batch_cancel", {"order_ids": [order_id]})
    reason = "UNKNOWN_CANCEL_FAILURE_REASON"
    assert canceled == {"results": [{"success": True, "failure_reason": reason, "order_id": order_id}]}
    assert look(rich, order_id)["status"] == "CANCELLED"
    assert hold(rich, currency) == 0


def test_a_dated_order_expires(rich: httpx.Client) -> None:
    order_id = place(rich, "a", RESTING["gtd"][0])
    rich.post("/sim/advance", json={"to_ms": (START + 601) * 1000}).raise_for_status()
    assert look(rich, order_id)["status"] == "EXPIRED"
    assert hold(rich, "USD") == 0


def test_orders_that_do_not_rest_fill_or_end(rich: httpx.Client) -> None:
    ioc = place(rich, "ioc", order("sor_limit_ioc", base_size="0.001", limit_price="101000"))
    fok = place(rich, "fok", order("limit_limit_fok", base_size="0.001", limit_price="101000"))
    missed = place(rich, "missed", order("sor_limit_ioc", base_size="0.001", limit_price="50000"))
    assert [look(rich, order_id)["status"] for order_id in (ioc, fok, missed)] == ["FILLED", "FILLED", "CANCELLED"]


def test_a_post_only_order_that_would_take_is_refused(rich: httpx.Client) -> None:
    body = order("limit_limit_gtc", base_size="0.001", limit_price="101000", post_only=True)
    answer = post(rich, "/orders", body | {"client_order_id": "a"})
    assert answer["success"] is False
    reasons = answer["error_response"]
    assert "POST_ONLY" in reasons["preview_failure_reason"] + reasons["new_order_failure_reason"]


def test_an_order_with_an_attached_bracket_names_it(rich: httpx.Client) -> None:
    attached = {"trigger_bracket_gtc": {"limit_price": "150000", "stop_trigger_price": "90000"}}
    body = order("limit_limit_gtc", base_size="0.001", limit_price="101000") | {
        "attached_order_configuration": attached
    }
    entry = look(rich, place(rich, "a", body))
    assert entry["attached_order_configuration"] == attached
    (child,) = [
        item for item in rich.get(f"{ROOT}/orders/historical/batch").json()["orders"] if item["order_type"] == "BRACKET"
    ]
    assert child["originating_order_id"] == entry["order_id"]
    one_leg = {"trigger_bracket_gtc": {"limit_price": "150000"}}
    refused = post(rich, "/orders", body | {"client_order_id": "b", "attached_order_configuration": one_leg})
    assert refused["success"] is False


def test_each_cancel_has_its_result(rich: httpx.Client) -> None:
    filled = place(rich, "filled", order("market_market_ioc", quote_size="10"))
    open_id = place(rich, "open", RESTING["gtc"][0])
    results = post(rich, "/orders/batch_cancel", {"order_ids": [filled, open_id, GONE, "x"]})["results"]
    assert [item["order_id"] for item in results] == [filled, open_id, GONE, "x"]
    assert [item["success"] for item in results] == [False, True, False, False]
    assert results[0]["failure_reason"] == "ORDER_IS_FULLY_FILLED"
    assert results[2]["failure_reason"] == "UNKNOWN_CANCEL_ORDER"


def test_an_edit_changes_price_and_size_and_what_is_held(rich: httpx.Client) -> None:
    order_id = place(rich, "a", RESTING["gtc"][0])
    before = hold(rich, "USD")
    assert post(rich, "/orders/edit", {"order_id": order_id, "price": "60000", "size": "0.002"})["success"] is True
    shown = look(rich, order_id)
    assert shown["order_configuration"]["limit_limit_gtc"]["limit_price"] == "60000"
    assert shown["order_configuration"]["limit_limit_gtc"]["base_size"] == "0.002"
    assert len(shown["edit_history"]) == 1
    assert hold(rich, "USD") > 2 * before


def test_an_edit_that_cannot_be_says_why(rich: httpx.Client) -> None:
    order_id = place(rich, "a", RESTING["gtc"][0])
    gone = post(rich, "/orders/edit", {"order_id": GONE, "price": "1", "size": "1"})
    assert (gone["success"], gone["errors"][0]["edit_failure_reason"]) == (False, "ORDER_NOT_FOUND")
    # What is left out is read as 0.
    no_size = post(rich, "/orders/edit", {"order_id": order_id, "price": "60000"})
    assert (no_size["success"], no_size["errors"][0]["edit_failure_reason"]) == (False, "INVALID_EDITED_SIZE")
    assert look(rich, order_id)["order_configuration"] == RESTING["gtc"][0]["order_configuration"]


def test_a_preview_says_what_an_order_would_cost_and_places_none(rich: httpx.Client) -> None:
    preview = post(rich, "/orders/preview", order("market_market_ioc", quote_size="100"))
    assert preview["errs"] == []
    assert Decimal("99.9") < Decimal(preview["order_total"]) <= 100
    assert 0 < Decimal(preview["commission_total"]) < 1
    assert Decimal(preview["best_bid"]) < Decimal(preview["best_ask"])
    assert rich.get(f"{ROOT}/orders/historical/batch").json()["orders"] == []
    poor = post(rich, "/orders/preview", order("market_market_ioc", quote_size="99999"))
    assert poor["errs"] == ["PREVIEW_INSUFFICIENT_FUND"]


def test_an_edits_preview_changes_nothing(rich: httpx.Client) -> None:
    order_id = place(rich, "a", RESTING["gtc"][0])
    preview = post(rich, "/orders/edit_preview", {"order_id": order_id, "price": "60000", "size": "0.002"})
    assert preview["errors"] == []
    assert Decimal(preview["order_total"]) > 120
    assert look(rich, order_id)["order_configuration"] == RESTING["gtc"][0]["order_configuration"]


def adjust(client: httpx.Client, **fields: object) -> Any:
    answer = client.post("/sim/exchange", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("gates", "market", "limit"),
    [
        (["trading_disabled"], False, False),
        (["is_disabled"], False, False),
        (["cancel_only"], False, False),
        (["limit_only"], False, True),
        (["post_only"], False, True),
        ([], True, True),
    ],
)
def test_a_product_may_be_shut_while_it_runs(
    rich: httpx.Client, gates: list[str], *, market: bool, limit: bool
) -> None:
    assert adjust(rich, gates={"BTC-USD": gates})["gates"]["BTC-USD"] == gates
    product = rich.get(f"{ROOT}/products/BTC-USD").json()
    assert all(product[gate] is (gate in gates) for gate in ("trading_disabled", "limit_only", "cancel_only"))
    bought = post(rich, "/orders", order("market_market_ioc", quote_size="10") | {"client_order_id": "a"})
    rested = post(rich, "/orders", RESTING["gtc"][0] | {"client_order_id": "b"})
    assert (bought["success"], rested["success"]) == (market, limit)


def test_a_product_may_be_delisted_while_it_runs(rich: httpx.Client) -> None:
    adjust(rich, status={"BTC-USD": "delisted"})
    assert rich.get(f"{ROOT}/products/BTC-USD").json()["status"] == "delisted"
    refused = post(rich, "/orders", order("market_market_ioc", quote_size="10") | {"client_order_id": "a"})
    assert refused["success"] is False
    adjust(rich, status={"BTC-USD": "online"})
    place(rich, "a", order("market_market_ioc", quote_size="10"))


def test_a_balance_may_be_nothing(rich: httpx.Client) -> None:
    assert adjust(rich, balances={"USD": "0"})["balances"]["USD"] == "0"
    refused = post(rich, "/orders", order("market_market_ioc", quote_size="10") | {"client_order_id": "a"})
    assert refused["error_response"]["preview_failure_reason"] == "PREVIEW_INSUFFICIENT_FUND"
    adjust(rich, balances={"USD": "25.5"})
    place(rich, "a", order("market_market_ioc", quote_size="25"))


def test_a_shallow_book_ends_a_market_order_with_a_part_of_it(rich: httpx.Client) -> None:
    adjust(rich, books={"BTC-USD": {"spread_ticks": 1, "levels": 2, "level_size": 10_000}})
    shown = look(rich, place(rich, "a", order("market_market_ioc", base_size="0.001")))
    assert (shown["status"], shown["filled_size"]) == ("CANCELLED", "0.0002")


def test_a_repeated_id_may_be_refused(rich: httpx.Client) -> None:
    first = place(rich, "a", order("market_market_ioc", quote_size="10"))
    assert place(rich, "a", order("market_market_ioc", quote_size="10")) == first
    adjust(rich, refuse_duplicates=True)
    again = post(rich, "/orders", order("market_market_ioc", quote_size="10") | {"client_order_id": "a"})
    assert again["error_response"]["new_order_failure_reason"] == "DUPLICATE_CLIENT_ORDER_ID"


def test_delays_are_adjusted_one_by_one(rich: httpx.Client) -> None:
    shown = adjust(rich, order_visible_delay_ms=1000, fills_delay_ms=2000, pending_delay_ms=1500)
    assert (shown["order_visible_delay_ms"], shown["cancel_delay_ms"]) == (1000, 0)
    order_id = place(rich, "a", order("market_market_ioc", quote_size="10"))
    path = f"{ROOT}/orders/historical/{order_id}"
    assert rich.get(path).status_code == 404
    rich.post("/sim/advance", json={"to_ms": (START + 481) * 1000}).raise_for_status()
    assert look(rich, order_id)["status"] == "PENDING"
    rich.post("/sim/advance", json={"to_ms": (START + 480) * 1000 + 1500}).raise_for_status()
    assert look(rich, order_id)["status"] == "FILLED"
    assert rich.get(f"{ROOT}/orders/historical/fills").json()["fills"] == []
    rich.post("/sim/advance", json={"to_ms": (START + 482) * 1000}).raise_for_status()
    assert len(rich.get(f"{ROOT}/orders/historical/fills").json()["fills"]) == 1
    assert rich.get("/sim/exchange").json() == shown | {"balances": rich.get("/sim/exchange").json()["balances"]}


def test_a_fill_may_cross_a_cancel(rich: httpx.Client) -> None:
    adjust(rich, cancel_delay_ms=60_000)
    # The candles rise by 10 a minute from 100080: a sell a little above the price fills within the next minute.
    order_id = place(rich, "a", order("limit_limit_gtc", "SELL", base_size="0.00001", limit_price="100083"))
    answer = post(rich, "/orders/batch_cancel", {"order_ids": [order_id]})["results"][0]
    assert answer["success"] is True
    pending = look(rich, order_id)
    assert pending["pending_cancel"] is True or pending["status"] == "CANCEL_QUEUED"
    again = post(rich, "/orders/batch_cancel", {"order_ids": [order_id]})["results"][0]
    assert again["failure_reason"] == "DUPLICATE_CANCEL_REQUEST"
    rich.post("/sim/advance", json={"candles": 2}).raise_for_status()
    assert (look(rich, order_id)["status"], look(rich, order_id)["filled_size"]) == ("FILLED", "0.00001")


def test_a_fill_that_is_taken_back_is_taken_back_everywhere(rich: httpx.Client) -> None:
    order_id = place(rich, "a", order("market_market_ioc", base_size="0.001"))
    assert look(rich, order_id)["filled_size"] == "0.001"
    (fill,) = rich.get(f"{ROOT}/orders/historical/fills").json()["fills"]
    assert rich.post("/sim/fills/reverse", json={"entry_id": fill["entry_id"]}).status_code == 200
    reversal, first = rich.get(f"{ROOT}/orders/historical/fills").json()["fills"]
    assert (reversal["trade_type"], reversal["trade_id"]) == ("REVERSAL", first["trade_id"])
    assert look(rich, order_id)["filled_size"] == "0"
    wallets = {item["currency"]: item for item in rich.get(f"{ROOT}/accounts").json()["accounts"]}
    assert Decimal(wallets["USD"]["available_balance"]["value"]) == 10_000
    assert rich.post("/sim/fills/reverse", json={"entry_id": "0" * 64}).status_code == 400


def test_a_fill_may_be_corrected(rich: httpx.Client) -> None:
    place(rich, "a", order("market_market_ioc", base_size="0.001"))
    (fill,) = rich.get(f"{ROOT}/orders/historical/fills").json()["fills"]
    body = {"entry_id": fill["entry_id"], "price": "100000"}
    assert rich.post("/sim/fills/correct", json=body).status_code == 200
    fills = rich.get(f"{ROOT}/orders/historical/fills").json()["fills"]
    assert [item["trade_type"] for item in fills] == ["CORRECTION", "REVERSAL", "FILL"]
    assert fills[0]["price"] == "100000"
