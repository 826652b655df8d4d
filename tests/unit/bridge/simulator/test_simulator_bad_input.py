"""Requests that cannot be read: 400 in Coinbase's shape with the field's name, never 500, and nothing happens."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

ROOT = "/api/v3/brokerage"
ORDER_ID = "00000000-0000-4000-8000-000000000000"
Simulate = Callable[..., AbstractContextManager[httpx.Client]]
MISSING = object()

NO_TEXTS: dict[str, Any] = {
    "missing": MISSING,
    "null": None,
    "empty": "",
    "a number": 7,
    "a float": 0.5,
    "a boolean": True,
    "a list": ["x"],
    "an object": {"x": "y"},
    "too long": "x" * 5000,
    "a control character": "a\x00b",
    "a line break": "a\nb",
    "half a surrogate pair": "\ud800",
}
NO_NUMBERS: dict[str, Any] = NO_TEXTS | {
    "an exponent": "1e2",
    "blanks": " 10 ",
    "a plus": "+10",
    "not a number": "NaN",
    "infinity": "-Infinity",
    "5,000 digits": "1" * 5000,
    "underscores": "1_000",
    "digits of another script": "٣",
    "a comma": "1,5",
    "hexadecimal": "0x10",
    "two signs": "--1",
    "words": "ten",
}
NO_FLAGS: dict[str, Any] = {"text": "true", "a number": 1, "a list": [], "an object": {}}
NO_TIMES: dict[str, Any] = NO_TEXTS | {
    "words": "tomorrow",
    "no zone": "2030-01-01T00:00:00",
    "a day": "2030-01-01",
    "seconds": "1893456000",
    "a month 13": "2030-13-01T00:00:00Z",
    "a year 99999": "99999-01-01T00:00:00Z",
}
NO_DIRECTIONS: dict[str, Any] = NO_TEXTS | {"another word": "UP"}
NO_OBJECTS: dict[str, Any] = {
    "missing": MISSING,
    "null": None,
    "text": "x",
    "a number": 7,
    "a list": [{}],
    "empty": {},
    "two of them": {"limit_limit_gtc": {}, "market_market_ioc": {}},
    "not an object inside": {"market_market_ioc": 7},
    "an empty name": {"": {}},
    "half a surrogate pair as a name": {"\ud800": {}},
    "a name that is too long": {"x" * 5000: {}},
}
NO_IDS: dict[str, Any] = {
    "missing": MISSING,
    "null": None,
    "text": "x",
    "empty": [],
    "a number in it": [7],
    "an empty text in it": [""],
    "half a surrogate pair in it": ["\ud800"],
    "too many": [ORDER_ID] * 101,
    "an object": {"0": ORDER_ID},
}


def order(kind: str, **fields: object) -> dict[str, Any]:
    head = {"client_order_id": "bad", "product_id": "BTC-USD", "side": "SELL"}
    return head | {"order_configuration": {kind: fields}}


SIZED = {"base_size": "0.001", "limit_price": "200000"}
STOP = {
    "base_size": "0.001",
    "limit_price": "50000",
    "stop_price": "60000",
    "stop_direction": "STOP_DIRECTION_STOP_DOWN",
}
BRACKET = {"base_size": "0.001", "limit_price": "200000", "stop_trigger_price": "50000"}
LATER = "2099-01-01T00:00:00Z"
ORDERS = {
    "market by quote": order("market_market_ioc", quote_size="10") | {"side": "BUY"},
    "market by base": order("market_market_ioc", base_size="0.001"),
    "ioc": order("sor_limit_ioc", **SIZED),
    "gtc": order("limit_limit_gtc", **SIZED, post_only=True),
    "gtd": order("limit_limit_gtd", **SIZED, end_time=LATER, post_only=False),
    "fok": order("limit_limit_fok", **SIZED),
    "stop": order("stop_limit_stop_limit_gtc", **STOP),
    "stop gtd": order("stop_limit_stop_limit_gtd", **STOP, end_time=LATER),
    "bracket": order("trigger_bracket_gtc", **BRACKET),
    "bracket gtd": order("trigger_bracket_gtd", **BRACKET, end_time=LATER),
}
KINDS = {
    "client_order_id": NO_TEXTS,
    "product_id": NO_TEXTS,
    "side": NO_TEXTS,
    "order_id": NO_TEXTS,
    "order_configuration": NO_OBJECTS,
    "post_only": NO_FLAGS,
    "end_time": NO_TIMES,
    "stop_direction": NO_DIRECTIONS,
    "order_ids": NO_IDS,
    "name": NO_TEXTS,
    "funds": NO_OBJECTS | {"text inside": {"value": "x", "currency": "USD"}},
    "currency": NO_TEXTS,
    "source_portfolio_uuid": NO_TEXTS,
    "target_portfolio_uuid": NO_TEXTS,
}
# What may be left out, or null, without harm.
OPTIONAL = {"post_only", "price", "size", "retail_portfolio_id"}
POSTS: list[tuple[str, str, dict[str, Any]]] = [
    *(("POST", "/orders", body) for body in ORDERS.values()),
    ("POST", "/orders/preview", {**ORDERS["stop gtd"], "client_order_id": MISSING}),
    ("POST", "/orders/edit", {"order_id": ORDER_ID, "price": "100", "size": "1"}),
    ("POST", "/orders/edit_preview", {"order_id": ORDER_ID, "price": "100", "size": "1"}),
    ("POST", "/orders/batch_cancel", {"order_ids": [ORDER_ID]}),
    ("POST", "/portfolios", {"name": "Second"}),
    (
        "POST",
        "/portfolios/move_funds",
        {
            "funds": {"value": "1", "currency": "USD"},
            "source_portfolio_uuid": ORDER_ID,
            "target_portfolio_uuid": ORDER_ID,
        },
    ),
]


@pytest.fixture(scope="module")
def standing(simulate: Simulate) -> Iterator[httpx.Client]:
    with simulate("--key-permissions", "view,trade,transfer", "--balance", "BTC=1") as client:
        yield client


def fields_of(body: dict[str, Any], way: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The ways to every field of a body, inner ones too."""
    for name, value in body.items():
        if value is MISSING:
            continue
        yield (*way, name)
        if isinstance(value, dict):
            yield from fields_of(value, (*way, name))


def changed(body: dict[str, Any], way: tuple[str, ...], value: object) -> dict[str, Any]:
    made = {name: item for name, item in copy.deepcopy(body).items() if body[name] is not MISSING}
    holder = made
    for name in way[:-1]:
        holder = holder[name]
    if value is MISSING:
        del holder[way[-1]]
    else:
        holder[way[-1]] = value
    return made


def test_what_cannot_be_read_is_named_and_changes_nothing(standing: httpx.Client) -> None:
    """Every field of every body, with everything that it is not."""
    asked: set[tuple[str, str]] = set()
    for method, path, body in POSTS:
        for way in fields_of(body):
            name = way[-1]
            if name in {"market_market_ioc", "sor_limit_ioc"} or name.startswith(
                ("limit_limit", "stop_limit", "trigger")
            ):
                continue
            for label, value in KINDS.get(name, NO_NUMBERS).items():
                if name in OPTIONAL and label in ("missing", "null"):
                    continue
                sent = json.dumps(changed(body, way, value))
                answer = standing.request(method, ROOT + path, content=sent)
                where = f"{method} {path} {'.'.join(way)}: {label}"
                assert answer.status_code == 400, f"{where}: {answer.status_code} {answer.text}"
                error = answer.json()
                assert set(error) == {"error", "error_details", "message"}, where
                assert name in error["message"], f"{where}: {error}"
                asked.add((path, name))
    assert len(asked) > 30
    assert standing.get(f"{ROOT}/orders/historical/batch").json()["orders"] == []
    assert len(standing.get(f"{ROOT}/portfolios").json()["portfolios"]) == 1


@pytest.mark.parametrize("path", ["/orders", "/orders/preview", "/orders/edit", "/orders/batch_cancel", "/portfolios"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"7",
        b"[]",
        b"{",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}{',
        b"\xff\xfe",
        b'{"a": ' + b"1" * 5000 + b"}",
        b"[" * 60_000,
        b'{"a":' * 9_000,
    ],
)
def test_a_body_that_is_no_json_object_is_refused(standing: httpx.Client, path: str, content: bytes) -> None:
    answer = standing.post(ROOT + path, content=content)
    assert (answer.status_code, answer.json()["error"]) == (400, "INVALID_ARGUMENT")


def test_a_number_that_json_has_not_is_no_size(standing: httpx.Client) -> None:
    body = json.dumps(order("market_market_ioc", quote_size=float("nan")) | {"side": "BUY"})
    assert '"quote_size": NaN' in body
    answer = standing.post(f"{ROOT}/orders", content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "INVALID_ARGUMENT")


def test_a_body_is_not_read_to_its_end_when_it_is_too_long(standing: httpx.Client) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b" " * 65_536

    try:
        answer = standing.post(f"{ROOT}/orders", content=endless())
    except httpx.TransportError:
        pass  # it hung up while we were still sending
    else:
        assert (answer.status_code, answer.json()["error"]) == (413, "INVALID_ARGUMENT")
    exact = b"{" + b" " * (64 * 1024 - 2) + b"}"
    assert standing.post(f"{ROOT}/orders", content=exact).status_code == 400
    assert standing.post(f"{ROOT}/orders", content=exact + b" ").status_code == 413


def test_a_well_formed_order_that_makes_no_sense_is_refused_with_a_reason(standing: httpx.Client) -> None:
    for kind, fields in (
        ("market_market_ioc", {"base_size": "-1"}),
        ("market_market_ioc", {"base_size": "0"}),
        ("market_market_ioc", {"base_size": "1" + "0" * 60}),
        ("market_market_ioc", {"base_size": "0." + "0" * 60 + "1"}),
        ("market_market_ioc", {"base_size": "1", "quote_size": "1"}),
        ("limit_limit_gtc", SIZED | {"limit_price": "-1"}),
        ("limit_limit_gtc", SIZED | {"limit_price": "1" + "0" * 60}),
        ("limit_limit_gtd", SIZED | {"end_time": "2000-01-01T00:00:00Z"}),
        ("twap_limit_gtd", {}),
        ("of_another_world", {}),
    ):
        answer = standing.post(f"{ROOT}/orders", json=order(kind, **fields))
        assert answer.status_code == 200, (kind, fields, answer.text)
        assert answer.json()["success"] is False
    for name, value in (("side", "HOLD"), ("product_id", "NOPE-USD"), ("product_id", "ﬁ-USD")):
        answer = standing.post(f"{ROOT}/orders", json=ORDERS["gtc"] | {name: value})
        assert (answer.status_code, answer.json()["success"]) == (200, False)


def test_a_client_order_id_has_128_characters_at_most(standing: httpx.Client) -> None:
    body = ORDERS["gtc"] | {"side": "HOLD"}
    assert standing.post(f"{ROOT}/orders", json=body | {"client_order_id": "é" * 128}).status_code == 200
    assert standing.post(f"{ROOT}/orders", json=body | {"client_order_id": "é" * 129}).status_code == 400


LISTS = ["/orders/historical/batch", "/orders/historical/fills"]
NO_COUNTS = ["-1", "x", "1.5", "+1", " 1", "1e3", "NaN", "٣", "9" * 5000]
QUERIES: list[tuple[str, str, list[str]]] = [
    *((path, "limit", [*NO_COUNTS, "1001"]) for path in LISTS),
    *((path, "cursor", NO_COUNTS) for path in [*LISTS, "/accounts"]),
    *((path, "order_side", ["buy", "LEFT"]) for path in LISTS),
    *((path, "order_types", ["limit", "MARKET,LIMIT"]) for path in LISTS),
    *((path, "product_type", ["spot", "OPTION"]) for path in [*LISTS, "/products"]),
    *((path, "sort_by", ["price", "SIZE"]) for path in LISTS),
    *((path, "retail_portfolio_id", ["x", ORDER_ID]) for path in [*LISTS, "/accounts"]),
    (LISTS[0], "order_status", ["open", "DONE"]),
    (LISTS[0], "time_in_forces", ["GTC"]),
    (LISTS[0], "order_placement_source", ["ADVANCED"]),
    *((LISTS[0], name, ["now", "2025-01-01", "1700000000", "9" * 5000]) for name in ("start_date", "end_date")),
    (LISTS[1], "start_sequence_timestamp", ["now", "1700000000"]),
    (LISTS[1], "end_sequence_timestamp", ["now"]),
    ("/accounts", "limit", [*NO_COUNTS, "251"]),
    ("/products", "limit", NO_COUNTS),
    ("/products", "offset", NO_COUNTS),
    ("/products", "get_tradability_status", ["yes", "2"]),
    ("/products/BTC-USD", "get_tradability_status", ["yes"]),
    ("/products/BTC-USD/ticker", "limit", NO_COUNTS),
    ("/products/BTC-USD/ticker", "start", NO_COUNTS),
    ("/product_book?product_id=BTC-USD", "limit", [*NO_COUNTS, "1001"]),
    ("/product_book?product_id=BTC-USD", "aggregation_price_increment", ["0", "-1", "x", "0.015", "1e9", "NaN"]),
    ("/product_book", "product_id", [""]),
    ("/transaction_summary", "product_type", ["OPTION"]),
    ("/portfolios", "portfolio_type", ["MINE"]),
    *((path, "no_such_filter", ["x"]) for path in [*LISTS, "/products", "/accounts", "/portfolios"]),
]


@pytest.mark.parametrize(("path", "name", "values"), QUERIES)
def test_a_query_that_cannot_be_read_is_named(standing: httpx.Client, path: str, name: str, values: list[str]) -> None:
    for value in values:
        answer = standing.get(ROOT + path, params={**httpx.URL(path).params, name: value})
        assert answer.status_code == 400, f"{path} {name}={value[:20]}: {answer.text[:200]}"
        assert answer.json()["error"] == "INVALID_ARGUMENT"
        assert name in answer.json()["message"]


@pytest.mark.parametrize("end", ["99999999999", "0"])
@pytest.mark.parametrize("granularity", ["ONE_MINUTE", "ONE_DAY", "SIX_HOUR"])
def test_candles_of_any_time_that_can_be_written_are_answered(
    standing: httpx.Client, end: str, granularity: str
) -> None:
    query = {"start": str(max(int(end) - 60, 0)), "end": end, "granularity": granularity}
    answer = standing.get(f"{ROOT}/products/BTC-USD/candles", params=query)
    assert (answer.status_code, answer.json()) == (200, {"candles": []})


def test_a_path_or_method_that_is_none_is_answered_in_coinbases_shape(standing: httpx.Client) -> None:
    for method, path, status in (
        ("GET", f"{ROOT}/nonsense", 404),
        ("GET", f"{ROOT}/products/%F0%9F%98%80", 404),
        ("GET", f"{ROOT}/products/{'x' * 5000}", 404),
        ("PATCH", f"{ROOT}/orders", 405),
        ("DELETE", f"{ROOT}/accounts", 405),
        ("GET", f"{ROOT}/payment_methods", 501),
        ("POST", f"{ROOT}/convert/quote", 501),
    ):
        answer = standing.request(method, path)
        assert answer.status_code == status, (method, path)
        assert set(answer.json()) == {"error", "error_details", "message"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/sim/advance", {"to_ms": 10**30}),
        ("/sim/advance", {"to_ms": "1"}),
        ("/sim/advance", {"to_ms": True}),
        ("/sim/advance", {"candles": 0}),
        ("/sim/advance", {"candles": 1, "to_ms": 1}),
        ("/sim/advance", {"candle": 1}),
        ("/sim/sockets/close", {"code": "1000"}),
        ("/sim/sockets/close", {"code": 999}),
        ("/sim/exchange", {"gate": {}}),
        ("/sim/exchange", {"gates": {"BTC-USD": ["shut"]}}),
        ("/sim/exchange", {"gates": {"BTC-USD": [["shut"]]}}),
        ("/sim/exchange", {"gates": {"BTC-USD": "limit_only"}}),
        ("/sim/exchange", {"gates": []}),
        ("/sim/exchange", {"status": {"BTC-USD": "odd"}}),
        ("/sim/exchange", {"balances": {"USD": "-1"}}),
        ("/sim/exchange", {"balances": {"USD": "1" * 60}}),
        ("/sim/exchange", {"balances": {"DOGE": "1"}}),
        ("/sim/exchange", {"books": {"BTC-USD": {"levels": 0}}}),
        ("/sim/exchange", {"fills_delay_ms": -1}),
        ("/sim/exchange", {"refuse_duplicates": "yes"}),
        ("/sim/fills/reverse", {"entry_id": 7}),
        ("/sim/fills/correct", {"entry_id": "x"}),
    ],
)
def test_a_control_that_cannot_be_is_refused(standing: httpx.Client, path: str, body: dict[str, Any]) -> None:
    answer = standing.post(path, json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "INVALID_ARGUMENT")
