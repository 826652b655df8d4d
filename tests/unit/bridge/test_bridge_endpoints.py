"""The remaining endpoints: account, fees, upstream, metrics, time, and errors in one shape."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cbbot_bridge.bridge_app import create_app
from cbbot_bridge.coinbase.ws_messages import TickerUpdate

pytestmark = pytest.mark.anyio


def account(currency: str, available: str, hold: str = "0") -> dict[str, Any]:
    return {
        "uuid": f"u-{currency}",
        "currency": currency,
        "available_balance": {"value": available, "currency": currency},
        "hold": {"value": hold, "currency": currency},
        "type": "ACCOUNT_TYPE_CRYPTO",
    }


async def test_accounts_of_all_pages_come_as_one(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on(
        "GET",
        "/accounts",
        {"accounts": [account("BTC", "1.2300000000000000", "0.1")], "has_next": True, "cursor": "p2", "size": 1},
        {"accounts": [account("USD", "10")], "has_next": False, "cursor": "", "size": 1},
    )
    async with open_bridge() as client:
        got = (await client.get("/accounts?limit=1")).json()
    assert [item["currency"] for item in got["accounts"]] == ["BTC", "USD"]
    assert (got["has_next"], got["cursor"], got["size"]) == (False, "", 2)
    assert got["accounts"][0]["available_balance"] == {"value": "1.2300000000000000", "currency": "BTC"}
    assert got["accounts"][0]["uuid"] == "u-BTC"
    assert [dict(r.url.params) for r in coinbase.asked("GET", "/accounts")] == [
        {"limit": "1"},
        {"limit": "1", "cursor": "p2"},
    ]


@pytest.mark.parametrize("cursor", ["", "same"])
async def test_accounts_in_circles_are_malformed(open_bridge: Any, coinbase: Any, cursor: str) -> None:
    coinbase.on("GET", "/accounts", {"accounts": [account("BTC", "1")], "has_next": True, "cursor": cursor})
    async with open_bridge() as client:
        got = await client.get("/accounts")
    assert (got.status_code, got.json()["error"]["code"]) == (502, "upstream_malformed")


@pytest.mark.parametrize("end", [{"has_next": "true", "cursor": "p2"}, {"has_next": 1}, {}], ids=str)
async def test_accounts_that_do_not_come_to_their_end_are_no_balances(
    open_bridge: Any, coinbase: Any, end: dict[str, Any]
) -> None:
    coinbase.on("GET", "/accounts", {"accounts": [], **end})
    async with open_bridge() as client:
        got = await client.get("/balance/base?product_id=BTC-USD")
    assert (got.status_code, got.json()["error"]["code"]) == (502, "upstream_malformed")


async def test_balances_are_found_beyond_the_first_page(open_bridge: Any, coinbase: Any) -> None:
    pages = [
        {"accounts": [account("ETH", "5")], "has_next": True, "cursor": "p2"},
        {"accounts": [account("BTC", "0.12345678", "0.5")], "has_next": False, "cursor": ""},
    ]
    coinbase.on("GET", "/accounts", *pages, *pages)
    async with open_bridge() as client:
        base = (await client.get("/balance/base?product_id=BTC-USD")).json()
        quote = (await client.get("/balance/quote?product_id=BTC-USD")).json()
    assert base == {"asset": "BTC", "available": "0.12345678", "step": "0.00000001"}
    assert quote == {"asset": "USD", "available": "0", "step": "0.01"}


async def test_an_account_that_stands_on_two_pages_counts_once(open_bridge: Any, coinbase: Any) -> None:
    first = {"accounts": [account("BTC", "1"), account("USD", "10")], "has_next": True, "cursor": "p2"}
    again = {"accounts": [account("BTC", "1"), account("USD", "9")], "has_next": False, "cursor": ""}
    coinbase.on("GET", "/accounts", first, again)
    async with open_bridge() as client:
        listed = (await client.get("/accounts")).json()
    amounts = {item["currency"]: item["available_balance"]["value"] for item in listed["accounts"]}
    assert (amounts, listed["size"]) == ({"BTC": "1", "USD": "9"}, 2)


async def test_a_balance_that_cannot_be_read_is_an_error_and_not_zero(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/accounts", httpx.Response(500))
    async with open_bridge() as client:
        assert (await client.get("/balance/base?product_id=BTC-USD")).status_code == 502


async def test_fees_are_the_tiers_rates(open_bridge: Any, coinbase: Any) -> None:
    tier = {"pricing_tier": "Intro 1", "taker_fee_rate": "0.009", "maker_fee_rate": "0.005"}
    coinbase.on("GET", "/transaction_summary", {"total_fees": 25.5, "fee_tier": tier})
    async with open_bridge() as client:
        assert (await client.get("/fees")).json() == {"maker_rate": "0.005", "taker_rate": "0.009", "tier": "Intro 1"}


async def test_filters_come_from_the_increments(open_bridge: Any) -> None:
    async with open_bridge() as client:
        got = (await client.get("/exchange/filters?product_id=BTC-USD")).json()
    assert got == {"price_tick": "0.01", "base_step": "0.00000001", "quote_step": "0.01", "min_notional": "1"}


async def test_the_venues_time_is_answered_with_our_offset_from_it(open_bridge: Any) -> None:
    async with open_bridge() as client:
        first = (await client.get("/time")).json()
        second = (await client.get("/time")).json()
    assert first["iso"].startswith("2026-11-22T17:22:00.")
    assert 1795368120000 <= first["epoch_ms"] <= second["epoch_ms"] < 1795368130000


async def test_the_time_of_a_venue_that_is_away_is_an_error(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/time", httpx.ConnectError("refused"))
    async with open_bridge() as client:
        assert (await client.get("/time")).status_code == 503
        assert (await client.get("/ready")).status_code == 200


async def test_bbo_is_the_fresh_tickers_else_the_books(make_bridge: Any, coinbase: Any) -> None:
    bridge = make_bridge()
    transport = httpx.ASGITransport(create_app(bridge))
    async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
        assert (await client.get("/bbo?product_id=BTC-USD")).json()["bid"] == "68923.66"
        bridge.on_ticker(TickerUpdate("BTC-USD", "5", "4.9", "5.1"), "2026-04-07T14:30:03Z")
        got = (await client.get("/bbo?product_id=BTC-USD")).json()
        assert got == {"bid": "4.9", "ask": "5.1", "ts": "2026-04-07T14:30:03Z"}
        coinbase.on("GET", "/market/product_book", {"pricebook": {"bids": [], "asks": [], "time": ""}})
        assert (await client.get("/bbo?product_id=ETH-USD")).status_code == 404


def a_market(coinbase: Any, product_id: str, alias: str, price: str) -> None:
    increments = {f"{kind}_increment": "0.0001" for kind in ("base", "quote", "price")}
    coinbase.on(
        "GET",
        f"/market/products/{product_id}",
        {"product_id": product_id, "alias": alias, "alias_to": [], **increments},
    )
    trade = {"product_id": alias or product_id, "price": price, "time": "2026-04-07T14:30:00Z"}
    coinbase.on("GET", f"/market/products/{product_id}/ticker", {"trades": [trade]})


async def test_a_ticker_is_for_the_products_that_share_its_book_and_for_no_namesake(
    make_bridge: Any, coinbase: Any
) -> None:
    a_market(coinbase, "BTC-USDC", "BTC-USD", "4")
    a_market(coinbase, "USDT-USDC", "", "0.9995")
    bridge = make_bridge(COINBASE_WS_PRODUCTS="BTC-USDC,USDT-USDC")
    for product in bridge.prices.followed():
        await bridge.poller.poll(product)
    bridge.on_ticker(TickerUpdate("BTC-USD", "5", None, None), "2026-04-07T14:30:03Z")
    bridge.on_ticker(TickerUpdate("USDT-USD", "1.0003", None, None), "2026-04-07T14:30:03Z")
    assert bridge.prices.price("BTC-USDC").price == "5"
    assert bridge.prices.price("BTC-USD") is None
    assert bridge.prices.price("USDT-USDC").price == "0.9995"
    bridge.on_ticker(TickerUpdate("USDT-USDC", "0.9996", None, None), "2026-04-07T14:30:03Z")
    bridge.on_ticker(TickerUpdate("ETH-USD", "7", None, None), "2026-04-07T14:30:03Z")
    assert bridge.prices.price("USDT-USDC").price == "0.9996"
    assert bridge.prices.price("ETH-USD") is None


async def test_upstream_tells_reach_clock_key_and_what_is_unwise(open_bridge: Any, coinbase: Any) -> None:
    permissions = {"can_view": True, "can_trade": False, "can_transfer": True, "portfolio_uuid": "7c0ffee"}
    coinbase.on("GET", "/key_permissions", permissions)
    async with open_bridge() as client:
        got = (await client.get("/upstream")).json()
        await client.get("/upstream")
    assert got["reachable"] is True
    assert got["credentials"] == {
        "configured": True,
        "valid": True,
        "refusal": "",
        "fingerprint": "",
        "can_view": True,
        "can_trade": False,
        "can_transfer": True,
        "portfolio": "7c0ffee",
    }
    quiet = {"enabled": True, "connected": False, "reconnects": 0, "gaps": 0, "refused_products": []}
    assert got["websocket"] == quiet
    assert got["ticks"] == [{"product_id": "BTC-USD", "age_seconds": None, "stale": True}]
    assert any("may transfer money out" in warning for warning in got["warnings"])
    assert any("may not trade" in warning for warning in got["warnings"])
    assert len(coinbase.asked("GET", "/key_permissions")) == 1


@pytest.mark.parametrize(
    ("answer", "valid"),
    [
        (httpx.Response(403, json={"error": "PERMISSION_DENIED"}), False),
        (httpx.Response(401, text="Unauthorized"), False),
        (httpx.Response(500), None),
    ],
)
async def test_upstream_trouble_is_a_report_and_not_an_error(
    open_bridge: Any, coinbase: Any, answer: httpx.Response, valid: bool | None
) -> None:
    coinbase.on("GET", "/key_permissions", answer)
    coinbase.on("GET", "/time", httpx.ConnectError("refused"))
    async with open_bridge() as client:
        got = await client.get("/upstream")
    assert got.status_code == 200
    assert got.json()["reachable"] is False
    assert got.json()["credentials"]["valid"] is valid
    assert any("cannot be reached" in warning for warning in got.json()["warnings"])


async def test_metrics_count_requests_calls_and_orders(open_bridge: Any, coinbase: Any) -> None:
    body = {"client_order_id": "c-1", "product_id": "BTC-USD", "side": "BUY", "quote_size": "25"}
    coinbase.on("POST", "/orders", {"success": False, "error_response": {"error": "INSUFFICIENT_FUND"}})
    async with open_bridge() as client:
        await client.post("/order/market", json=body)
        await client.get("/order/some-id")
        await client.get("/nowhere")
        await client.get("/time")
        text = (await client.get("/metrics")).text
    for line in (
        'bridge_requests_total{endpoint="/order/market",method="POST",status="400"} 1.0',
        'bridge_requests_total{endpoint="/order/{order_id}",method="GET",status="404"} 1.0',
        'bridge_requests_total{endpoint="unmatched",method="-",status="404"} 1.0',
        'bridge_upstream_calls_total{code="200",verb="POST"} 1.0',
        'bridge_orders_total{kind="market",outcome="refused",side="BUY"} 1.0',
        "bridge_ws_reconnects_total 0.0",
        "bridge_ws_gaps_total 0.0",
    ):
        assert line in text
    assert "bridge_clock_rate" not in text, "one reading of the venue's time tells no rate"
    assert 'bridge_rate_budget{kind="private"} ' in text
    assert "bridge_clock_skew_seconds " in text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("DELETE", "/time", 405),
        ("GET", "/candles?product_id=BTC-USD&limit=0", 422),
        ("GET", "/candles?product_id=BTC-USD&limit=351", 422),
        ("GET", "/candles?product_id=BTC-USD&granularity=1m", 422),
        ("GET", "/candles?product_id=BTC-USD&start=2026-11-22", 422),
        ("GET", "/candles?product_id=BTC-USD&start=10&end=9", 422),
        ("GET", "/candles?product_id=BTC-USD&start=0&end=4000000000", 422),
        ("GET", "/candles", 422),
        ("GET", "/price?product_id=btc-usd", 422),
        ("GET", "/product/NOPE-USD", 404),
        ("GET", "/order/..%2F..%2Fkey_permissions", 404),
        ("GET", "/order/a%3Fb", 422),
        ("GET", "/accounts?limit=251", 422),
    ],
)
async def test_every_error_has_the_same_shape(open_bridge: Any, method: str, path: str, status: int) -> None:
    async with open_bridge() as client:
        got = await client.request(method, path)
    assert got.status_code == status
    assert set(got.json()) == {"error"}
    assert set(got.json()["error"]) == {"code", "message"}
    assert got.json()["error"]["message"]


async def test_malformed_json_is_a_422(open_bridge: Any) -> None:
    async with open_bridge() as client:
        got = await client.post("/order/market", content=b"{", headers={"Content-Type": "application/json"})
        text = await client.post("/order/market", content=b"{}", headers={"Content-Type": "text/plain"})
    assert got.status_code == text.status_code == 422
    assert got.json()["error"]["code"] == "invalid_input"


@pytest.mark.parametrize(
    "broken",
    [
        {"price_increment": ""},
        {"base_increment": "0"},
        {"quote_increment": "-1"},
        {"base_increment": None},
        {"product_id": ""},
    ],
)
async def test_a_product_without_increments_is_worse_than_none(
    open_bridge: Any, coinbase: Any, broken: dict[str, Any]
) -> None:
    async with open_bridge() as client:
        product = (await client.get("/product/BTC-USD")).json()
        coinbase.on("GET", "/market/products/BTC-USD", {**product, **broken})
        got = await client.get("/product/BTC-USD")
    assert (got.status_code, got.json()["error"]["code"]) == (502, "upstream_malformed")


OTHER_SHAPES = {
    ("GET", "/order", "404"): "OrderNotFound",
    ("DELETE", "/order/{order_id}", "409"): "OrderUnchanged",
    ("PATCH", "/order/{order_id}", "409"): "OrderUnchanged",
}


async def test_openapi_has_examples_and_errors_for_every_endpoint(open_bridge: Any) -> None:
    async with open_bridge() as client:
        document = (await client.get("/openapi.json")).json()
    operations = {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert len(operations) == 26
    for (method, path), operation in operations.items():
        responses = operation["responses"]
        assert operation["summary"], path
        assert operation["description"], path
        if path in ("/health", "/ready", "/metrics"):
            continue
        assert {"409", "422"} <= set(responses), path
        for status, response in responses.items():
            schema = response["content"]["application/json"]["schema"]
            assert schema, (method, path, status)
            if status != "200":
                name = OTHER_SHAPES.get((method, path, status), "ErrorAnswer")
                assert schema == {"$ref": f"#/components/schemas/{name}"}, (method, path, status)


async def test_accounts_that_are_written_oddly_are_told_plainly(open_bridge: Any, coinbase: Any) -> None:
    odd = {**account("ETH", "2.50E+1"), "hold": None, "type": None}
    coinbase.on("GET", "/accounts", {"accounts": [account("BTC", "1"), odd], "has_next": False})
    async with open_bridge() as client:
        _btc, eth = (await client.get("/accounts")).json()["accounts"]
    assert eth["available_balance"] == {"value": "25.0", "currency": "ETH"}
    assert (eth["hold"], eth["type"]) == ({"value": "0", "currency": "ETH"}, "")
