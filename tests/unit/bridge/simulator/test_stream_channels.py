"""What each channel of the simulator's WebSocket sends. The clock is stopped; updates come at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import httpx
import pytest

from cbbot_bridge.simulator.stream_pace import Pace
from stream_reader import StreamReader, stream_of

START = 1_757_142_000
ROOT = "/api/v3/brokerage"
QUICK = Pace(heartbeats=0.02, books_and_orders=0.01, trades=0.01, candles=0.01, ticker_batch=0.01, status=0.01)
Simulate = Callable[..., AbstractContextManager[httpx.Client]]
Book = dict[str, dict[Decimal, Decimal]]


@pytest.fixture
def client(simulate: Simulate) -> Iterator[httpx.Client]:
    with simulate(pace=QUICK) as running:
        yield running


@pytest.fixture
def stream(client: httpx.Client) -> Iterator[StreamReader]:
    with stream_of(client) as connected:
        yield connected


def advance(client: httpx.Client, candles: int = 1) -> None:
    client.post("/sim/advance", json={"candles": candles}).raise_for_status()


def apply(book: Book, event: Any) -> None:
    """Take a level2 event as a customer does: sizes are absolute, 0 takes a level away."""
    assert event["product_id"] == "BTC-USD"
    for update in event["updates"]:
        price, size = Decimal(update["price_level"]), Decimal(update["new_quantity"])
        if size:
            book[update["side"]][price] = size
        else:
            del book[update["side"]][price]


def rest_book(client: httpx.Client) -> Book:
    answer = client.get(f"{ROOT}/market/product_book", params={"product_id": "BTC-USD"}).json()["pricebook"]
    sides = {"bid": answer["bids"], "offer": answer["asks"]}
    return {
        side: {Decimal(level["price"]): Decimal(level["size"]) for level in levels} for side, levels in sides.items()
    }


def test_level2_begins_with_the_book_and_its_updates_lead_to_the_next_one(
    client: httpx.Client, stream: StreamReader
) -> None:
    book: Book = {"bid": {}, "offer": {}}
    snapshot = stream.subscribed("level2", "BTC-USD")
    assert (stream.seen[-1]["channel"], snapshot["type"]) == ("l2_data", "snapshot")
    assert stream.seen[0]["events"] == [{"subscriptions": {"level2": ["BTC-USD"]}}]
    apply(book, snapshot)
    assert book == rest_book(client)
    for _ in range(3):
        advance(client)
        event = stream.event()
        assert event["type"] == "update"
        apply(book, event)
        assert book == rest_book(client)


def test_two_customers_of_level2_have_the_same_book(client: httpx.Client, stream: StreamReader) -> None:
    first: Book = {"bid": {}, "offer": {}}
    apply(first, stream.subscribed("level2", "BTC-USD"))
    advance(client)
    with stream_of(client) as other:
        second: Book = {"bid": {}, "offer": {}}
        apply(second, other.subscribed("level2", "BTC-USD"))
        apply(first, stream.event())
        assert first == second == rest_book(client)
        advance(client)
        apply(first, stream.event())
        apply(second, other.event())
        assert first == second == rest_book(client)


def test_ticker_batch_has_the_newest_price_without_the_touch(client: httpx.Client, stream: StreamReader) -> None:
    event = stream.subscribed("ticker_batch", "BTC-USD")
    assert (event["type"], event["tickers"][0]["price"]) == ("snapshot", "100080")
    assert not [name for name in event["tickers"][0] if name.startswith("best_")]
    advance(client, 2)
    (ticker,) = stream.next_of("ticker_batch")["events"][0]["tickers"]
    price = client.get(f"{ROOT}/market/products/BTC-USD").json()["price"]
    assert ticker["price"] == price != "100080"


def test_candles_are_of_five_minutes_and_the_newest_is_kept_up_to_date(
    client: httpx.Client, stream: StreamReader
) -> None:
    event = stream.subscribed("candles", "BTC-USD")
    assert event["type"] == "snapshot"
    assert [int(candle["start"]) for candle in event["candles"]] == [START + 300, START]
    advance(client)
    (candle,) = stream.event()["candles"]
    query: dict[str, str | int] = {"start": START + 300, "end": START + 300, "granularity": "FIVE_MINUTE"}
    (expected,) = client.get(f"{ROOT}/market/products/BTC-USD/candles", params=query).json()["candles"]
    assert candle == expected | {"product_id": "BTC-USD"}


def test_a_candle_that_has_closed_is_sent_once_more_with_its_last_trades(
    client: httpx.Client, stream: StreamReader
) -> None:
    stream.subscribed("candles", "BTC-USD")
    advance(client, 3)
    candles = stream.event()["candles"]
    assert [int(candle["start"]) for candle in candles] == [START + 600, START + 300]
    query: dict[str, str | int] = {"start": START + 300, "end": START + 300, "granularity": "FIVE_MINUTE"}
    (closed,) = client.get(f"{ROOT}/market/products/BTC-USD/candles", params=query).json()["candles"]
    assert candles[1] == closed | {"product_id": "BTC-USD"}


def test_market_trades_come_in_batches_oldest_first(client: httpx.Client, stream: StreamReader) -> None:
    newest = int(stream.subscribed("market_trades", "BTC-USD")["trades"][0]["trade_id"])
    advance(client, 2)
    event = stream.event()
    numbers = [int(trade["trade_id"]) for trade in event["trades"]]
    assert event["type"] == "update"
    assert numbers == list(range(newest + 1, newest + 1 + len(numbers)))
    assert len(numbers) == 24


def test_status_has_every_product_with_its_smallest_order(stream: StreamReader) -> None:
    event = stream.subscribed("status")
    assert event["type"] == "snapshot"
    assert event["products"] == [
        {
            "product_type": "SPOT",
            "id": "BTC-USD",
            "base_currency": "BTC",
            "quote_currency": "USD",
            "base_increment": "0.00000001",
            "quote_increment": "0.01",
            "display_name": "BTC/USD",
            "status": "online",
            "status_message": "",
            "min_market_funds": "1",
        }
    ]


@pytest.mark.parametrize("channel", ["ticker", "ticker_batch", "market_trades", "level2", "candles", "status"])
def test_a_product_without_a_book_of_its_own_comes_under_the_other_ones_id(stream: StreamReader, channel: str) -> None:
    stream.ask(channel, product_ids=["BTC-USDC", "BTC-USD"])
    assert stream.receive()["events"] == [{"subscriptions": {channel: ["BTC-USD"]}}]
    assert "USDC" not in str(stream.event())


@pytest.mark.parametrize("channel", ["ticker", "ticker_batch", "market_trades", "level2", "candles", "status"])
def test_a_product_in_usdc_with_a_book_of_its_own_keeps_its_id(simulate: Simulate, channel: str) -> None:
    products = ["--product", "BTC-USD", "--product", "USDT-USDC"]
    with simulate(*products, pace=QUICK) as client, stream_of(client) as stream:
        event = stream.subscribed(channel, "USDT-USDC")
        assert stream.seen[0]["events"] == [{"subscriptions": {channel: ["USDT-USDC"]}}]
        assert "'USDT-USDC'" in str(event)
        assert "BTC-USD" not in str(event)


def test_every_market_moves_on_its_own(simulate: Simulate) -> None:
    products = ["--product", "BTC-USD", "--product", "ETH-USD", "--product", "USDT-USDC"]
    with simulate(*products, pace=QUICK) as client, stream_of(client) as stream:
        stream.ask("ticker")
        before = {}
        assert stream.receive()["events"] == [{"subscriptions": {"ticker": ["BTC-USD", "ETH-USD", "USDT-USDC"]}}]
        for _ in range(3):
            (ticker,) = stream.event()["tickers"]
            before[ticker["product_id"]] = Decimal(ticker["price"])
        assert before["BTC-USD"] > 50_000 > before["ETH-USD"] > 1_000 > 2 > before["USDT-USDC"] > Decimal("0.5")
        advance(client, 5)
        moved: dict[str, Decimal] = {}
        while moved.keys() != before.keys():
            tickers = stream.event()["tickers"]
            moved[tickers[-1]["product_id"]] = Decimal(tickers[-1]["price"])
        assert all(moved[product_id] != price for product_id, price in before.items())


def test_futures_are_accepted_and_a_spot_account_hears_nothing_of_them(stream: StreamReader) -> None:
    stream.ask("futures_balance_summary")
    assert list(stream.receive()["events"][0]["subscriptions"]) == ["futures_balance_summary"]
    stream.ask("heartbeats")
    assert [stream.receive()["channel"] for _ in range(2)] == ["subscriptions", "heartbeats"]
