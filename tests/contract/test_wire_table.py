"""The table of Coinbase's shapes: what it refuses, in which words, and that every recorded answer passes it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from contract import wire_accounts, wire_markets, wire_orders, wire_streams, wire_table
from contract.wire_table import ENDPOINTS, Misshapen, check_answer, check_frame, check_shape, endpoint_of

FIXTURES = Path(__file__).parent / "fixtures" / "coinbase"
ROOT = "/api/v3/brokerage"
TIME = {"iso": "2026-04-07T00:00:00Z", "epochSeconds": "1775520000", "epochMillis": "1775520000000"}


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())


def findings(document: Any, shape: Any) -> list[str]:
    with pytest.raises(Misshapen) as refused:
        check_shape(document, shape, "here")
    return [line.removeprefix("here: ") for line in str(refused.value).splitlines()]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("accounts", "/accounts"),
        ("candles", "/products/BTC-USD/candles"),
        ("fills", "/orders/historical/fills"),
        ("order", "/orders/historical/0000-000000-000000"),
        ("orders_list", "/orders/historical/batch"),
        ("product", "/market/products/BTC-USD"),
        ("product_book", "/market/product_book"),
        ("products", "/market/products"),
        ("ticker", "/market/products/BTC-USD/ticker"),
    ],
)
def test_a_recorded_answer_has_the_shape_of_its_endpoint(name: str, path: str) -> None:
    endpoint = endpoint_of("GET", ROOT + path)
    check_shape(fixture(f"http_{name}"), endpoint.older or endpoint.shape, name)


@pytest.mark.parametrize("name", ["accounts", "fills", "order", "orders_list"])
def test_what_the_table_calls_older_is_not_of_todays_shape(name: str) -> None:
    paths = {"accounts": "/accounts", "fills": "/orders/historical/fills", "order": "/orders/historical/1"}
    endpoint = endpoint_of("GET", ROOT + paths.get(name, "/orders/historical/batch"))
    assert endpoint.older is not None
    with pytest.raises(Misshapen):
        check_shape(fixture(f"http_{name}"), endpoint.shape, name)


@pytest.mark.parametrize(
    "name", ["heartbeats", "l2_data_snapshot", "l2_data_update", "market_trades", "subscriptions", "ticker"]
)
def test_a_recorded_message_has_the_shape_of_its_channel(name: str) -> None:
    check_frame(fixture(f"ws_{name}"))


def test_the_recorded_message_of_the_user_channel_is_of_an_older_shape() -> None:
    check_shape(fixture("ws_user"), wire_streams.OlderUserMessage, "user")
    with pytest.raises(Misshapen, match=r"orders\[0\]\.completion_percentage is missing"):
        check_frame(fixture("ws_user"))


def test_every_recorded_answer_is_checked_here() -> None:
    source = Path(__file__).read_text()
    missing = [
        path.stem
        for path in FIXTURES.glob("*.json")
        if f'"{path.stem.partition("_")[2]}"' not in source and f'"{path.stem}"' not in source
    ]
    assert missing == []
    assert len(list(FIXTURES.glob("*.json"))) == 16


def test_a_field_that_is_missing_is_named() -> None:
    book = fixture("http_product_book")
    del book["pricebook"]["bids"][1]["size"]
    assert findings(book, wire_markets.BookAnswer) == ["$.pricebook.bids[1].size is missing"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (68923.67, "wanted a valid string"),
        ("1e3", r"wanted text of the form ^(-?\d+(\.\d+)?)?$"),
        (None, "wanted a valid string"),
    ],
)
def test_a_price_that_is_not_decimal_text_is_told_with_what_was_found(value: object, words: str) -> None:
    product = fixture("http_product") | {"price": value}
    assert findings(product, wire_markets.Product) == [f"$.price: found {value!r}, {words}"]


def test_a_truth_value_as_text_or_number_is_none() -> None:
    product = fixture("http_product") | {"view_only": "false", "new": 0}
    assert findings(product, wire_markets.Product) == [
        "$.new: found 0, wanted a valid boolean",
        "$.view_only: found 'false', wanted a valid boolean",
    ]


def test_a_number_as_text_and_a_truth_value_are_no_numbers() -> None:
    body = fixture("http_accounts") | {"size": "2"}
    assert findings(body, wire_accounts.OlderAccountsAnswer) == ["$.size: found '2', wanted a valid integer"]
    body = fixture("http_accounts") | {"size": True}
    assert findings(body, wire_accounts.OlderAccountsAnswer) == ["$.size: found True, wanted a valid integer"]


def test_an_unknown_word_of_an_enum_is_told_with_the_known_ones() -> None:
    body = fixture("http_fills")
    body["fills"][1]["side"] = "buy"
    assert findings(body, wire_orders.OlderFillsAnswer) == [
        "$.fills[1].side: found 'buy', wanted one of 'BUY' or 'SELL'"
    ]


def test_a_time_without_its_zone_is_none() -> None:
    (line,) = findings(TIME | {"iso": "2026-04-07T00:00:00"}, wire_markets.TimeAnswer)
    assert line.startswith("$.iso: found '2026-04-07T00:00:00', wanted text of the form")


def test_null_stands_only_where_it_may() -> None:
    body = fixture("http_accounts")
    body["accounts"][0]["deleted_at"] = None
    check_shape(body, wire_accounts.OlderAccountsAnswer, "here")
    body["accounts"][0]["updated_at"] = None
    assert findings(body, wire_accounts.OlderAccountsAnswer) == [
        "$.accounts[0].updated_at: found None, wanted a valid string"
    ]
    body = {"success": True, "errors": [], "success_response": None}
    (line,) = findings(body, wire_orders.EditAnswer)
    assert line.startswith("$.success_response: found None, wanted")


def test_a_field_that_coinbase_does_not_have_is_told() -> None:
    assert findings(TIME | {"epoch_seconds": "1"}, wire_markets.TimeAnswer) == [
        "$.epoch_seconds: found '1', is no field of Coinbase's"
    ]


def test_an_order_is_of_one_kind() -> None:
    body = fixture("http_order")
    body["order"]["order_configuration"]["market_market_ioc"] = {"base_size": "1"}
    (line,) = findings(body, wire_orders.OlderOrderAnswer)
    assert line.startswith("$.order.order_configuration: found")
    assert "exactly one kind of order, not ['limit_limit_gtc', 'market_market_ioc']" in line


def test_the_answer_to_a_new_order_is_judged_by_its_success() -> None:
    taken = {"order_id": "1", "product_id": "BTC-USD", "side": "BUY", "client_order_id": "2"}
    good = {"success": True, "success_response": taken, "order_configuration": None}
    check_shape(good, wire_orders.CreateAnswer, "here")
    assert findings(good | {"success": False}, wire_orders.CreateAnswer) == [
        "$.error_response is missing",
        f"$.success_response: found {taken!r}, is no field of Coinbase's",
    ]


def test_answers_that_contradict_themselves_are_refused() -> None:
    canceled = {"success": True, "failure_reason": "UNKNOWN_CANCEL_ORDER", "order_id": "1"}
    (line,) = findings({"results": [canceled]}, wire_orders.CancelAnswer)
    assert "success True with the reason UNKNOWN_CANCEL_ORDER" in line
    (line,) = findings({"success": False, "errors": []}, wire_orders.EditAnswer)
    assert "success False with 0 errors" in line
    (line,) = findings({"success": False, "errors": [{}]}, wire_orders.EditAnswer)
    assert "edit_failure_reason or preview_failure_reason is there" in line


def test_a_refusal_over_http_has_coinbases_body() -> None:
    error = {"error": "NOT_FOUND", "message": "no", "error_details": "no"}
    path = f"{ROOT}/products/NOPE-USD"
    check_answer("GET", path, 404, "application/json", json.dumps(error))
    with pytest.raises(Misshapen, match=r"^GET /api/v3/brokerage/products/NOPE-USD 404: \$\.error_details is missing$"):
        check_answer("GET", path, 404, "application/json", json.dumps({"error": "NOT_FOUND", "message": "no"}))
    check_answer("GET", path, 401, "text/plain; charset=utf-8", "Unauthorized")
    with pytest.raises(Misshapen, match=r"401: found application/json '\{\}', wanted text/plain 'Unauthorized'"):
        check_answer("GET", path, 401, "application/json", "{}")
    limited = {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]}
    check_answer("GET", path, 429, "application/json", json.dumps(limited))
    check_answer("GET", path, 429, "", "")
    check_answer("GET", path, 429, "text/html", "<html></html>")
    with pytest.raises(Misshapen, match="429"):
        check_answer("GET", path, 429, "application/json", json.dumps(error))
    with pytest.raises(Misshapen, match="200: found text/html, wanted application/json"):
        check_answer("GET", path, 200, "text/html", "{}")


def test_an_answer_with_200_is_held_to_todays_shape() -> None:
    check_answer("GET", f"{ROOT}/time", 200, "application/json", json.dumps(TIME))
    with pytest.raises(Misshapen, match=r"accounts\[0\]\.platform is missing"):
        check_answer("GET", f"{ROOT}/accounts", 200, "application/json", json.dumps(fixture("http_accounts")))


def test_an_endpoint_that_is_not_in_the_table_is_told() -> None:
    with pytest.raises(Misshapen, match="POST /api/v3/brokerage/accounts: an endpoint that is not in the table"):
        endpoint_of("POST", f"{ROOT}/accounts")


def test_a_path_belongs_to_one_row() -> None:
    assert endpoint_of("GET", f"{ROOT}/orders/historical/batch").shape is wire_orders.OrdersAnswer
    assert endpoint_of("GET", f"{ROOT}/orders/historical/fills").shape is wire_orders.FillsAnswer
    assert endpoint_of("GET", f"{ROOT}/orders/historical/batches").shape is wire_orders.OrderAnswer
    assert len({(row.method, row.path) for row in ENDPOINTS}) == len(ENDPOINTS)


def test_a_message_of_an_unknown_channel_is_told() -> None:
    frame = copy.deepcopy(fixture("ws_heartbeats")) | {"channel": "heartbeat"}
    with pytest.raises(Misshapen, match=r"channel heartbeat: .*found"):
        check_frame(frame)


def test_a_message_that_is_wrong_is_told_with_its_path() -> None:
    frame = fixture("ws_l2_data_update")
    frame["events"][0]["updates"][0]["side"] = "ask"
    frame["sequence_num"] = "1"
    with pytest.raises(Misshapen) as refused:
        check_frame(frame)
    assert str(refused.value).splitlines() == [
        "channel l2_data: $.sequence_num: found '1', wanted a valid integer",
        "channel l2_data: $.events[0].updates[0].side: found 'ask', wanted one of 'bid' or 'offer'",
    ]


def test_an_error_of_the_websocket_has_no_channel() -> None:
    check_frame({"type": "error", "message": "authentication failure"})
    with pytest.raises(Misshapen, match=r"a message without a channel: \$\.message is missing"):
        check_frame({"type": "error"})


def test_every_shape_of_the_table_refuses_an_empty_object() -> None:
    shapes = [row.shape for row in ENDPOINTS if row.shape is not wire_accounts.Nothing] + [
        row.older for row in ENDPOINTS if row.older is not None
    ]
    for shape in [*shapes, wire_streams.ErrorFrame, wire_streams.Message]:
        with pytest.raises(Misshapen):
            wire_table.check_shape({}, shape, "here")
