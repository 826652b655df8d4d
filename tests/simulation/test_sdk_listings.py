"""Conformance: orders and fills as Coinbase's own SDK lists them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulation.cyclic_venue import CyclicVenue
from simulation.driven_clients import DrivenClients
from simulation.order_figures import bracket, order_of

pytestmark = [pytest.mark.conformance, pytest.mark.processes, pytest.mark.usefixtures("no_order_is_left_open")]

PRODUCT = "BTC-USD"


def test_listings_are_filtered_by_what_is_asked(sdk: DrivenClients, venue: CyclicVenue) -> None:
    venue.minutes()
    since = venue.moment()
    limit = {"client_order_id": "", "base_size": "0.1"}
    made = {
        "buy": order_of(sdk, sdk.rest.limit_order_gtc_buy(**limit, product_id=PRODUCT, limit_price="45000")),
        "sell": order_of(sdk, sdk.rest.limit_order_gtc_sell(**limit, product_id=PRODUCT, limit_price="55000")),
        "dated": order_of(
            sdk,
            sdk.rest.limit_order_gtd_buy(
                **limit, product_id="BTC-USDC", limit_price="45000", end_time=venue.moment(hours=1)
            ),
        ),
        "market": order_of(sdk, sdk.rest.market_order_buy(**limit, product_id=PRODUCT)),
        "bracket": bracket(sdk, take="55000", stop="45000"),
    }
    names = {order["order_id"]: name for name, order in made.items()}

    def listed(**filters: Any) -> list[str]:
        orders = sdk.rest.list_orders(start_date=since, **filters)["orders"]
        return [names[order["order_id"]] for order in orders]

    assert listed() == ["bracket", "market", "dated", "sell", "buy"]
    assert listed(order_status=["OPEN"]) == ["bracket", "dated", "sell", "buy"]
    assert listed(order_status=["FILLED", "CANCELLED"]) == ["market"]
    assert listed(product_ids=["BTC-USDC"]) == ["dated"]
    assert listed(order_side="SELL") == ["bracket", "sell"]
    assert listed(order_types=["LIMIT"]) == ["dated", "sell", "buy"]
    assert listed(order_types=["MARKET", "BRACKET"]) == ["bracket", "market"]
    assert listed(time_in_forces=["GOOD_UNTIL_DATE_TIME"]) == ["dated"]
    assert listed(product_type="SPOT") == listed()
    assert listed(product_type="FUTURE") == []
    assert listed(asset_filters=["USDC"]) == ["dated"]
    assert listed(order_ids=[made["sell"]["order_id"]]) == ["sell"]
    assert listed(end_date=since) == []


def test_listings_come_in_pages_without_gaps_or_repeats(sdk: DrivenClients, venue: CyclicVenue) -> None:
    venue.minutes()
    since = venue.moment()
    for _ in range(5):
        sdk.rest.market_order_buy(client_order_id="", product_id=PRODUCT, quote_size="10")
    pages = []
    more, cursor = True, None
    while more:
        page = sdk.rest.list_orders(start_date=since, limit=2, cursor=cursor)
        pages.append([order["order_id"] for order in page["orders"]])
        more, cursor = page["has_next"], page["cursor"]
        assert more is (cursor != "")
    whole = sdk.rest.list_orders(start_date=since)
    assert (whole["has_next"], whole["cursor"]) == (False, "")
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [name for page in pages for name in page] == [order["order_id"] for order in whole["orders"]]


def test_fills_come_in_pages_until_their_cursor_is_empty(sdk: DrivenClients, venue: CyclicVenue) -> None:
    venue.minutes()
    since = venue.moment()
    for _ in range(5):
        sdk.rest.market_order_buy(client_order_id="", product_id=PRODUCT, quote_size="10")
    seen: list[str] = []
    cursor = None
    while cursor != "":
        page = sdk.rest.get_fills(start_sequence_timestamp=since, limit=2, cursor=cursor)
        assert 0 < len(page["fills"]) <= 2
        seen += [fill["trade_id"] for fill in page["fills"]]
        cursor = page["cursor"]
    whole = sdk.rest.get_fills(start_sequence_timestamp=since)["fills"]
    assert seen == [fill["trade_id"] for fill in whole]
    assert len(set(seen)) == 5


def test_fills_of_several_orders_are_told_apart(sdk: DrivenClients) -> None:
    orders = [
        order_of(sdk, sdk.rest.market_order_buy(client_order_id="", product_id=PRODUCT, base_size=size))
        for size in ("0.1", "12", "0.3")
    ]
    ids = [order["order_id"] for order in orders]
    fills = sdk.rest.get_fills(order_ids=ids[:2])["fills"]
    assert {fill["order_id"] for fill in fills} == set(ids[:2])
    of_second = [Decimal(fill["size"]) for fill in fills if fill["order_id"] == ids[1]]
    assert (len(of_second), sum(of_second)) == (2, Decimal(12))
    (one,) = sdk.rest.get_fills(trade_ids=[fills[0]["trade_id"]])["fills"]
    assert one == fills[0]
    assert sdk.rest.get_fills(order_id=ids[2])["fills"][0]["size"] == "0.3"
