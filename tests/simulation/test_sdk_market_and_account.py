"""Conformance: Coinbase's own SDK, unchanged, reads market and account of the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from simulation.cyclic_venue import CLOSE, HIGH, LOW, OPENING, OTHERS, VOLUME, CyclicVenue
from simulation.driven_clients import DrivenClients, RefusedByClient, driven
from simulation.order_figures import wallets

pytestmark = [pytest.mark.conformance, pytest.mark.processes]


@pytest.fixture(scope="module")
def anybody(venue: CyclicVenue) -> Iterator[DrivenClients]:
    """The SDK without a key."""
    with driven("sdk", venue.address, None) as clients:
        yield clients


def test_products_and_their_increments(sdk: DrivenClients) -> None:
    listed = sdk.rest.get_products(product_type="SPOT")
    assert {item["product_id"] for item in listed["products"]} == {"BTC-USD", "BTC-USDC", "ETH-USDC", *OTHERS}
    assert listed["num_products"] == len(listed["products"])
    product = sdk.rest.get_product("BTC-USD")
    assert (product["price_increment"], product["base_increment"], product["quote_increment"]) == (
        "0.01",
        "0.00000001",
        "0.01",
    )
    assert (product["status"], product["trading_disabled"], product["quote_min_size"]) == ("online", False, "1")
    assert product["alias_to"] == ["BTC-USDC"]
    assert sdk.rest.get_product("BTC-USDC")["alias"] == "BTC-USD"
    assert sdk.rest.get_product("USDT-USDC")["alias"] == "", "a book of its own"
    assert [item["product_id"] for item in sdk.rest.get_products(product_ids=["BTC-USDC"])["products"]] == ["BTC-USDC"]
    assert sdk.rest.get_products(product_type="FUTURE")["products"] == []


def test_candles_trades_and_books_agree(sdk: DrivenClients, venue: CyclicVenue) -> None:
    venue.minutes(2)
    now = int(sdk.rest.get_unix_time()["epoch_seconds"])
    candles = sdk.rest.get_candles("BTC-USD", str(now - 600), str(now - 60), "ONE_MINUTE")["candles"]
    assert [int(item["start"]) for item in candles] == list(range(now - 60, now - 601, -60)), "newest first"
    assert {(item["open"], item["low"], item["high"], item["close"]) for item in candles} == {
        (str(CLOSE), str(LOW), str(HIGH), str(CLOSE))
    }
    trades = sdk.rest.get_market_trades("BTC-USD", limit=20)
    prices = [Decimal(item["price"]) for item in trades["trades"]]
    assert len(prices) == 20
    assert (min(prices), max(prices)) == (LOW, HIGH)
    # The maker's side: at the lowest price a bid was hit, on the way up offers were lifted.
    assert {item["side"] for item in trades["trades"] if Decimal(item["price"]) == LOW} == {"BUY"}
    assert {item["side"] for item in trades["trades"] if Decimal(item["price"]) == HIGH} == {"SELL"}
    times = [item["time"] for item in trades["trades"]]
    assert times == sorted(times, reverse=True)
    assert sdk.rest.get_product("BTC-USD")["price"] == trades["trades"][0]["price"]
    (best,) = sdk.rest.get_best_bid_ask(["BTC-USD"])["pricebooks"]
    assert (best["bids"][0]["price"], best["asks"][0]["price"]) == (trades["best_bid"], trades["best_ask"])
    book = sdk.rest.get_product_book("BTC-USD", limit=3)["pricebook"]
    assert (len(book["bids"]), len(book["asks"])) == (3, 3)
    assert book["bids"][0] == best["bids"][0]
    assert float(book["bids"][0]["price"]) < float(book["asks"][0]["price"])


def test_longer_candles_are_made_of_shorter_ones(sdk: DrivenClients) -> None:
    now = int(sdk.rest.get_unix_time()["epoch_seconds"])
    end = now // 3600 * 3600
    for granularity, seconds in (("FIVE_MINUTE", 300), ("ONE_HOUR", 3600)):
        (candle,) = sdk.rest.get_candles("BTC-USD", str(end - seconds), str(end - seconds), granularity)["candles"]
        assert (int(candle["start"]), candle["low"], candle["high"]) == (end - seconds, str(LOW), str(HIGH))
        assert float(candle["volume"]) == seconds / 60 * float(VOLUME)


def test_what_is_public_needs_no_key(anybody: DrivenClients, sdk: DrivenClients) -> None:
    now = int(anybody.rest.get_unix_time()["epoch_seconds"])
    window = (str(now - 600), str(now - 60), "ONE_MINUTE")
    assert anybody.rest.get_public_candles("BTC-USD", *window) == sdk.rest.get_candles("BTC-USD", *window)
    assert anybody.rest.get_public_product("BTC-USD") == sdk.rest.get_product("BTC-USD")
    assert anybody.rest.get_public_products() == sdk.rest.get_products()
    assert anybody.rest.get_public_market_trades("BTC-USD", limit=3) == sdk.rest.get_market_trades("BTC-USD", limit=3)
    assert (
        anybody.rest.get_public_product_book("BTC-USD")["pricebook"]["bids"]
        == sdk.rest.get_product_book("BTC-USD")["pricebook"]["bids"]
    )
    with pytest.raises(RefusedByClient, match="AuthenticationError"):
        anybody.rest.get_accounts()


def test_accounts_portfolios_fees_and_permissions(sdk: DrivenClients) -> None:
    accounts = {item["currency"]: item for item in sdk.rest.get_accounts()["accounts"]}
    assert set(OPENING) <= set(accounts)
    assert {currency: item["type"] for currency, item in accounts.items() if currency in ("USD", "BTC")} == {
        "USD": "ACCOUNT_TYPE_FIAT",
        "BTC": "ACCOUNT_TYPE_CRYPTO",
    }
    assert {currency: wallets(sdk)[currency].total for currency in OPENING} == OPENING
    assert sdk.rest.get_account(accounts["USD"]["uuid"])["account"] == accounts["USD"]
    (portfolio,) = sdk.rest.get_portfolios(portfolio_type="DEFAULT")["portfolios"]
    breakdown = sdk.rest.get_portfolio_breakdown(portfolio["uuid"])["breakdown"]
    positions = {item["asset"]: item for item in breakdown["spot_positions"]}
    assert positions["BTC"]["total_balance_crypto"] == float(OPENING["BTC"])
    assert positions["BTC"]["account_uuid"] == accounts["BTC"]["uuid"]
    tier = sdk.rest.get_transaction_summary()["fee_tier"]
    assert (tier["taker_fee_rate"], tier["maker_fee_rate"]) == ("0.009", "0.005")
    permissions = sdk.rest.get_api_key_permissions()
    assert (permissions["can_view"], permissions["can_trade"], permissions["can_transfer"]) == (True, True, False)
    assert permissions["portfolio_uuid"] == portfolio["uuid"] == accounts["USD"]["retail_portfolio_id"]


def test_accounts_come_in_pages(sdk: DrivenClients) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        page = sdk.rest.get_accounts(limit=1, cursor=cursor)
        seen += [item["currency"] for item in page["accounts"]]
        if not page["has_next"]:
            break
        cursor = page["cursor"]
    assert seen == [item["currency"] for item in sdk.rest.get_accounts()["accounts"]]


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("get_product", ["NOPE-USD"], "404 Client Error: Not Found .*NOT_FOUND"),
        ("get_candles", ["NOPE-USD", "0", "60", "ONE_MINUTE"], "404 Client Error: Not Found .*NOT_FOUND"),
        ("get_candles", ["BTC-USD", "0", "21060", "ONE_MINUTE"], "400 .*candles requested should be less than 350"),
        ("get_candles", ["BTC-USD", "0", "60", "TWO_MINUTE"], "400 .*granularity argument is invalid"),
        ("get_candles", ["BTC-USD", "1757142000000", "1757142060000", "ONE_MINUTE"], "400 .*INVALID_ARGUMENT"),
        ("get_order", ["00000000-0000-4000-8000-000000000000"], "404 .*NOT_FOUND"),
        ("get_order", ["no-such-id"], "400 .*INVALID_ARGUMENT"),
        ("get_account", ["00000000-0000-4000-8000-000000000000"], "404 .*NOT_FOUND"),
        ("get_portfolio_breakdown", ["00000000-0000-4000-8000-000000000000"], "404 .*NOT_FOUND"),
    ],
)
def test_a_request_that_is_wrong_is_an_error_of_http(
    sdk: DrivenClients, method: str, arguments: list[str], error: str
) -> None:
    with pytest.raises(RefusedByClient, match=f"^HTTPError .*{error}"):
        getattr(sdk.rest, method)(*arguments)
