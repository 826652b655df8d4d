"""Products, books and the older interface: what clients ask before they trade."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import httpx
import pytest

ROOT = "/api/v3/brokerage"
START = 1_757_142_000
Simulate = Callable[..., AbstractContextManager[httpx.Client]]


def get(client: httpx.Client, path: str, **query: Any) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("path", ["/products", "/market/products"])
@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, ["BTC-USD", "BTC-USDC"]),
        ({"product_type": "SPOT"}, ["BTC-USD", "BTC-USDC"]),
        ({"product_type": "FUTURE"}, []),
        ({"product_ids": ["BTC-USDC"]}, ["BTC-USDC"]),
        ({"product_ids": ["NOPE-USD"]}, []),
        ({"limit": 1}, ["BTC-USD"]),
        ({"limit": 1, "offset": 1}, ["BTC-USDC"]),
        ({"offset": 2}, []),
        ({"limit": 0}, ["BTC-USD", "BTC-USDC"]),
        ({"get_all_products": "true", "get_tradability_status": "True"}, ["BTC-USD", "BTC-USDC"]),
    ],
)
def test_products_are_listed_as_far_as_asked_for(
    unchanged: httpx.Client, path: str, query: dict[str, Any], ids: list[str]
) -> None:
    listing = get(unchanged, ROOT + path, **query)
    assert [item["product_id"] for item in listing["products"]] == ids
    assert listing["num_products"] == len(ids)


def test_whether_a_product_can_only_be_looked_at_is_told_when_asked_for(client: httpx.Client) -> None:
    client.post("/sim/exchange", json={"gates": {"BTC-USD": ["view_only"]}}).raise_for_status()
    path = f"{ROOT}/products/BTC-USD"
    assert get(client, path)["view_only"] is False
    assert get(client, path, get_tradability_status="true")["view_only"] is True


@pytest.fixture(scope="module")
def deep(simulate: Simulate) -> Iterator[httpx.Client]:
    with simulate("--book-levels", "200", "--level-size", "100000000") as running:
        yield running


def test_levels_may_be_put_together(deep: httpx.Client) -> None:
    query = {"product_id": "BTC-USD"}
    fine = get(deep, f"{ROOT}/product_book", **query)["pricebook"]
    wide = get(deep, f"{ROOT}/product_book", **query, aggregation_price_increment="0.5")["pricebook"]
    for side in ("bids", "asks"):
        assert len(wide[side]) < len(fine[side]) / 10
        assert all(Decimal(level["price"]) % Decimal("0.5") == 0 for level in wide[side])
        total = sum(Decimal(level["size"]) for level in fine[side])
        assert sum(Decimal(level["size"]) for level in wide[side]) == total
    # Nothing looks better than it is.
    assert Decimal(wide["bids"][0]["price"]) <= Decimal(fine["bids"][0]["price"])
    assert Decimal(wide["asks"][0]["price"]) >= Decimal(fine["asks"][0]["price"])


def test_a_book_shows_the_customers_own_order(client: httpx.Client) -> None:
    body = {
        "client_order_id": "a",
        "product_id": "BTC-USD",
        "side": "BUY",
        "order_configuration": {"limit_limit_gtc": {"base_size": "0.001", "limit_price": "50000"}},
    }
    assert client.post(f"{ROOT}/orders", json=body).json()["success"]
    book = get(client, f"{ROOT}/product_book", product_id="BTC-USD")["pricebook"]
    assert book["bids"][-1]["price"] == "50000"
    assert Decimal(book["bids"][-1]["size"]) % 1 == Decimal("0.001")  # beside what others have there


def test_the_older_interface_tells_the_same_time(unchanged: httpx.Client) -> None:
    assert get(unchanged, "/v2/time") == {"data": {"iso": "2025-09-06T07:08:00Z", "epoch": START + 480}}


def test_the_older_interface_tells_currencies_and_rates(unchanged: httpx.Client) -> None:
    assert [item["id"] for item in get(unchanged, "/v2/currencies")["data"]] == ["USD"]
    assert [item["code"] for item in get(unchanged, "/v2/currencies/crypto")["data"]] == ["BTC", "USDC"]
    rates = get(unchanged, "/v2/exchange-rates")["data"]
    assert (rates["currency"], rates["rates"]["USD"], rates["rates"]["USDC"]) == ("USD", "1", "1")
    assert 1 / Decimal(rates["rates"]["BTC"]) == pytest.approx(Decimal(100_080))
    assert get(unchanged, "/v2/exchange-rates", currency="BTC")["data"]["rates"]["USD"] == "100080"
    assert unchanged.get("/v2/exchange-rates", params={"currency": "DOGE"}).status_code == 404
    for kind in ("spot", "buy", "sell"):
        price = get(unchanged, f"/v2/prices/BTC-USD/{kind}")["data"]
        assert price == {"amount": "100080", "base": "BTC", "currency": "USD"}


def test_the_older_interface_pages_through_accounts(unchanged: httpx.Client) -> None:
    newer = {item["currency"]: item["uuid"] for item in get(unchanged, f"{ROOT}/accounts")["accounts"]}
    found, after = [], None
    for _ in range(3):
        page = get(unchanged, "/v2/accounts", limit=1, **({"starting_after": after} if after else {}))
        found += page["data"]
        after = page["pagination"]["next_starting_after"]
    assert after is None
    assert {item["currency"]["code"]: item["id"] for item in found} == newer
    assert found[1]["balance"] == {"amount": "10000", "currency": "USD"}
    assert get(unchanged, "/v2/accounts/BTC")["data"] == get(unchanged, f"/v2/accounts/{newer['BTC']}")["data"]
    assert unchanged.get("/v2/accounts/none").status_code == 404
    assert unchanged.get("/v2/accounts", params={"starting_after": "none"}).status_code == 400


def test_what_has_been_traded_is_summed_up(client: httpx.Client) -> None:
    summary = get(client, f"{ROOT}/transaction_summary")
    assert summary["total_fees"] == summary["total_volume"] == 0.0
    for number, product_id in enumerate(("BTC-USD", "BTC-USD"), 1):
        body = {
            "client_order_id": str(number),
            "product_id": product_id,
            "side": "BUY",
            "order_configuration": {"market_market_ioc": {"base_size": "0.01"}},
        }
        assert client.post(f"{ROOT}/orders", json=body).json()["success"]
    summary = get(client, f"{ROOT}/transaction_summary")
    assert summary["total_volume"] == pytest.approx(2001.6)
    assert summary["total_fees"] == pytest.approx(2001.6 * 0.009)
    assert {"pricing_tier", "taker_fee_rate", "maker_fee_rate"} <= set(summary["fee_tier"])
    assert get(client, f"{ROOT}/transaction_summary", product_type="FUTURE")["total_volume"] == 0.0
