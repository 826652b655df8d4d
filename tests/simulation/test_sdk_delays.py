"""Conformance: what Coinbase's own SDK sees of orders whose traces lag behind, and of fills that are taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from simulation.cyclic_venue import LOW, CyclicVenue
from simulation.driven_clients import DrivenClients, RefusedByClient
from simulation.order_figures import Wallet, again, change_by, moved, order_of, wallets

pytestmark = [pytest.mark.conformance, pytest.mark.processes, pytest.mark.usefixtures("no_order_is_left_open")]

BUY = {"client_order_id": "", "product_id": "BTC-USD", "base_size": "0.1"}
DELAYS = ("order_visible", "pending", "fills", "post", "cancel", "edit")


@pytest.fixture
def delay(venue: CyclicVenue) -> Iterator[Callable[..., None]]:
    """Sets how many seconds things take; all take none again afterwards."""

    def set_seconds(**seconds: int) -> None:
        venue.control("exchange", {f"{name}_delay_ms": seconds.get(name, 0) * 1000 for name in DELAYS})

    yield set_seconds
    set_seconds()
    venue.minutes()


def test_a_new_order_cannot_be_seen_at_once(sdk: DrivenClients, venue: CyclicVenue, delay: Callable[..., None]) -> None:
    delay(order_visible=3)
    placed = sdk.rest.market_order_buy(**BUY)
    order_id = placed["success_response"]["order_id"]
    with pytest.raises(RefusedByClient, match=r"^HTTPError .*404 "):
        sdk.rest.get_order(order_id)
    assert order_id not in {item["order_id"] for item in sdk.rest.list_orders(limit=5)["orders"]}
    venue.seconds(3)
    assert sdk.rest.get_order(order_id)["order"]["status"] == "FILLED"
    assert order_id in {item["order_id"] for item in sdk.rest.list_orders(limit=5)["orders"]}


def test_a_new_order_is_pending_and_shows_no_fill(
    sdk: DrivenClients, venue: CyclicVenue, delay: Callable[..., None]
) -> None:
    delay(pending=3)
    order = order_of(sdk, sdk.rest.market_order_buy(**BUY))
    assert (order["status"], order["filled_size"], order["settled"]) == ("PENDING", "0", False)
    assert order["order_id"] not in {item["order_id"] for item in sdk.rest.list_orders(order_status=["OPEN"])["orders"]}
    venue.seconds(3)
    assert (again(sdk, order)["status"], again(sdk, order)["filled_size"]) == ("FILLED", "0.1")


def test_fills_come_after_the_order(sdk: DrivenClients, venue: CyclicVenue, delay: Callable[..., None]) -> None:
    delay(fills=3)
    order = order_of(sdk, sdk.rest.market_order_buy(**BUY))
    assert order["status"] == "FILLED"
    assert sdk.rest.get_fills(order_ids=[order["order_id"]])["fills"] == []
    venue.seconds(3)
    assert len(sdk.rest.get_fills(order_ids=[order["order_id"]])["fills"]) == 1


def test_balances_move_after_the_fill(sdk: DrivenClients, venue: CyclicVenue, delay: Callable[..., None]) -> None:
    delay(post=3)
    before = wallets(sdk)
    order = order_of(sdk, sdk.rest.market_order_buy(**BUY))
    spent = Decimal(order["total_value_after_fees"])
    assert (order["status"], order["settled"]) == ("FILLED", True), (
        "settled says that it is filled, not that it is paid"
    )
    assert moved(before, wallets(sdk)) == {"USD": Wallet(-spent, spent)}
    venue.seconds(3)
    assert moved(before, wallets(sdk)) == change_by(order)


def test_a_cancel_takes_its_time(sdk: DrivenClients, venue: CyclicVenue, delay: Callable[..., None]) -> None:
    delay(cancel=3)
    order = order_of(sdk, sdk.rest.limit_order_gtc_buy(**BUY, limit_price="45000"))
    assert sdk.rest.cancel_orders([order["order_id"]])["results"][0]["success"]
    queued = again(sdk, order)
    assert (queued["status"], queued["pending_cancel"]) == ("CANCEL_QUEUED", True)
    (repeated,) = sdk.rest.cancel_orders([order["order_id"]])["results"]
    assert (repeated["success"], repeated["failure_reason"]) == (False, "DUPLICATE_CANCEL_REQUEST")
    venue.seconds(3)
    ended = again(sdk, order)
    assert (ended["status"], ended["pending_cancel"]) == ("CANCELLED", False)


def test_a_cancel_crosses_a_fill(sdk: DrivenClients, venue: CyclicVenue, delay: Callable[..., None]) -> None:
    delay(cancel=60)
    before = wallets(sdk)
    order = order_of(sdk, sdk.rest.limit_order_gtc_buy(**BUY, limit_price="49500"))
    assert sdk.rest.cancel_orders([order["order_id"]])["results"][0]["success"]
    venue.minutes()
    filled = again(sdk, order)
    assert (filled["status"], filled["pending_cancel"], filled["filled_size"]) == ("FILLED", False, "0.1")
    assert moved(before, wallets(sdk)) == change_by(filled)


def test_an_edit_takes_its_time(sdk: DrivenClients, venue: CyclicVenue, delay: Callable[..., None]) -> None:
    delay(edit=3)
    order = order_of(sdk, sdk.rest.limit_order_gtc_buy(**BUY, limit_price="45000"))
    assert sdk.rest.edit_order(order["order_id"], size="0.2", price=str(LOW - 1000))["success"]
    queued = again(sdk, order)
    assert queued["status"] == "EDIT_QUEUED"
    assert (queued["current_pending_replace"]["price"], queued["current_pending_replace"]["size"]) == ("48000", "0.2")
    assert queued["order_configuration"] == order["order_configuration"]
    answer = sdk.rest.edit_order(order["order_id"], size="0.3", price="47000")
    assert answer["errors"][0]["edit_failure_reason"] == "ORDER_IS_ALREADY_BEING_REPLACED"
    venue.seconds(3)
    edited = again(sdk, order)
    assert (edited["status"], edited["current_pending_replace"]) == ("OPEN", None)
    assert edited["order_configuration"]["limit_limit_gtc"]["limit_price"] == "48000"


def trades_of(sdk: DrivenClients, order: dict[str, Any]) -> list[tuple[str, str, str]]:
    fills = sdk.rest.get_fills(order_ids=[order["order_id"]])["fills"]
    return [(fill["trade_type"], fill["price"], fill["size"]) for fill in fills]


def test_a_fill_is_taken_back(sdk: DrivenClients, venue: CyclicVenue) -> None:
    before = wallets(sdk)
    order = order_of(sdk, sdk.rest.market_order_buy(**BUY))
    (fill,) = sdk.rest.get_fills(order_ids=[order["order_id"]])["fills"]
    venue.control("fills/reverse", {"entry_id": fill["entry_id"]})
    assert trades_of(sdk, order) == [("REVERSAL", "50000", "0.1"), ("FILL", "50000", "0.1")]
    reversal, filled = sdk.rest.get_fills(order_ids=[order["order_id"]])["fills"]
    assert reversal["trade_id"] == filled["trade_id"], "the trade that it takes back"
    assert reversal["entry_id"] != filled["entry_id"]
    assert again(sdk, order)["filled_size"] == "0"
    assert moved(before, wallets(sdk)) == {}


def test_a_fill_is_corrected(sdk: DrivenClients, venue: CyclicVenue) -> None:
    before = wallets(sdk)
    order = order_of(sdk, sdk.rest.market_order_buy(**BUY))
    (fill,) = sdk.rest.get_fills(order_ids=[order["order_id"]])["fills"]
    venue.control("fills/correct", {"entry_id": fill["entry_id"], "price": "49900"})
    assert trades_of(sdk, order) == [
        ("CORRECTION", "49900", "0.1"),
        ("REVERSAL", "50000", "0.1"),
        ("FILL", "50000", "0.1"),
    ]
    corrected = again(sdk, order)
    assert (corrected["filled_size"], corrected["average_filled_price"]) == ("0.1", "49900")
    assert moved(before, wallets(sdk)) == change_by(corrected)
