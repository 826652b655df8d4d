"""Conformance: the WebSocket clients of Coinbase's own SDK on every channel that the simulator has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from simulation.cyclic_venue import CLOSE, HIGH, LEVEL, LOW, OTHERS, VOLUME, CyclicVenue, ecdsa_key
from simulation.driven_clients import DrivenClients, Key, RefusedByClient, driven
from simulation.order_figures import order_of, stop_to_sell

pytestmark = [pytest.mark.conformance, pytest.mark.processes, pytest.mark.usefixtures("no_order_is_left_open")]

PRODUCT = "BTC-USD"
Listen = Callable[..., None]


@pytest.fixture
def listen(sdk: DrivenClients) -> Iterator[Listen]:
    """Subscribes the market client, on a connection that the test has for itself."""
    sdk.pass_over()
    sdk.market.open()

    def subscribe(*channels: str, products: tuple[str, ...] = (PRODUCT,)) -> None:
        sdk.market.subscribe(list(products), list(channels))

    yield subscribe
    sdk.market.close()


@contextmanager
def listening_to_orders(sdk: DrivenClients, *products: str) -> Iterator[None]:
    sdk.pass_over()
    sdk.user.open()
    try:
        sdk.user.subscribe(list(products), ["user"])
        yield
    finally:
        sdk.user.close()


def events(sdk: DrivenClients, channel: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sdk.of_channel(channel)["events"]
    return found


def test_tickers_come_with_every_trade(sdk: DrivenClients, venue: CyclicVenue, listen: Listen) -> None:
    listen("ticker")
    assert events(sdk, "subscriptions") == [{"subscriptions": {"ticker": [PRODUCT]}}]
    (event,) = events(sdk, "ticker")
    (ticker,) = event["tickers"]
    assert (event["type"], ticker["product_id"]) == ("snapshot", PRODUCT)
    assert (ticker["price"], ticker["low_24_h"], ticker["high_24_h"]) == (str(CLOSE), str(LOW), str(HIGH))
    best = sdk.rest.get_best_bid_ask([PRODUCT])["pricebooks"][0]
    assert (ticker["best_bid"], ticker["best_bid_quantity"]) == (best["bids"][0]["price"], best["bids"][0]["size"])
    assert (ticker["best_ask"], ticker["best_ask_quantity"]) == (best["asks"][0]["price"], best["asks"][0]["size"])
    venue.minutes()
    prices: list[Decimal] = []
    while len(prices) < 12:
        for event in events(sdk, "ticker"):
            assert event["type"] == "update"
            prices += [Decimal(item["price"]) for item in event["tickers"]]
    assert (min(prices), max(prices), prices[-1]) == (LOW, HIGH, CLOSE)


def test_a_product_with_an_alias_is_told_under_the_alias(sdk: DrivenClients, listen: Listen) -> None:
    listen("ticker", products=("BTC-USDC",))
    assert events(sdk, "ticker")[0]["tickers"][0]["product_id"] == PRODUCT


def test_each_product_is_told_under_its_own_name(sdk: DrivenClients, listen: Listen) -> None:
    listen("ticker", products=(PRODUCT, *OTHERS))
    prices: dict[str, str] = {}
    while len(prices) < 1 + len(OTHERS):
        prices |= {item["product_id"]: item["price"] for event in events(sdk, "ticker") for item in event["tickers"]}
    assert prices == {name: sdk.rest.get_product(name)["price"] for name in (PRODUCT, *OTHERS)}


def test_orders_of_a_product_with_an_alias_keep_its_name(sdk: DrivenClients) -> None:
    with listening_to_orders(sdk, "BTC-USDC"):
        sdk.of_channel("user")
        sdk.rest.market_order_buy(client_order_id="", product_id=PRODUCT, quote_size="100")
        placed = sdk.rest.market_order_buy(client_order_id="", product_id="BTC-USDC", quote_size="100")
        told = [item for event in events(sdk, "user") for item in event["orders"]]
        assert {(item["product_id"], item["order_id"]) for item in told} == {
            ("BTC-USDC", placed["success_response"]["order_id"])
        }


def test_heartbeats_count_up(sdk: DrivenClients, listen: Listen) -> None:
    listen("heartbeats", products=())
    counted = [int(events(sdk, "heartbeats")[0]["heartbeat_counter"]) for _ in range(2)]
    assert counted[1] == counted[0] + 1


def levels(book: dict[tuple[str, str], str], updates: list[dict[str, str]]) -> None:
    for update in updates:
        key = (update["side"], update["price_level"])
        book[key] = update["new_quantity"]
        if Decimal(update["new_quantity"]) == 0:
            del book[key]


def test_a_book_kept_by_updates_is_the_book_over_rest(sdk: DrivenClients, venue: CyclicVenue, listen: Listen) -> None:
    listen("level2")
    (event,) = events(sdk, "l2_data")
    assert (event["type"], event["product_id"]) == ("snapshot", PRODUCT)
    book: dict[tuple[str, str], str] = {}
    levels(book, event["updates"])

    def over_rest() -> dict[tuple[str, str], str]:
        found = sdk.rest.get_product_book(PRODUCT)["pricebook"]
        sides = (("bid", found["bids"]), ("offer", found["asks"]))
        return {(side, level["price"]): level["size"] for side, rows in sides for level in rows}

    assert book == over_rest()
    venue.seconds(20)
    wanted = over_rest()
    assert book != wanted
    while book != wanted:
        for event in events(sdk, "l2_data"):
            assert event["type"] == "update"
            levels(book, event["updates"])
    venue.minutes()


def test_trades_are_those_over_rest(sdk: DrivenClients, venue: CyclicVenue, listen: Listen) -> None:
    listen("market_trades")
    (event,) = events(sdk, "market_trades")
    assert event["type"] == "snapshot"
    times = [trade["time"] for trade in event["trades"]]
    assert times == sorted(times, reverse=True)
    venue.minutes()
    wanted = sdk.rest.get_market_trades(PRODUCT, limit=12)["trades"]
    seen: dict[str, tuple[str, str, str, str]] = {}
    while not {trade["trade_id"] for trade in wanted} <= set(seen):
        for event in events(sdk, "market_trades"):
            assert event["type"] == "update"
            for trade in event["trades"]:
                assert trade["trade_id"] not in seen, "each trade is told once"
                seen[trade["trade_id"]] = (trade["price"], trade["size"], trade["side"], trade["time"])
    for trade in wanted:
        assert seen[trade["trade_id"]] == (trade["price"], trade["size"], trade["side"], trade["time"])


def test_candles_are_of_five_minutes_and_those_over_rest(
    sdk: DrivenClients, venue: CyclicVenue, listen: Listen
) -> None:
    listen("candles")
    (event,) = events(sdk, "candles")
    assert event["type"] == "snapshot"
    assert all(int(candle["start"]) % 300 == 0 for candle in event["candles"])
    venue.minutes(5)
    now = int(venue.now().timestamp())
    candles: dict[str, dict[str, str]] = {}
    (wanted,) = sdk.rest.get_candles(PRODUCT, str(now - now % 300 - 300), str(now - now % 300 - 300), "FIVE_MINUTE")[
        "candles"
    ]
    while candles.get(wanted["start"]) != wanted | {"product_id": PRODUCT}:
        candles |= {item["start"]: item for event in events(sdk, "candles") for item in event["candles"]}


def test_the_status_of_products(sdk: DrivenClients, listen: Listen) -> None:
    listen("status")
    (event,) = events(sdk, "status")
    (product,) = [item for item in event["products"] if item["id"] == PRODUCT]
    over_rest = sdk.rest.get_product(PRODUCT)
    assert (product["base_increment"], product["quote_increment"], product["status"]) == (
        over_rest["base_increment"],
        over_rest["quote_increment"],
        "online",
    )
    assert product["min_market_funds"] == over_rest["quote_min_size"]


def test_tickers_in_batches_have_no_best_prices(sdk: DrivenClients, venue: CyclicVenue, listen: Listen) -> None:
    listen("ticker_batch")
    (event,) = events(sdk, "ticker_batch")
    assert (event["type"], event["tickers"][0]["price"]) == ("snapshot", str(CLOSE))
    venue.seconds(20)
    (event,) = events(sdk, "ticker_batch")
    assert (event["type"], event["tickers"][0]["price"]) == ("update", str(LOW))
    venue.minutes()


def test_what_is_unsubscribed_ends_and_the_rest_goes_on(sdk: DrivenClients, venue: CyclicVenue, listen: Listen) -> None:
    listen("ticker", "market_trades")
    sdk.of_channel("subscriptions")
    assert events(sdk, "subscriptions") == [{"subscriptions": {"ticker": [PRODUCT], "market_trades": [PRODUCT]}}]
    sdk.market.unsubscribe([PRODUCT], ["ticker"])
    assert events(sdk, "subscriptions") == [{"subscriptions": {"market_trades": [PRODUCT]}}]
    venue.minutes()
    told = sdk.frame(lambda frame: frame.get("channel") in ("ticker", "market_trades"))
    assert told["channel"] == "market_trades"
    sdk.market.unsubscribe([PRODUCT], ["market_trades"])
    assert events(sdk, "subscriptions") == [{"subscriptions": {}}]


def test_an_unknown_channel_is_an_error(sdk: DrivenClients, listen: Listen) -> None:
    listen("heartbeat")
    assert sdk.frame(lambda frame: "channel" not in frame)["type"] == "error"


def test_a_client_without_a_key_hears_the_market(venue: CyclicVenue) -> None:
    with driven("sdk", venue.address, None) as anybody:
        anybody.market.open()
        anybody.market.subscribe([PRODUCT], ["ticker"])
        assert anybody.of_channel("ticker")["events"][0]["tickers"][0]["product_id"] == PRODUCT
        anybody.user.open()
        with pytest.raises(RefusedByClient, match="AuthenticationError"):
            anybody.user.subscribe([PRODUCT], ["user"])


def test_another_key_hears_of_no_orders(venue: CyclicVenue) -> None:
    with driven("sdk", venue.address, Key(venue.key.name, ecdsa_key()[1])) as other:
        other.user.open()
        other.user.subscribe([PRODUCT], ["user"])
        assert other.frame(lambda _: True) == {"type": "error", "message": "authentication failure"}


def test_the_client_comes_back_after_a_broken_connection(
    sdk: DrivenClients, venue: CyclicVenue, listen: Listen
) -> None:
    listen("ticker", "heartbeats")
    sdk.of_channel("ticker")
    venue.control("sockets/close", {"code": 1011})
    back = sdk.frame(lambda frame: frame.get("sequence_num") == 0)
    assert back["channel"] == "subscriptions"
    assert events(sdk, "ticker")[0]["type"] == "snapshot"
    venue.minutes()
    assert events(sdk, "ticker")[0]["type"] == "update"


# What the user channel calls otherwise than REST.
SAME_FIGURES = {
    "cumulative_quantity": "filled_size",
    "avg_price": "average_filled_price",
    "total_fees": "total_fees",
    "filled_value": "filled_value",
    "number_of_fills": "number_of_fills",
    "total_value_after_fees": "total_value_after_fees",
    "outstanding_hold_amount": "outstanding_hold_amount",
    "completion_percentage": "completion_percentage",
    "status": "status",
    "trigger_status": "trigger_status",
    "time_in_force": "time_in_force",
    "client_order_id": "client_order_id",
    "creation_time": "created_time",
}


def told_as_over_rest(sdk: DrivenClients, order_id: str) -> dict[str, Any]:
    """The message of an order that says what REST says; those before it tell of what has been."""
    over_rest = sdk.rest.get_order(order_id)["order"]
    while True:
        for event in events(sdk, "user"):
            for item in event["orders"]:
                if item["order_id"] == order_id and all(item[a] == over_rest[b] for a, b in SAME_FIGURES.items()):
                    told: dict[str, Any] = item
                    return told


def is_closed(sdk: DrivenClients) -> bool:
    """Whether the client has seen that its connection is closed."""
    try:
        sdk.market.subscribe([PRODUCT], ["heartbeats"])
    except RefusedByClient as error:
        return "WSClientException" in str(error)
    return False


def test_the_client_hears_again_after_a_clean_close_once_it_is_opened(sdk: DrivenClients, venue: CyclicVenue) -> None:
    """Of itself the SDK does not come back from a close with 1000, and does not say so."""
    sdk.pass_over()
    sdk.market.open()
    sdk.market.subscribe([PRODUCT], ["ticker"])
    sdk.of_channel("ticker")
    venue.control("sockets/close", {"code": 1000})
    while not is_closed(sdk):
        pass
    sdk.pass_over()
    sdk.market.open()
    sdk.market.subscribe([PRODUCT], ["ticker"])
    sdk.frame(lambda frame: frame.get("sequence_num") == 0)
    assert events(sdk, "ticker")[0]["type"] == "snapshot"
    sdk.market.close()


def test_orders_are_told_from_placing_to_their_end(sdk: DrivenClients, venue: CyclicVenue) -> None:
    with listening_to_orders(sdk, PRODUCT):
        (event,) = events(sdk, "user")
        assert (event["type"], event["orders"]) == ("snapshot", [])
        placed = sdk.rest.limit_order_gtc_buy(
            client_order_id="", product_id=PRODUCT, base_size="0.1", limit_price="49500", post_only=True
        )
        order_id = placed["success_response"]["order_id"]
        opened = told_as_over_rest(sdk, order_id)
        assert (opened["status"], opened["leaves_quantity"], opened["post_only"]) == ("OPEN", "0.1", "true")
        assert (opened["order_side"], opened["order_type"], opened["limit_price"]) == ("BUY", "Limit", "49500")
        venue.minutes()
        filled = told_as_over_rest(sdk, order_id)
        assert (filled["status"], filled["cumulative_quantity"], filled["leaves_quantity"]) == ("FILLED", "0.1", "0")


def test_every_part_of_a_fill_is_told(sdk: DrivenClients, venue: CyclicVenue) -> None:
    with listening_to_orders(sdk, PRODUCT):
        sdk.of_channel("user")
        placed = sdk.rest.limit_order_gtc_buy(
            client_order_id="", product_id=PRODUCT, base_size="50", limit_price=str(LOW)
        )
        order_id = placed["success_response"]["order_id"]
        told_as_over_rest(sdk, order_id)
        sizes = []
        for _ in range(3):
            venue.minutes()
            part = told_as_over_rest(sdk, order_id)
            sizes.append((Decimal(part["cumulative_quantity"]), Decimal(part["leaves_quantity"]), part["status"]))
        each, waited = VOLUME / 12, LEVEL
        assert sizes == [
            (each - waited, 50 - each + waited, "OPEN"),
            (2 * each - waited, 50 - 2 * each + waited, "OPEN"),
            (Decimal(50), Decimal(0), "FILLED"),
        ]


def test_a_stop_is_told_when_it_triggers(sdk: DrivenClients, venue: CyclicVenue) -> None:
    with listening_to_orders(sdk, PRODUCT):
        sdk.of_channel("user")
        order_id = stop_to_sell(sdk, limit="49000", stop="49600")["order_id"]
        waiting = told_as_over_rest(sdk, order_id)
        assert (waiting["trigger_status"], waiting["order_type"]) == ("STOP_PENDING", "Stop Limit")
        assert (waiting["stop_price"], waiting["limit_price"]) == ("49600", "49000")
        venue.minutes()
        filled = told_as_over_rest(sdk, order_id)
        assert (filled["status"], filled["trigger_status"]) == ("FILLED", "STOP_TRIGGERED")


def test_a_cancel_an_edit_and_a_market_order_are_told(sdk: DrivenClients) -> None:
    with listening_to_orders(sdk):
        sdk.of_channel("user")
        resting = order_of(
            sdk,
            sdk.rest.limit_order_gtc_sell(client_order_id="", product_id=PRODUCT, base_size="0.1", limit_price="55000"),
        )
        seen: list[tuple[str, str, str, str]] = []

        def until(order_id: str, status: str, limit_price: str) -> None:
            while (order_id, status, limit_price) not in [item[:3] for item in seen]:
                seen.extend(
                    (item["order_id"], item["status"], item["limit_price"], item["leaves_quantity"])
                    for event in events(sdk, "user")
                    for item in event["orders"]
                )

        until(resting["order_id"], "OPEN", "55000")
        assert sdk.rest.edit_order(resting["order_id"], size="0.2", price="56000")["success"]
        until(resting["order_id"], "OPEN", "56000")
        assert seen[-1][3] == "0.2"
        sdk.rest.cancel_orders([resting["order_id"]])
        until(resting["order_id"], "CANCELLED", "56000")
        assert seen[-1][3] == "0"
        bought = order_of(sdk, sdk.rest.market_order_buy(client_order_id="", product_id=PRODUCT, base_size="0.1"))
        until(bought["order_id"], "FILLED", "")


def test_a_snapshot_has_the_open_orders_fifty_at_a_time(sdk: DrivenClients) -> None:
    placed = [
        sdk.rest.limit_order_gtc_buy(client_order_id="", product_id=PRODUCT, base_size="0.001", limit_price="45000")
        for _ in range(52)
    ]
    with listening_to_orders(sdk, PRODUCT):
        batches = [
            [order["order_id"] for order in event["orders"]]
            for _ in range(2)
            for event in sdk.of_channel("user")["events"]
        ]
    assert [len(batch) for batch in batches] == [50, 2]
    assert {name for batch in batches for name in batch} == {item["success_response"]["order_id"] for item in placed}
