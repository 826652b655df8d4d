"""The simulator's REST interface, as Coinbase's clients use it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import httpx
import pytest

ROOT = "/api/v3/brokerage"
START = 1_757_142_000
Simulate = Callable[..., AbstractContextManager[httpx.Client]]


def get(client: httpx.Client, path: str, **query: object) -> Any:
    answer = client.get(ROOT + path, params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


def market(client: httpx.Client, client_order_id: str, side: str, **fields: str) -> Any:
    body = {
        "client_order_id": client_order_id,
        "product_id": "BTC-USD",
        "side": side,
        "order_configuration": {"market_market_ioc": fields},
    }
    answer = client.post(f"{ROOT}/orders", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def balances(client: httpx.Client) -> dict[str, Decimal]:
    return {
        item["currency"]: Decimal(item["available_balance"]["value"]) for item in get(client, "/accounts")["accounts"]
    }


def advance(client: httpx.Client, **how: int) -> Any:
    answer = client.post("/sim/advance", json=how)
    assert answer.status_code == 200, answer.text
    return answer.json()


def minutes(client: httpx.Client, first: int, last: int, **query: object) -> Any:
    query = {"start": START + first * 60, "end": START + last * 60, "granularity": "ONE_MINUTE"} | query
    return get(client, "/products/BTC-USD/candles", **query)["candles"]


def test_the_venues_clock_shows_the_time_of_the_file(unchanged: httpx.Client) -> None:
    time = get(unchanged, "/time")
    assert time == {
        "iso": "2025-09-06T07:08:00.000Z",
        "epochSeconds": str(START + 480),
        "epochMillis": str((START + 480) * 1000),
    }


def test_candles_come_newest_first_without_the_gap_and_with_the_one_in_progress(client: httpx.Client) -> None:
    page = minutes(client, 0, 60)
    assert [int(item["start"]) - START for item in page] == [480, 420, 360, 300, 240, 120, 60, 0]
    assert list(page[0]) == ["start", "low", "high", "open", "close", "volume"]
    assert page[1] == {
        "start": str(START + 420),
        "low": "100065.5",
        "high": "100078",
        "open": "100070",
        "close": "100075",
        "volume": "1.2",
    }
    assert page[0]["close"] == page[0]["high"] == "100080"  # one print so far
    advance(client, to_ms=(START + 539) * 1000)
    assert minutes(client, 8, 8)[0]["close"] == "100085"


def test_a_candles_window_is_cut_on_its_old_side(unchanged: httpx.Client) -> None:
    assert [int(item["start"]) - START for item in minutes(unchanged, 0, 60, limit=2)] == [480, 420]
    assert [int(item["start"]) - START for item in minutes(unchanged, 0, 4)] == [240, 120, 60, 0]


def test_longer_candles_are_made_of_minutes(unchanged: httpx.Client) -> None:
    newest, oldest = minutes(unchanged, 0, 60, granularity="FIVE_MINUTE")
    assert (oldest["start"], newest["start"]) == (str(START), str(START + 300))
    assert (oldest["open"], oldest["high"], oldest["low"], oldest["close"]) == ("100000", "100048", "99995.5", "100045")
    assert oldest["volume"] == "4.8"


@pytest.mark.parametrize("path", ["/products/BTC-USD/candles", "/market/products/BTC-USD/candles"])
def test_more_than_350_candles_are_refused_in_coinbases_words(unchanged: httpx.Client, path: str) -> None:
    query = {"start": str(START), "granularity": "ONE_MINUTE"}
    assert unchanged.get(ROOT + path, params=query | {"end": str(START + 349 * 60)}).status_code == 200
    answer = unchanged.get(ROOT + path, params=query | {"end": str(START + 350 * 60)})
    words = "start and end argument is invalid - number of candles requested should be less than 350"
    assert answer.status_code == 400
    assert answer.json() == {"error": "INVALID_ARGUMENT", "error_details": words, "message": words}


@pytest.mark.parametrize(
    "query",
    [
        {"granularity": "ONE_MINUTE", "end": "1757142000"},
        {"granularity": "ONE_MINUTE", "start": "1757142000"},
        {"granularity": "ONE_MINUTE", "start": "1757142000000", "end": "1757142060000"},
        {"granularity": "ONE_MINUTE", "start": "2025-09-06T07:00:00Z", "end": "1757142060"},
        {"granularity": "1m", "start": "1757142000", "end": "1757142060"},
        {"start": "1757142000", "end": "1757142060"},
        {"granularity": "ONE_MINUTE", "start": "1757142060", "end": "1757142000"},
        {"granularity": "ONE_MINUTE", "start": "1757142000", "end": "1757142060", "limit": "351"},
    ],
)
def test_a_bad_question_for_candles_is_refused(unchanged: httpx.Client, query: dict[str, str]) -> None:
    answer = unchanged.get(f"{ROOT}/products/BTC-USD/candles", params=query)
    assert answer.status_code == 400
    assert answer.json()["error"] == "INVALID_ARGUMENT"


def test_products_have_increments_and_a_twin_in_usdc(unchanged: httpx.Client) -> None:
    listing = get(unchanged, "/products")
    assert [item["product_id"] for item in listing["products"]] == ["BTC-USD", "BTC-USDC"]
    assert listing["num_products"] == 2
    assert listing["products"][1]["alias"] == "BTC-USD"
    one = get(unchanged, "/market/products/BTC-USD")
    assert (one["price_increment"], one["base_increment"], one["quote_increment"]) == ("0.01", "0.00000001", "0.01")
    assert (one["quote_min_size"], one["status"], one["price"]) == ("1", "online", "100080")
    assert get(unchanged, "/products", product_type="FUTURE")["products"] == []
    answer = unchanged.get(f"{ROOT}/products/NOPE-USD")
    assert (answer.status_code, answer.json()["error"]) == (404, "NOT_FOUND")


def test_trades_books_and_product_agree_on_the_price(client: httpx.Client) -> None:
    advance(client, to_ms=(START + 500) * 1000)
    ticker = get(client, "/products/BTC-USD/ticker", limit=3)
    price = Decimal(ticker["trades"][0]["price"])
    assert len(ticker["trades"]) == 3
    assert Decimal(get(client, "/products/BTC-USD")["price"]) == price
    assert price in (Decimal(ticker["best_bid"]), Decimal(ticker["best_ask"]))
    (book,) = get(client, "/best_bid_ask", product_ids="BTC-USD")["pricebooks"]
    assert (book["bids"][0]["price"], book["asks"][0]["price"]) == (ticker["best_bid"], ticker["best_ask"])
    levels = get(client, "/product_book", product_id="BTC-USD", limit=4)
    assert len(levels["pricebook"]["bids"]) == len(levels["pricebook"]["asks"]) == 4
    assert levels["spread_absolute"] == "0.01"
    assert minutes(client, 8, 8)[0]["close"] == ticker["trades"][0]["price"]


def test_too_many_trades_are_the_exchanges_own_fault(unchanged: httpx.Client) -> None:
    answer = unchanged.get(f"{ROOT}/products/BTC-USD/ticker", params={"limit": 1001})
    assert (answer.status_code, answer.json()["error"]) == (500, "INTERNAL")


def test_an_order_its_fills_and_the_balances_agree(client: httpx.Client) -> None:
    created = market(client, "a", "BUY", quote_size="100")
    assert created["success"] is True
    order_id = created["success_response"]["order_id"]
    order = get(client, f"/orders/historical/{order_id}")["order"]
    (fill,) = get(client, "/orders/historical/fills", order_ids=order_id)["fills"]
    assert order["status"] == "FILLED"
    assert fill["price"] == order["average_filled_price"] == "100080"
    assert (fill["size"], fill["commission"]) == (order["filled_value"], order["total_fees"])
    wallets = balances(client)
    assert wallets["USD"] == 10_000 - Decimal(order["filled_value"]) - Decimal(order["total_fees"])
    assert wallets["BTC"] == Decimal(order["filled_size"])
    sold = market(client, "b", "SELL", base_size=order["filled_size"])["success_response"]["order_id"]
    assert get(client, f"/orders/historical/{sold}")["order"]["filled_size"] == order["filled_size"]
    assert balances(client)["BTC"] == 0


def test_a_repeated_client_order_id_returns_the_first_order(client: httpx.Client) -> None:
    first = market(client, "same", "BUY", quote_size="100")
    assert market(client, "same", "SELL", base_size="5") == first
    assert len(get(client, "/orders/historical/batch")["orders"]) == 1


def test_a_refusal_is_http_200_with_its_reason(unchanged: httpx.Client) -> None:
    answer = market(unchanged, "a", "BUY", quote_size="10001")
    assert answer == {
        "success": False,
        "error_response": {
            "error": "INSUFFICIENT_FUND",
            "message": "Insufficient balance in source account",
            "error_details": "",
            "preview_failure_reason": "PREVIEW_INSUFFICIENT_FUND",
            "new_order_failure_reason": "UNKNOWN_FAILURE_REASON",
        },
        "order_configuration": {"market_market_ioc": {"quote_size": "10001"}},
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"product_id": "BTC-USD", "side": "BUY", "order_configuration": {"market_market_ioc": {}}}',
        b'{"client_order_id": "a", "product_id": "BTC-USD", "side": "BUY"}',
        b'{"client_order_id": "a", "product_id": "BTC-USD", "side": "BUY", "order_configuration": {}}',
        b'{"client_order_id": "a", "product_id": "BTC-USD", "side": "BUY", "order_configuration": {"a": 1}}',
        b'{"client_order_id": "a", "product_id": "B", "side": "BUY", "order_configuration": {"a": {}, "b": {}}}',
        b'{"client_order_id": 7, "product_id": "B", "side": "BUY", "order_configuration": {"a": {}}}',
    ],
)
def test_a_malformed_order_is_http_400(unchanged: httpx.Client, body: bytes) -> None:
    answer = unchanged.post(f"{ROOT}/orders", content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "INVALID_ARGUMENT")


def test_orders_that_are_not_there_or_cannot_be(unchanged: httpx.Client) -> None:
    missing = unchanged.get(f"{ROOT}/orders/historical/00000000-0000-4000-8000-000000000000")
    assert (missing.status_code, missing.json()["error"]) == (404, "NOT_FOUND")
    assert unchanged.get(f"{ROOT}/orders/historical/nonsense").status_code == 400
    assert unchanged.get(f"{ROOT}/nonsense").status_code == 404


def test_listings_come_in_pages_that_new_orders_do_not_move(client: httpx.Client) -> None:
    for number in range(5):
        market(client, f"id-{number}", "BUY", quote_size="10")
    page = get(client, "/orders/historical/batch", limit=2)
    assert [item["client_order_id"] for item in page["orders"]] == ["id-4", "id-3"]
    market(client, "late", "BUY", quote_size="10")
    second = get(client, "/orders/historical/batch", limit=2, cursor=page["cursor"])
    assert [item["client_order_id"] for item in second["orders"]] == ["id-2", "id-1"]
    last = get(client, "/orders/historical/batch", limit=2, cursor=second["cursor"])
    assert [item["client_order_id"] for item in last["orders"]] == ["id-0"]
    assert (last["has_next"], last["cursor"]) == (False, "")
    fills = get(client, "/orders/historical/fills", limit=4)
    rest = get(client, "/orders/historical/fills", limit=4, cursor=fills["cursor"])
    assert (len(fills["fills"]), len(rest["fills"]), rest["cursor"]) == (4, 2, "")


def test_listings_are_filtered(client: httpx.Client) -> None:
    bought = market(client, "a", "BUY", quote_size="10")["success_response"]["order_id"]
    advance(client, to_ms=(START + 500) * 1000)
    market(client, "b", "SELL", base_size="0.00005")

    def found(**query: object) -> list[str]:
        return [item["client_order_id"] for item in get(client, "/orders/historical/batch", **query)["orders"]]

    assert found(order_side="BUY") == ["a"]
    assert found(order_ids=bought) == ["a"]
    assert found(order_status="OPEN") == []
    assert found(product_ids="BTC-USDC") == []
    assert found(start_date="2025-09-06T07:08:20Z") == ["b"]
    assert found(end_date="2025-09-06T07:08:20Z") == ["a"]
    assert get(client, "/orders/historical/fills", order_id=bought)["fills"][0]["order_id"] == bought
    assert client.get(f"{ROOT}/orders/historical/batch", params={"start_date": "soon"}).status_code == 400


def test_what_lags_shows_on_the_venues_clock(simulate: Simulate) -> None:
    arguments = ["--order-visible-delay-ms", "1000", "--fills-delay-ms", "2000", "--settle-delay-ms", "3000"]
    with simulate(*arguments) as client:
        order_id = market(client, "a", "BUY", quote_size="10")["success_response"]["order_id"]
        now_ms = int(get(client, "/time")["epochMillis"])
        assert client.get(f"{ROOT}/orders/historical/{order_id}").status_code == 404
        advance(client, to_ms=now_ms + 1000)
        order = get(client, f"/orders/historical/{order_id}")["order"]
        assert (order["status"], order["settled"]) == ("FILLED", True)
        assert get(client, "/orders/historical/fills")["fills"] == []
        advance(client, to_ms=now_ms + 2000)
        assert len(get(client, "/orders/historical/fills")["fills"]) == 1
        assert balances(client)["BTC"] == 0
        advance(client, to_ms=now_ms + 3000)
        assert balances(client)["BTC"] == Decimal(order["filled_size"])


def test_an_order_in_usdc_pays_from_the_usdc_wallet(simulate: Simulate) -> None:
    with simulate("--balance", "USDC=50", "--balance", "USD=0") as client:
        body = {
            "client_order_id": "a",
            "product_id": "BTC-USDC",
            "side": "BUY",
            "order_configuration": {"market_market_ioc": {"quote_size": "20"}},
        }
        assert client.post(f"{ROOT}/orders", json=body).json()["success"] is True
        assert 30 <= balances(client)["USDC"] < Decimal("30.01")
        assert market(client, "b", "BUY", quote_size="20")["error_response"]["error"] == "INSUFFICIENT_FUND"


def test_a_shallow_book_gives_partial_fills(simulate: Simulate) -> None:
    with simulate("--book-levels", "3", "--level-size", "10000") as client:
        order_id = market(client, "a", "BUY", base_size="0.001")["success_response"]["order_id"]
        order = get(client, f"/orders/historical/{order_id}")["order"]
        assert (order["status"], order["filled_size"], order["number_of_fills"]) == ("CANCELLED", "0.0003", "3")
        assert len(get(client, "/orders/historical/fills", order_ids=order_id)["fills"]) == 3


def test_accounts_come_in_pages_in_the_long_form(unchanged: httpx.Client) -> None:
    page = get(unchanged, "/accounts", limit=2)
    rest = get(unchanged, "/accounts", limit=2, cursor=page["cursor"])
    assert [item["currency"] for item in page["accounts"] + rest["accounts"]] == ["BTC", "USD", "USDC"]
    assert (page["has_next"], rest["has_next"], rest["size"]) == (True, False, 1)
    assert {item["type"] for item in page["accounts"]} == {"ACCOUNT_TYPE_CRYPTO", "ACCOUNT_TYPE_FIAT"}
    uuid = page["accounts"][0]["uuid"]
    assert get(unchanged, f"/accounts/{uuid}")["account"]["currency"] == "BTC"
    assert unchanged.get(f"{ROOT}/accounts/none").status_code == 404
    assert unchanged.get(f"{ROOT}/accounts", params={"limit": 251}).status_code == 400


def test_fees_and_permissions(simulate: Simulate) -> None:
    with simulate("--taker-rate", "0.0006", "--maker-rate", "0.0004") as client:
        market(client, "a", "BUY", quote_size="10")
        summary = get(client, "/transaction_summary")
        assert summary["fee_tier"]["taker_fee_rate"] == "0.0006"
        assert summary["fee_tier"]["maker_fee_rate"] == "0.0004"
        assert 0.005 < summary["total_fees"] < 0.007
        assert get(client, "/key_permissions")["can_transfer"] is False


def test_nothing_is_ever_left_to_cancel(client: httpx.Client) -> None:
    order_id = market(client, "a", "BUY", quote_size="10")["success_response"]["order_id"]
    answer = client.post(f"{ROOT}/orders/batch_cancel", json={"order_ids": [order_id, "x"]}).json()
    assert [item["failure_reason"] for item in answer["results"]] == ["ORDER_IS_FULLY_FILLED", "UNKNOWN_CANCEL_ORDER"]


def test_a_stopped_clock_moves_candle_by_candle_and_never_back(client: httpx.Client) -> None:
    assert advance(client, candles=1)["now_ms"] == (START + 540) * 1000
    assert advance(client, candles=2)["now_ms"] == (START + 660) * 1000
    # The file is over: the next candle is the first of the second pass, joined to the last close.
    advance(client, candles=1)
    assert minutes(client, 11, 11)[0]["open"] == minutes(client, 10, 10)[0]["close"] == "100105"
    assert client.post("/sim/advance", json={"to_ms": START * 1000}).status_code == 400
    assert client.post("/sim/advance", json={}).status_code == 400
    assert client.post("/sim/advance", content=b"x").status_code == 400


def test_control_is_shut_unless_asked_for(simulate: Simulate) -> None:
    with simulate("--speed", "1") as client:
        assert client.get("/sim/status").status_code == 404
        assert client.post("/sim/faults", json={"path": "/time", "status": 500}).status_code == 404
    with simulate("--speed", "1", "--faults") as client:
        assert client.get("/sim/status").json()["speed"] == 1
        assert client.post("/sim/advance", json={"candles": 1}).status_code == 400


def test_a_fault_happens_before_or_after_the_effect(client: httpx.Client) -> None:
    def fault(**fields: object) -> int:
        return client.post("/sim/faults", json=fields).status_code

    body = {
        "client_order_id": "a",
        "product_id": "BTC-USD",
        "side": "BUY",
        "order_configuration": {"market_market_ioc": {"quote_size": "10"}},
    }
    assert fault(path="/orders", method="POST", status=503) == 200
    assert client.post(f"{ROOT}/orders", json=body).status_code == 503
    assert get(client, "/orders/historical/batch")["orders"] == []
    assert fault(path="/orders", method="POST", status=500, body="html", after_effect=True) == 200
    assert client.post(f"{ROOT}/orders", json=body).text.startswith("<html>")
    assert len(get(client, "/orders/historical/batch")["orders"]) == 1
    assert fault(path="/time", status=429, body="empty", times=2) == 200
    assert [client.get(f"{ROOT}/time").status_code for _ in range(3)] == [429, 429, 200]
    assert fault(path="/time", status=429) == 200
    assert client.get(f"{ROOT}/time").json()["errors"][0]["id"] == "rate_limit_exceeded"
    assert fault(path="/time", delay_seconds=0.01) == 200
    assert client.get(f"{ROOT}/time").status_code == 200
    assert fault(path="/time", status=500, times=9) == 200
    assert client.delete("/sim/faults").json() == {"rules": 0}
    assert client.get(f"{ROOT}/time").status_code == 200
    for bad in ({"path": ""}, {"path": "/x", "status": 200}, {"path": "/x", "times": "2"}, {"path": "/x", "no": 1}):
        assert fault(**bad) == 400
