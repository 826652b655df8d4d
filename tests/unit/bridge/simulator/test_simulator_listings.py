"""Listings of orders and fills: every filter lets the right records through and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

ROOT = "/api/v3/brokerage"
BATCH, FILLS = f"{ROOT}/orders/historical/batch", f"{ROOT}/orders/historical/fills"
START = 1_757_142_000
LATER = "2099-01-01T00:00:00Z"
DOWN = "STOP_DIRECTION_STOP_DOWN"
Simulate = Callable[..., AbstractContextManager[httpx.Client]]
Query = dict[str, Any]

# In the order of placing; the price is 100080. Those that are filled: buy, sell, in-usdc, ioc, fok.
ORDERS: dict[str, tuple[str, str, str, dict[str, object]]] = {
    "buy": ("BTC-USD", "BUY", "market_market_ioc", {"quote_size": "100"}),
    "sell": ("BTC-USD", "SELL", "market_market_ioc", {"base_size": "0.0005"}),
    "in-usdc": ("BTC-USDC", "BUY", "market_market_ioc", {"quote_size": "50"}),
    "ioc": ("BTC-USD", "BUY", "sor_limit_ioc", {"base_size": "0.001", "limit_price": "100500"}),
    "fok": ("BTC-USD", "BUY", "limit_limit_fok", {"base_size": "0.001", "limit_price": "100600"}),
    "gtc": ("BTC-USD", "BUY", "limit_limit_gtc", {"base_size": "0.001", "limit_price": "50000"}),
    "gtd": ("BTC-USD", "SELL", "limit_limit_gtd", {"base_size": "0.001", "limit_price": "200000", "end_time": LATER}),
    "stop": (
        "BTC-USD",
        "SELL",
        "stop_limit_stop_limit_gtc",
        {"base_size": "0.001", "limit_price": "90000", "stop_price": "95000", "stop_direction": DOWN},
    ),
    "bracket": (
        "BTC-USD",
        "SELL",
        "trigger_bracket_gtc",
        {"base_size": "0.001", "limit_price": "150000", "stop_trigger_price": "90000"},
    ),
    "canceled": ("BTC-USD", "BUY", "limit_limit_gtc", {"base_size": "0.001", "limit_price": "40000"}),
}
NEWEST_FIRST = list(ORDERS)[::-1]
FILLED = ["fok", "ioc", "in-usdc", "sell", "buy"]


@pytest.fixture(scope="module")
def listed(simulate: Simulate) -> Iterator[tuple[httpx.Client, dict[str, str]]]:
    """A simulator with an order of each kind, a second apart, and their ids."""
    with simulate("--balance", "BTC=1", "--balance", "USD=10000", "--balance", "USDC=100") as client:
        ids = {}
        for number, (name, (product_id, side, kind, fields)) in enumerate(ORDERS.items()):
            client.post("/sim/advance", json={"to_ms": (START + 480 + number) * 1000}).raise_for_status()
            body = {
                "client_order_id": name,
                "product_id": product_id,
                "side": side,
                "order_configuration": {kind: fields},
            }
            answer = client.post(f"{ROOT}/orders", json=body).json()
            assert answer["success"], answer
            ids[name] = answer["success_response"]["order_id"]
        client.post(f"{ROOT}/orders/batch_cancel", json={"order_ids": [ids["canceled"]]}).raise_for_status()
        yield client, ids


def names(client: httpx.Client, **query: Any) -> list[str]:
    answer = client.get(BATCH, params=query)
    assert answer.status_code == 200, answer.text
    return [item["client_order_id"] for item in answer.json()["orders"]]


def filled(client: httpx.Client, ids: dict[str, str], **query: Any) -> list[str]:
    answer = client.get(FILLS, params=query)
    assert answer.status_code == 200, answer.text
    by_id = {order_id: name for name, order_id in ids.items()}
    # An order may have several fills: each name once.
    return list(dict.fromkeys(by_id[item["order_id"]] for item in answer.json()["fills"]))


def chosen(*wanted: str) -> list[str]:
    return [name for name in NEWEST_FIRST if name in wanted]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, NEWEST_FIRST),
        ({"product_ids": "BTC-USDC"}, ["in-usdc"]),
        ({"product_id": "BTC-USDC"}, ["in-usdc"]),
        ({"product_ids": ["BTC-USDC", "BTC-USD"]}, NEWEST_FIRST),
        ({"product_ids": "ETH-USD"}, []),
        ({"product_type": "SPOT"}, NEWEST_FIRST),
        ({"product_type": "UNKNOWN_PRODUCT_TYPE"}, NEWEST_FIRST),
        ({"product_type": "FUTURE"}, []),
        ({"order_status": "OPEN"}, chosen("gtc", "gtd", "stop", "bracket")),
        ({"order_status": "FILLED"}, FILLED),
        ({"order_status": ["FILLED", "CANCELLED"]}, chosen(*FILLED, "canceled")),
        ({"order_status": "EXPIRED"}, []),
        ({"order_side": "SELL"}, chosen("sell", "gtd", "stop", "bracket")),
        ({"order_side": "UNKNOWN_ORDER_SIDE"}, NEWEST_FIRST),
        ({"order_types": "MARKET"}, chosen("buy", "sell", "in-usdc")),
        ({"order_types": ["STOP_LIMIT", "BRACKET"]}, chosen("stop", "bracket")),
        ({"order_type": "LIMIT"}, chosen("ioc", "fok", "gtc", "gtd", "canceled")),
        ({"order_types": "TWAP"}, []),
        ({"time_in_forces": "GOOD_UNTIL_DATE_TIME"}, ["gtd"]),
        ({"time_in_forces": "FILL_OR_KILL"}, ["fok"]),
        ({"time_in_forces": "IMMEDIATE_OR_CANCEL"}, chosen("buy", "sell", "in-usdc", "ioc")),
        (
            {"time_in_forces": ["GOOD_UNTIL_CANCELLED", "FILL_OR_KILL"]},
            chosen("fok", "gtc", "stop", "bracket", "canceled"),
        ),
        ({"order_placement_source": "RETAIL_ADVANCED"}, NEWEST_FIRST),
        ({"order_placement_source": "RETAIL_SIMPLE"}, []),
        ({"asset_filters": "USDC"}, ["in-usdc"]),
        ({"asset_filters": "BTC"}, NEWEST_FIRST),
        ({"asset_filters": ["ETH", "USDC"]}, ["in-usdc"]),
        ({"asset_filters": "ETH"}, []),
        ({"start_date": "2025-09-06T07:08:09Z"}, ["canceled"]),
        ({"end_date": "2025-09-06T07:08:01Z"}, ["buy"]),
        ({"start_date": "2025-09-06T07:08:01Z", "end_date": "2025-09-06T07:08:03Z"}, ["in-usdc", "sell"]),
        ({"contract_expiry_type": "PERPETUAL"}, NEWEST_FIRST),
        ({"user_native_currency": "USD"}, NEWEST_FIRST),
        ({"order_status": "OPEN", "order_side": "SELL", "order_types": "LIMIT"}, ["gtd"]),
    ],
)
def test_orders_are_filtered(listed: tuple[httpx.Client, dict[str, str]], query: Query, wanted: list[str]) -> None:
    assert names(listed[0], **query) == wanted


def test_orders_are_found_by_their_ids(listed: tuple[httpx.Client, dict[str, str]]) -> None:
    client, ids = listed
    assert names(client, order_ids=[ids["gtd"], ids["buy"]]) == ["gtd", "buy"]
    assert names(client, order_ids="00000000-0000-4000-8000-000000000000") == []


@pytest.mark.parametrize("statuses", [["OPEN", "FILLED"], ["OPEN", "CANCELLED", "EXPIRED"]])
def test_open_is_not_combined_with_other_statuses(
    listed: tuple[httpx.Client, dict[str, str]], statuses: list[str]
) -> None:
    answer = listed[0].get(BATCH, params={"order_status": statuses})
    assert (answer.status_code, answer.json()["error"]) == (400, "INVALID_ARGUMENT")
    assert "order_status" in answer.json()["message"]


@pytest.mark.parametrize("sort", ["UNKNOWN_SORT_BY", "LIMIT_PRICE", "LAST_FILL_TIME"])
def test_sorted_orders_come_in_pages_with_each_of_them_once(
    listed: tuple[httpx.Client, dict[str, str]], sort: str
) -> None:
    client, _ = listed
    pages, cursor = [], ""
    while True:
        page = client.get(BATCH, params={"sort_by": sort, "limit": 3, "cursor": cursor}).json()
        pages.append([item["client_order_id"] for item in page["orders"]])
        assert page["has_next"] is (page["cursor"] != "")
        cursor = page["cursor"]
        if not cursor:
            break
    assert [len(page) for page in pages] == [3, 3, 3, 1]
    found = [name for page in pages for name in page]
    assert sorted(found) == sorted(ORDERS)
    if sort == "LIMIT_PRICE":
        assert found[:3] == ["gtd", "bracket", "fok"]
    elif sort == "LAST_FILL_TIME":
        assert found[:5] == FILLED
    else:
        assert found == NEWEST_FIRST


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, FILLED),
        ({"product_ids": "BTC-USDC"}, ["in-usdc"]),
        ({"product_id": "BTC-USDC"}, ["in-usdc"]),
        ({"order_side": "SELL"}, ["sell"]),
        ({"order_types": "MARKET"}, ["in-usdc", "sell", "buy"]),
        ({"order_types": "LIMIT"}, ["fok", "ioc"]),
        ({"product_types": "FUTURE"}, []),
        ({"product_types": "SPOT"}, FILLED),
        ({"asset_filters": "USDC"}, ["in-usdc"]),
        ({"start_sequence_timestamp": "2025-09-06T07:08:03Z"}, ["fok", "ioc"]),
        ({"end_sequence_timestamp": "2025-09-06T07:08:01Z"}, ["buy"]),
        ({"sort_by": "TRADE_TIME"}, FILLED),
    ],
)
def test_fills_are_filtered(listed: tuple[httpx.Client, dict[str, str]], query: Query, wanted: list[str]) -> None:
    client, ids = listed
    assert filled(client, ids, **query) == wanted


def test_fills_are_found_by_order_and_by_trade(listed: tuple[httpx.Client, dict[str, str]]) -> None:
    client, ids = listed
    assert filled(client, ids, order_ids=[ids["buy"], ids["sell"]]) == ["sell", "buy"]
    assert filled(client, ids, order_id=ids["buy"]) == ["buy"]
    (first, *_) = client.get(FILLS, params={"order_id": ids["ioc"]}).json()["fills"]
    (found,) = client.get(FILLS, params={"trade_ids": first["trade_id"]}).json()["fills"]
    assert found == first


def test_fills_may_be_sorted_by_price(listed: tuple[httpx.Client, dict[str, str]]) -> None:
    prices = [float(item["price"]) for item in listed[0].get(FILLS, params={"sort_by": "PRICE"}).json()["fills"]]
    assert prices == sorted(prices, reverse=True)
    assert len(set(prices)) > 1


@pytest.mark.parametrize("path", [BATCH, FILLS])
def test_a_filter_that_is_not_known_lists_nothing_wrong(listed: tuple[httpx.Client, dict[str, str]], path: str) -> None:
    answer = listed[0].get(path, params={"order_sides": "BUY"})
    assert (answer.status_code, answer.json()["message"]) == (400, "order_sides argument is invalid - no such filter")


def test_a_page_of_0_is_a_page_of_the_usual_size(listed: tuple[httpx.Client, dict[str, str]]) -> None:
    assert names(listed[0], limit=0) == NEWEST_FIRST
