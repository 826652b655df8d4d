"""The user channel: the customer's orders with their whole state, at first and after each change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cbbot_bridge.simulator.stream_pace import Pace
from stream_reader import StreamReader, stream_of

ROOT = "/api/v3/brokerage"
QUICK = Pace(books_and_orders=0.01)
NO_LIMIT = ("--private-rate", "0", "--public-rate", "0")
Simulate = Callable[..., AbstractContextManager[httpx.Client]]


@pytest.fixture
def client(simulate: Simulate) -> Iterator[httpx.Client]:
    with simulate(*NO_LIMIT, "--balance", "USDC=10000", "--balance", "BTC=1", pace=QUICK) as running:
        yield running


@pytest.fixture
def stream(client: httpx.Client) -> Iterator[StreamReader]:
    with stream_of(client) as connected:
        yield connected


def place(client: httpx.Client, name: str, product_id: str = "BTC-USD", side: str = "BUY", **configuration: Any) -> str:
    body = {"client_order_id": name, "product_id": product_id, "side": side, "order_configuration": configuration}
    answer = client.post(f"{ROOT}/orders", json=body).json()
    assert answer["success"], answer
    order_id: str = answer["success_response"]["order_id"]
    return order_id


def resting(price: str = "90000", size: str = "0.001", **fields: object) -> dict[str, object]:
    return {"base_size": size, "limit_price": price, "post_only": False, **fields}


def advance(client: httpx.Client, candles: int = 1) -> None:
    client.post("/sim/advance", json={"candles": candles}).raise_for_status()


def test_a_customer_without_orders_gets_one_empty_batch(stream: StreamReader) -> None:
    event = stream.subscribed("user")
    assert event == {
        "type": "snapshot",
        "orders": [],
        "positions": {"perpetual_futures_positions": [], "expiring_futures_positions": []},
    }


@pytest.mark.parametrize(("count", "batches"), [(1, [1]), (49, [49]), (50, [50, 0]), (101, [50, 50, 1])])
def test_open_orders_come_in_batches_of_fifty_and_the_last_has_fewer(
    client: httpx.Client, stream: StreamReader, count: int, batches: list[int]
) -> None:
    ids = [place(client, f"o{number}", limit_limit_gtc=resting(size="0.00002")) for number in range(count)]
    events = [stream.subscribed("user")]
    while len(events) < len(batches):
        events.append(stream.event())
    assert [len(event["orders"]) for event in events] == batches
    assert {event["type"] for event in events} == {"snapshot"}
    assert [order["order_id"] for event in events for order in event["orders"]] == ids
    assert {order["status"] for event in events for order in event["orders"]} == {"OPEN"}


def test_each_change_comes_with_the_orders_whole_state(client: httpx.Client, stream: StreamReader) -> None:
    stream.subscribed("user")
    order_id = place(client, "a", limit_limit_gtc=resting())
    (placed,) = stream.event()["orders"]
    assert (placed["order_id"], placed["client_order_id"], placed["status"]) == (order_id, "a", "OPEN")
    assert (placed["cumulative_quantity"], placed["leaves_quantity"]) == ("0", "0.001")
    assert (placed["order_type"], placed["limit_price"], placed["post_only"]) == ("Limit", "90000", "false")
    client.post(f"{ROOT}/orders/batch_cancel", json={"order_ids": [order_id]}).raise_for_status()
    event = stream.event()
    assert (event["type"], event["orders"][-1]["status"]) == ("update", "CANCELLED")
    assert event["orders"][-1]["leaves_quantity"] == "0"


def test_a_market_order_is_told_filled(client: httpx.Client, stream: StreamReader) -> None:
    stream.subscribed("user")
    order_id = place(client, "a", market_market_ioc={"quote_size": "100"})
    last = stream.event()["orders"][-1]
    assert (last["order_id"], last["status"], last["order_type"]) == (order_id, "FILLED", "Market")
    shown = client.get(f"{ROOT}/orders/historical/{order_id}").json()["order"]
    assert last["cumulative_quantity"] == shown["filled_size"]
    assert last["total_fees"] == shown["total_fees"]


def test_a_fill_by_a_trade_of_others_is_told_when_the_clock_passes_it(
    client: httpx.Client, stream: StreamReader
) -> None:
    """The price falls from 100,080 to 100,075.5 in this minute."""
    order_id = place(client, "a", limit_limit_gtc=resting(price="100078"))
    (opened,) = stream.subscribed("user")["orders"]
    assert (opened["order_id"], opened["status"]) == (order_id, "OPEN")
    advance(client, 3)
    last = stream.event()["orders"][-1]
    assert (last["order_id"], last["status"], last["cumulative_quantity"]) == (order_id, "FILLED", "0.001")
    assert last["avg_price"] == "100078"


def test_a_dated_order_expires_at_its_venue_time_however_far_the_clock_is_moved(
    client: httpx.Client, stream: StreamReader
) -> None:
    stream.subscribed("user")
    end_ms = client.get("/sim/status").json()["now_ms"] + 90_000
    end_time = datetime.fromtimestamp(end_ms / 1000, UTC).isoformat().replace("+00:00", "Z")
    order_id = place(client, "a", limit_limit_gtd=resting(end_time=end_time))
    assert stream.event()["orders"][-1]["status"] == "OPEN"
    advance(client, 50)
    last = stream.event()["orders"][-1]
    assert (last["order_id"], last["status"]) == (order_id, "EXPIRED")
    shown = client.get(f"{ROOT}/orders/historical/{order_id}").json()["order"]
    assert datetime.fromisoformat(shown["last_update_time"]).timestamp() * 1000 == end_ms


def test_orders_in_usdc_keep_their_products_id_and_products_can_be_chosen(
    client: httpx.Client, stream: StreamReader
) -> None:
    place(client, "usd", limit_limit_gtc=resting())
    place(client, "usdc", "BTC-USDC", limit_limit_gtc=resting())
    assert [order["product_id"] for order in stream.subscribed("user")["orders"]] == ["BTC-USD", "BTC-USDC"]
    with stream_of(client) as other:
        chosen = other.subscribed("user", "BTC-USDC")
        assert [order["product_id"] for order in chosen["orders"]] == ["BTC-USDC"]
        place(client, "usd2", limit_limit_gtc=resting())
        place(client, "usdc2", "BTC-USDC", limit_limit_gtc=resting())
        assert [order["client_order_id"] for order in other.event()["orders"]] == ["usdc2"]


def test_the_products_of_a_subscription_stay_until_it_ends(client: httpx.Client, stream: StreamReader) -> None:
    stream.subscribed("user", "BTC-USDC")
    stream.ask("user")
    assert list(stream.receive()["events"][0]["subscriptions"]) == ["user"]
    place(client, "usd", limit_limit_gtc=resting())
    place(client, "usdc", "BTC-USDC", limit_limit_gtc=resting())
    assert [order["client_order_id"] for order in stream.event()["orders"]] == ["usdc"]
    stream.ask("user", "unsubscribe")
    assert stream.receive()["events"] == [{"subscriptions": {}}]
    assert [order["client_order_id"] for order in stream.subscribed("user")["orders"]] == ["usd", "usdc"]


def test_a_later_customer_hears_nothing_of_what_was_before_its_snapshot(client: httpx.Client) -> None:
    with stream_of(client) as stream:
        place(client, "a", limit_limit_gtc=resting())
        stream.subscribed("user")
        place(client, "b", limit_limit_gtc=resting())
        assert [order["client_order_id"] for order in stream.event()["orders"]] == ["b"]


def test_an_order_of_ours_shows_in_the_size_at_its_price(client: httpx.Client, stream: StreamReader) -> None:
    snapshot = stream.subscribed("level2", "BTC-USD")
    prices = {update["price_level"]: Decimal(update["new_quantity"]) for update in snapshot["updates"]}
    best = max(update["price_level"] for update in snapshot["updates"] if update["side"] == "bid")
    order_id = place(client, "a", limit_limit_gtc=resting(price=best, size="0.02"))
    (update,) = stream.event()["updates"]
    assert (update["side"], update["price_level"]) == ("bid", best)
    assert Decimal(update["new_quantity"]) == prices[best] + Decimal("0.02")
    client.post(f"{ROOT}/orders/batch_cancel", json={"order_ids": [order_id]}).raise_for_status()
    (update,) = stream.event()["updates"]
    assert Decimal(update["new_quantity"]) == prices[best]


def test_a_keyed_simulator_wants_a_token_for_orders_and_refuses_a_bad_one_everywhere(
    simulate: Simulate, tmp_path: Path
) -> None:
    key, path = ec.generate_private_key(ec.SECP256R1()), tmp_path / "key.pem"
    path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    now = int(time.time())
    claims = {"sub": "k", "iss": "cdp", "nbf": now, "exp": now + 120}
    token = jwt.encode(claims, key, "ES256", headers={"kid": "k", "nonce": "0" * 32})
    refusal = {"type": "error", "message": "authentication failure"}
    arguments = ["--key-name", "k", "--public-key-file", str(path)]
    with simulate(*arguments, pace=QUICK) as client, stream_of(client) as stream:
        for channel in ("user", "futures_balance_summary"):
            stream.ask(channel)
            assert stream.receive() == refusal
        for channel in ("user", "ticker", "level2"):
            stream.ask(channel, jwt=token[:-4] + "AAAA")
            assert stream.receive() == refusal
        assert stream.subscribed("user", jwt=token)["type"] == "snapshot"
        assert stream.subscribed("ticker", "BTC-USD")["type"] == "snapshot"
    with simulate(*arguments, "--key-permissions", "trade", pace=QUICK) as client, stream_of(client) as stream:
        stream.ask("user", jwt=token)
        assert stream.receive() == refusal
        assert stream.subscribed("ticker", "BTC-USD", jwt=token)["type"] == "snapshot"
