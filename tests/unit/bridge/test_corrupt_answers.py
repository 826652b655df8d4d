"""Answers of Coinbase that cannot be right: refused or passed over by name, and the good beside them used."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cbbot_bridge.bridge_app import create_app

pytestmark = pytest.mark.anyio

START = 1712192400
ROW = {"start": str(START), "low": "1", "high": "4", "open": "2", "close": "3", "volume": "5"}
ACCOUNT = {"currency": "BTC", "available_balance": {"value": "1.5", "currency": "BTC"}}
BLANK = {"currency": "ETH", "available_balance": {"value": "", "currency": "ETH"}}


def a_page(*accounts: dict[str, Any], **end: Any) -> dict[str, Any]:
    return {"accounts": list(accounts), "has_next": False, "cursor": "", **end}


@pytest.mark.parametrize(
    "wrong",
    [
        {"open": "0"},
        {"low": "0"},
        {"low": "-1"},
        {"close": "-3"},
        {"high": "1", "low": "4"},
        {"open": "5"},
        {"close": "0.5"},
        {"volume": "-1"},
        {"start": str(START + 1)},
        {"start": "9" * 5000},
        {"start": "-60"},
        {"start": ""},
    ],
)
async def test_a_candle_that_cannot_be_is_502_and_named(open_bridge: Any, coinbase: Any, wrong: dict[str, str]) -> None:
    good = {**ROW, "start": str(START + 60)}
    coinbase.on("GET", "/market/products/BTC-USD/candles", {"candles": [good, {**ROW, **wrong}]})
    async with open_bridge() as client:
        answer = await client.get(f"/candles?product_id=BTC-USD&start={START}&end={START + 60}")
    assert answer.status_code == 502
    error = answer.json()["error"]
    assert error["code"] == "upstream_malformed"
    assert "candle" in error["message"]
    if "start" not in wrong:
        assert str(START) in error["message"]


async def test_a_start_of_five_thousand_digits_is_bad_input(open_bridge: Any) -> None:
    async with open_bridge() as client:
        answer = await client.get("/candles", params={"product_id": "BTC-USD", "start": "9" * 5000})
    assert answer.status_code == 422
    assert "start" in answer.json()["error"]["message"]


async def test_one_account_without_a_balance_does_not_hide_the_others(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/accounts", a_page(ACCOUNT, BLANK))
    async with open_bridge() as client:
        answer = await client.get("/accounts")
        assert answer.status_code == 200
        got = answer.json()
        assert [account["currency"] for account in got["accounts"]] == ["BTC"]
        assert got["unreadable"] == ["ETH"]
        assert (await client.get("/balance/base?product_id=BTC-USD")).json()["available"] == "1.5"


async def test_a_balance_that_cannot_be_read_is_an_error_and_not_zero(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/accounts", a_page({**BLANK, "currency": "BTC"}))
    async with open_bridge() as client:
        answer = await client.get("/balance/base?product_id=BTC-USD")
        assert answer.status_code == 502
        assert "BTC" in answer.json()["error"]["message"]
        assert (await client.get("/balance/quote?product_id=BTC-USD")).json()["available"] == "0"


async def test_an_account_without_a_currency_may_be_any(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/accounts", a_page(ACCOUNT, {"available_balance": {"value": "7"}}))
    async with open_bridge() as client:
        assert (await client.get("/balance/base?product_id=BTC-USD")).status_code == 200
        assert (await client.get("/balance/quote?product_id=BTC-USD")).status_code == 502


@pytest.mark.parametrize("has_next", ["true", "false", None, 0, 1])
async def test_accounts_end_only_where_coinbase_says_so(open_bridge: Any, coinbase: Any, has_next: Any) -> None:
    coinbase.on("GET", "/accounts", a_page(ACCOUNT, has_next=has_next, cursor="abc"))
    async with open_bridge() as client:
        answer = await client.get("/accounts")
    assert answer.status_code == 502
    assert "has_next" in answer.json()["error"]["message"]


async def test_accounts_without_a_word_on_more_pages_are_not_complete(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/accounts", {"accounts": [ACCOUNT]})
    async with open_bridge() as client:
        assert (await client.get("/accounts")).status_code == 502


@pytest.mark.parametrize("gate", ["true", "false", 1, [], {}])
async def test_a_gate_that_is_no_boolean_is_not_taken_for_open(open_bridge: Any, coinbase: Any, gate: Any) -> None:
    product = {"product_id": "BTC-USD", "base_increment": "1", "quote_increment": "1", "price_increment": "1"}
    coinbase.on("GET", "/market/products/BTC-USD", {**product, "trading_disabled": gate})
    async with open_bridge() as client:
        answer = await client.get("/product/BTC-USD")
    assert answer.status_code == 502
    assert "trading_disabled" in answer.json()["error"]["message"]


async def test_another_products_answer_is_not_taken_for_the_asked_ones(open_bridge: Any, coinbase: Any) -> None:
    product = {"product_id": "ETH-USD", "base_increment": "1", "quote_increment": "1", "price_increment": "1"}
    coinbase.on("GET", "/market/products/SOL-USD", product)
    coinbase.on(
        "GET",
        "/market/product_book",
        {"pricebook": {"product_id": "ETH-USD", "bids": [{"price": "1"}], "asks": [{"price": "2"}], "time": ""}},
    )
    async with open_bridge() as client:
        for path in ("/product/SOL-USD", "/exchange/filters?product_id=SOL-USD", "/bbo?product_id=BTC-USD"):
            answer = await client.get(path)
            assert (path, answer.status_code) == (path, 502)
            assert "ETH-USD" in answer.json()["error"]["message"]


async def test_a_crossed_book_is_an_error(open_bridge: Any, coinbase: Any) -> None:
    book = {"product_id": "BTC-USD", "bids": [{"price": "101"}], "asks": [{"price": "100"}], "time": ""}
    coinbase.on("GET", "/market/product_book", {"pricebook": book})
    async with open_bridge() as client:
        answer = await client.get("/bbo?product_id=BTC-USD")
    assert answer.status_code == 502
    assert "crossed" in answer.json()["error"]["message"]


async def test_a_books_time_that_cannot_be_read_is_not_passed_on(open_bridge: Any, coinbase: Any) -> None:
    book = {"product_id": "BTC-USD", "bids": [{"price": "100"}], "asks": [{"price": "101"}], "time": "yesterday"}
    coinbase.on("GET", "/market/product_book", {"pricebook": book})
    async with open_bridge() as client:
        assert (await client.get("/bbo?product_id=BTC-USD")).json() == {"bid": "100", "ask": "101", "ts": ""}


async def test_another_products_trade_is_not_polled_as_this_ones(make_bridge: Any, coinbase: Any) -> None:
    trade = {"product_id": "ETH-USD", "price": "5", "time": "2026-04-07T00:28:58.5Z"}
    coinbase.on("GET", "/market/products/BTC-USD/ticker", {"trades": [trade]})
    bridge = make_bridge()
    await bridge.poller.poll("BTC-USD")
    assert bridge.prices.price("BTC-USD") is None
    assert bridge.poller.failures == 1


@pytest.mark.parametrize("status", [400, 403, 503])
async def test_a_signature_that_coinbase_echoes_is_not_passed_on(
    make_bridge: Any, coinbase: Any, caplog: Any, status: int
) -> None:
    token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJvcmdhbml6YXRpb25zIn0.c2lnbmF0dXJl-_x"
    coinbase.on(
        "GET",
        "/market/products/BTC-USD",
        httpx.Response(status, json={"error": f"BAD {token}", "message": f"Bearer {token} and {'x' * 250} {token}"}),
    )
    app = create_app(make_bridge())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bridge") as client:
        answer = await client.get("/product/BTC-USD")
    assert "eyJ" not in answer.text
    assert "eyJ" not in caplog.text
    assert "***" in answer.text
