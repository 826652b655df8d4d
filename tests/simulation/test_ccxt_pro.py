"""Conformance: ccxt's client for asyncio, over REST and with its WebSocket classes.

A message that comes between two of its watches is told by the second one with the message after it. So a test begins
to watch before it makes the venue speak, and makes it speak again for what came between.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from simulation.cyclic_venue import CLOSE, HIGH, LOW, MAKER, OPENING, CyclicVenue
from simulation.driven_clients import DrivenClients, RefusedByClient

pytestmark = [pytest.mark.conformance, pytest.mark.processes]

SYMBOL = "BTC/USD"


@pytest.fixture(autouse=True)
def no_order_is_left_open(pro: DrivenClients) -> Iterator[None]:
    """What rests after a test is canceled, so that snapshots show a test's own orders."""
    yield
    left = [order["id"] for order in pro.exchange.fetch_open_orders(SYMBOL)]
    if left:
        pro.exchange.cancel_orders(left)


def test_it_trades_over_rest_too(pro: DrivenClients, venue: CyclicVenue) -> None:
    assert SYMBOL in pro.exchange.load_markets()
    assert pro.exchange.fetch_ticker(SYMBOL)["last"] == float(CLOSE)
    assert pro.exchange.fetch_time() == int(venue.now().timestamp()) * 1000
    before = pro.exchange.fetch_balance()
    assert before["BTC"]["total"] == float(OPENING["BTC"])
    bought = pro.exchange.create_market_buy_order_with_cost(SYMBOL, 100)
    order = pro.exchange.fetch_order(bought["id"])
    assert order["status"] == "closed"
    after = pro.exchange.fetch_balance({"v3": True})
    assert after["BTC"]["total"] - before["BTC"]["total"] == pytest.approx(order["filled"])
    placed = pro.exchange.create_order(SYMBOL, "limit", "sell", 0.1, 50500)
    venue.minutes()
    order = pro.exchange.fetch_order(placed["id"])
    assert (order["status"], order["average"]) == ("closed", 50500.0)
    assert float(order["fee"]["cost"]) == pytest.approx(5050 * float(MAKER))
    with pytest.raises(RefusedByClient, match=r"^InsufficientFunds "):
        pro.exchange.create_order(SYMBOL, "market", "sell", 501)


def test_several_requests_at_once_are_each_answered(pro: DrivenClients) -> None:
    pro.exchange.load_markets()
    begun = [pro.begin("exchange", "create_market_buy_order_with_cost", SYMBOL, 10 + number) for number in range(8)]
    ids = {pro.result(number)["id"] for number in begun}
    assert len(ids) == 8
    orders = {item["id"]: item for item in pro.exchange.fetch_closed_orders(SYMBOL)}
    assert ids <= set(orders)


def test_tickers_are_watched(pro: DrivenClients, venue: CyclicVenue) -> None:
    ticker = pro.exchange.watch_ticker(SYMBOL)
    assert (ticker["last"], ticker["ask"]) == (float(CLOSE), float(CLOSE))
    assert (ticker["low"], ticker["high"]) == (float(LOW), float(HIGH))
    waiting = pro.begin("exchange", "watch_ticker", SYMBOL)
    venue.minutes()
    assert LOW <= pro.result(waiting)["last"] <= HIGH
    pro.exchange.un_watch_ticker(SYMBOL)


def test_a_product_with_an_alias_is_watched_under_its_own_name(pro: DrivenClients) -> None:
    assert pro.exchange.watch_ticker("BTC/USDC")["last"] == float(CLOSE)
    pro.exchange.un_watch_ticker("BTC/USDC")


def test_trades_are_watched(pro: DrivenClients, venue: CyclicVenue) -> None:
    trades = pro.exchange.watch_trades(SYMBOL)
    assert [trade["timestamp"] for trade in trades] == sorted(trade["timestamp"] for trade in trades)
    waiting = pro.begin("exchange", "watch_trades", SYMBOL)
    venue.minutes()
    prices: list[float] = [trade["price"] for trade in pro.result(waiting)]
    while len(prices) < 12:
        waiting = pro.begin("exchange", "watch_trades", SYMBOL)
        venue.minutes()
        prices += [trade["price"] for trade in pro.result(waiting)]
    assert (min(prices), max(prices)) == (float(LOW), float(HIGH))
    pro.exchange.un_watch_trades(SYMBOL)


def test_a_book_is_watched(pro: DrivenClients, venue: CyclicVenue) -> None:
    book = pro.exchange.watch_order_book(SYMBOL)
    over_rest = pro.exchange.fetch_order_book(SYMBOL)
    assert (book["bids"], book["asks"]) == (over_rest["bids"], over_rest["asks"])
    waiting = pro.begin("exchange", "watch_order_book", SYMBOL)
    venue.seconds(20)
    book = pro.result(waiting)
    wanted = pro.exchange.fetch_order_book(SYMBOL)
    assert wanted["bids"][0][0] <= float(LOW) < wanted["asks"][0][0]
    while (book["bids"], book["asks"]) != (wanted["bids"], wanted["asks"]):
        waiting = pro.begin("exchange", "watch_order_book", SYMBOL)
        venue.seconds(5)
        book, wanted = pro.result(waiting), pro.exchange.fetch_order_book(SYMBOL)
    pro.exchange.un_watch_order_book(SYMBOL)
    venue.minutes()


def test_orders_are_watched_from_placing_to_their_end(pro: DrivenClients, venue: CyclicVenue) -> None:
    pro.exchange.load_markets()
    pro.pass_over()
    waiting = pro.begin("exchange", "watch_orders", SYMBOL)
    pro.of_channel("user")  # the snapshot: subscribed from here on
    placed = pro.exchange.create_order(SYMBOL, "limit", "buy", 0.1, 49500)
    seen: list[dict[str, Any]] = list(pro.result(waiting))

    def until(status: str) -> dict[str, Any]:
        while True:
            for order in seen:
                if (order["id"], order["status"]) == (placed["id"], status):
                    return order
            waiting = pro.begin("exchange", "watch_orders", SYMBOL)
            pro.exchange.create_order(SYMBOL, "limit", "sell", 0.1, 55000)
            seen.extend(pro.result(waiting))

    opened = until("open")
    assert (opened["side"], opened["price"], opened["filled"], opened["remaining"]) == ("buy", 49500.0, 0.0, 0.1)
    waiting = pro.begin("exchange", "watch_orders", SYMBOL)
    venue.minutes()
    seen.extend(pro.result(waiting))
    filled = until("closed")
    order = pro.exchange.fetch_order(placed["id"])
    assert (filled["filled"], filled["remaining"], filled["average"]) == (0.1, 0.0, order["average"])
    assert filled["cost"] == pytest.approx(order["cost"])
    assert filled["clientOrderId"] == order["clientOrderId"]
    pro.exchange.un_watch_orders(SYMBOL)


def test_a_canceled_order_is_watched_to_its_end(pro: DrivenClients) -> None:
    placed = pro.exchange.create_order(SYMBOL, "limit", "sell", 0.1, 55000)
    orders = pro.exchange.watch_orders(SYMBOL)
    assert [(order["id"], order["status"]) for order in orders] == [(placed["id"], "open")]
    waiting = pro.begin("exchange", "watch_orders", SYMBOL)
    pro.exchange.cancel_order(placed["id"])
    (ended,) = pro.result(waiting)
    assert (ended["id"], ended["status"], ended["remaining"]) == (placed["id"], "canceled", 0.0)
    pro.exchange.un_watch_orders(SYMBOL)


def test_a_broken_connection_is_told_and_watching_goes_on(pro: DrivenClients, venue: CyclicVenue) -> None:
    pro.exchange.watch_ticker(SYMBOL)
    waiting = pro.begin("exchange", "watch_ticker", SYMBOL)
    venue.control("sockets/close", {"code": 1011})
    with pytest.raises(RefusedByClient, match=r"^(NetworkError|.* NetworkError) "):
        pro.result(waiting)
    assert pro.exchange.watch_ticker(SYMBOL)["last"] == float(CLOSE)
    pro.exchange.un_watch_ticker(SYMBOL)


def test_several_symbols_are_watched_at_once(pro: DrivenClients) -> None:
    symbols = [SYMBOL, "ETH/USD"]
    assert set(pro.exchange.watch_tickers(symbols)) <= set(symbols)
    pro.exchange.un_watch_tickers(symbols)
    assert pro.exchange.watch_trades_for_symbols(symbols)[0]["symbol"] in symbols
    pro.exchange.un_watch_trades_for_symbols(symbols)
    assert pro.exchange.watch_order_book_for_symbols(symbols)["symbol"] in symbols
