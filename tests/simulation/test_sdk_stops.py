"""Conformance: stop-limit and bracket orders through Coinbase's own SDK, from placing them to their end.

Every minute the market falls from 50,000 to 49,000, rises to 51,000 and comes back; in between it stands still.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from simulation.cyclic_venue import CyclicVenue
from simulation.driven_clients import DrivenClients
from simulation.order_figures import Wallet, again, bracket, change_by, moved, order_of, stop_to_sell, wallets

pytestmark = [pytest.mark.conformance, pytest.mark.processes, pytest.mark.usefixtures("no_order_is_left_open")]

PRODUCT = "BTC-USD"
NOTHING = Decimal(0)


def test_a_stop_holds_its_base_waits_for_its_price_and_then_takes(sdk: DrivenClients, venue: CyclicVenue) -> None:
    before = wallets(sdk)
    order = stop_to_sell(sdk, limit="49000", stop="49600")
    assert (order["status"], order["order_type"], order["trigger_status"]) == ("OPEN", "STOP_LIMIT", "STOP_PENDING")
    assert moved(before, wallets(sdk)) == {"BTC": Wallet(Decimal("-0.2"), Decimal("0.2"))}
    venue.minutes()
    filled = again(sdk, order)
    assert (filled["status"], filled["trigger_status"], filled["filled_size"]) == ("FILLED", "STOP_TRIGGERED", "0.2")
    assert 49000 <= Decimal(filled["average_filled_price"]) <= 49600
    assert moved(before, wallets(sdk)) == change_by(filled)


def test_a_stop_whose_price_is_not_reached_rests_until_its_end(sdk: DrivenClients, venue: CyclicVenue) -> None:
    before = wallets(sdk)
    placed = sdk.rest.stop_limit_order_gtd_buy(
        client_order_id="",
        product_id=PRODUCT,
        base_size="0.2",
        limit_price="53000",
        stop_price="52000",
        end_time=venue.moment(seconds=90),
        stop_direction="STOP_DIRECTION_STOP_UP",
    )
    order = order_of(sdk, placed)
    venue.minutes()
    waiting = again(sdk, order)
    assert (waiting["status"], waiting["trigger_status"]) == ("OPEN", "STOP_PENDING")
    assert moved(before, wallets(sdk))["USD"].hold >= Decimal("0.2") * 53000
    venue.minutes()
    assert again(sdk, order)["status"] == "EXPIRED"
    assert moved(before, wallets(sdk)) == {}


def test_a_bracket_takes_its_profit(sdk: DrivenClients, venue: CyclicVenue) -> None:
    before = wallets(sdk)
    order = bracket(sdk, take="50600", stop="45000")
    assert (order["status"], order["order_type"]) == ("OPEN", "BRACKET")
    assert moved(before, wallets(sdk)) == {"BTC": Wallet(Decimal("-0.2"), Decimal("0.2"))}
    venue.minutes()
    filled = again(sdk, order)
    assert (filled["status"], filled["filled_size"]) == ("FILLED", "0.2")
    assert Decimal(filled["average_filled_price"]) >= 50600
    assert moved(before, wallets(sdk)) == change_by(filled)


def test_a_bracket_stops_its_loss(sdk: DrivenClients, venue: CyclicVenue) -> None:
    before = wallets(sdk)
    order = bracket(sdk, take="52000", stop="49600")
    venue.minutes()
    filled = again(sdk, order)
    assert (filled["status"], filled["filled_size"], filled["trigger_status"]) == ("FILLED", "0.2", "STOP_TRIGGERED")
    assert 49000 <= Decimal(filled["average_filled_price"]) <= 49600
    assert moved(before, wallets(sdk)) == change_by(filled)


def test_a_stop_to_buy_waits_above_the_market(sdk: DrivenClients, venue: CyclicVenue) -> None:
    before = wallets(sdk)
    placed = sdk.rest.stop_limit_order_gtc_buy(
        client_order_id="",
        product_id=PRODUCT,
        base_size="0.2",
        limit_price="51000",
        stop_price="50500",
        stop_direction="STOP_DIRECTION_STOP_UP",
    )
    order = order_of(sdk, placed)
    assert (order["status"], order["trigger_status"]) == ("OPEN", "STOP_PENDING")
    venue.seconds(20)
    assert again(sdk, order)["trigger_status"] == "STOP_PENDING"
    venue.minutes()
    filled = again(sdk, order)
    assert (filled["status"], filled["trigger_status"]) == ("FILLED", "STOP_TRIGGERED")
    assert 50500 <= Decimal(filled["average_filled_price"]) <= 51000
    assert moved(before, wallets(sdk)) == change_by(filled)


def test_a_bracket_with_an_end_expires_with_both_of_its_sides(sdk: DrivenClients, venue: CyclicVenue) -> None:
    before = wallets(sdk)
    placed = sdk.rest.trigger_bracket_order_gtd_sell(
        client_order_id="",
        product_id=PRODUCT,
        base_size="0.2",
        limit_price="55000",
        stop_trigger_price="45000",
        end_time=venue.moment(seconds=30),
    )
    order = order_of(sdk, placed)
    assert (order["status"], order["order_type"]) == ("OPEN", "BRACKET")
    venue.minutes()
    assert again(sdk, order)["status"] == "EXPIRED"
    assert moved(before, wallets(sdk)) == {}


def test_a_bracket_that_is_attached_follows_the_fill_of_its_order(sdk: DrivenClients, venue: CyclicVenue) -> None:
    before = wallets(sdk)
    placed = sdk.rest.create_order(
        "with-a-bracket",
        PRODUCT,
        "BUY",
        {"limit_limit_gtc": {"base_size": "0.2", "limit_price": "49500", "post_only": False}},
        attached_order_configuration={"trigger_bracket_gtc": {"limit_price": "55000", "stop_trigger_price": "45000"}},
    )
    order = order_of(sdk, placed)
    assert order["attached_order_configuration"]["trigger_bracket_gtc"]["limit_price"] == "55000"
    venue.minutes()
    filled = again(sdk, order)
    assert filled["status"] == "FILLED"
    follower = sdk.rest.get_order(filled["attached_order_id"])["order"]
    assert (follower["status"], follower["order_type"], follower["side"]) == ("OPEN", "BRACKET", "SELL")
    assert follower["originating_order_id"] == order["order_id"]
    assert follower["order_configuration"]["trigger_bracket_gtc"]["base_size"] == "0.2"
    assert moved(before, wallets(sdk))["BTC"] == Wallet(NOTHING, Decimal("0.2"))
