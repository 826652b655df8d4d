"""Conformance: cancels, edits and previews through Coinbase's own SDK."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest

from simulation.cyclic_venue import CLOSE, MAKER, TAKER, CyclicVenue
from simulation.driven_clients import DrivenClients
from simulation.order_figures import Wallet, again, bracket, change_by, moved, order_of, stop_to_sell, wallets

pytestmark = [pytest.mark.conformance, pytest.mark.processes, pytest.mark.usefixtures("no_order_is_left_open")]

PRODUCT = "BTC-USD"


def test_a_canceled_order_gives_back_what_it_held(sdk: DrivenClients, venue: CyclicVenue) -> None:
    before = wallets(sdk)
    limit = {"client_order_id": "", "product_id": PRODUCT, "base_size": "0.1"}
    stop = {"stop_price": "45500", "stop_direction": "STOP_DIRECTION_STOP_DOWN"}
    end = venue.moment(hours=1)
    orders = [
        order_of(sdk, sdk.rest.limit_order_gtc_buy(**limit, limit_price="45000")),
        order_of(sdk, sdk.rest.limit_order_gtd_sell(**limit, limit_price="55000", end_time=end)),
        order_of(sdk, sdk.rest.stop_limit_order_gtc_sell(**limit, limit_price="45000", **stop)),
        order_of(sdk, sdk.rest.stop_limit_order_gtd_sell(**limit, limit_price="45000", **stop, end_time=end)),
        bracket(sdk, take="55000", stop="45000"),
    ]
    assert set(moved(before, wallets(sdk))) == {"USD", "BTC"}
    names = [order["order_id"] for order in orders]
    results = sdk.rest.cancel_orders(names)["results"]
    assert [(item["order_id"], item["success"]) for item in results] == [(name, True) for name in names]
    ended = [again(sdk, order) for order in orders]
    assert {order["status"] for order in ended} == {"CANCELLED"}
    assert {order["outstanding_hold_amount"] for order in ended} == {"0"}
    assert moved(before, wallets(sdk)) == {}


def test_what_cannot_be_canceled_is_told_order_by_order(sdk: DrivenClients) -> None:
    limit = {"client_order_id": "", "product_id": PRODUCT, "base_size": "0.1"}
    resting = order_of(sdk, sdk.rest.limit_order_gtc_buy(**limit, limit_price="45000"))
    filled = order_of(sdk, sdk.rest.market_order_buy(**limit))
    unknown = str(uuid.uuid4())
    results = sdk.rest.cancel_orders([resting["order_id"], filled["order_id"], unknown])["results"]
    assert [(item["success"], item["failure_reason"]) for item in results] == [
        (True, "UNKNOWN_CANCEL_FAILURE_REASON"),
        (False, "ORDER_IS_FULLY_FILLED"),
        (False, "UNKNOWN_CANCEL_ORDER"),
    ]
    (again_,) = sdk.rest.cancel_orders([resting["order_id"]])["results"]
    assert again_["failure_reason"] in ("UNKNOWN_CANCEL_ORDER", "DUPLICATE_CANCEL_REQUEST")


def test_an_edited_order_has_its_new_price_size_and_hold(sdk: DrivenClients, venue: CyclicVenue) -> None:
    before = wallets(sdk)
    placed = sdk.rest.limit_order_gtc_buy(client_order_id="", product_id=PRODUCT, base_size="0.1", limit_price="45000")
    order = order_of(sdk, placed)
    preview = sdk.rest.preview_edit_order(order["order_id"], size="0.2", price="49500")
    assert (preview["errors"], Decimal(preview["base_size"])) == ([], Decimal("0.2"))
    assert again(sdk, order) == order
    edited = sdk.rest.edit_order(order["order_id"], size="0.2", price="49500")
    assert (edited["success"], edited["errors"]) == (True, [])
    changed = again(sdk, order)
    assert (changed["status"], changed["client_order_id"]) == ("OPEN", order["client_order_id"])
    configuration = changed["order_configuration"]["limit_limit_gtc"]
    assert (configuration["base_size"], configuration["limit_price"]) == ("0.2", "49500")
    # The oldest price and size are the ones that it was placed with.
    assert changed["edit_history"] != []
    assert Decimal(9900) * (1 + MAKER) <= moved(before, wallets(sdk))["USD"].hold <= Decimal(9900) * (1 + TAKER)
    venue.minutes()
    filled = again(sdk, order)
    assert (filled["status"], filled["filled_size"], filled["average_filled_price"]) == ("FILLED", "0.2", "49500")
    assert moved(before, wallets(sdk)) == change_by(filled)


def test_a_stop_can_be_edited(sdk: DrivenClients) -> None:
    order = stop_to_sell(sdk, limit="44000", stop="45000")
    before = wallets(sdk)
    assert sdk.rest.edit_order(order["order_id"], size="0.1", price="43000")["success"]
    configuration = again(sdk, order)["order_configuration"]["stop_limit_stop_limit_gtc"]
    assert (configuration["base_size"], configuration["limit_price"], configuration["stop_price"]) == (
        "0.1",
        "43000",
        "45000",
    )
    assert moved(before, wallets(sdk)) == {"BTC": Wallet(Decimal("0.1"), Decimal("-0.1"))}


def test_edits_that_cannot_be_are_refused_by_their_reasons(sdk: DrivenClients, venue: CyclicVenue) -> None:
    limit = {"client_order_id": "", "product_id": PRODUCT, "base_size": "0.1"}
    filled = order_of(sdk, sdk.rest.market_order_buy(**limit))
    dated = order_of(sdk, sdk.rest.limit_order_gtd_buy(**limit, limit_price="45000", end_time=venue.moment(hours=1)))
    resting = order_of(sdk, sdk.rest.limit_order_gtc_buy(**limit, limit_price="45000"))
    asked = {
        "unknown": (str(uuid.uuid4()), "0.2", "46000"),
        "filled": (filled["order_id"], "0.2", "46000"),
        "dated": (dated["order_id"], "0.2", "46000"),
        "the same": (resting["order_id"], "0.1", "45000"),
        "no size": (resting["order_id"], None, "46000"),
        "too fine": (resting["order_id"], "0.1", "46000.001"),
        "too dear": (resting["order_id"], "3000", "46000"),
    }
    before = again(sdk, resting)
    reasons = {}
    for case, (order_id, size, price) in asked.items():
        answer = sdk.rest.edit_order(order_id, size=size, price=price)
        assert not answer["success"], case
        (error,) = answer["errors"]
        said = [reason for reason in error.values() if not reason.startswith("UNKNOWN")]
        reasons[case] = said[0]
    assert reasons["unknown"] == "ORDER_NOT_FOUND"
    assert reasons["filled"] in (
        "ORDER_ALREADY_FILLED",
        "ONLY_LIMIT_ORDER_EDITS_SUPPORTED",
        "ONLY_OPEN_ORDERS_CAN_BE_EDITED",
    )
    assert reasons["the same"] == "EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST"
    assert reasons["no size"] in ("INVALID_EDITED_SIZE", "CANNOT_EDIT_TO_BELOW_FILLED_SIZE")
    assert "PRICE" in reasons["too fine"]
    assert "INSUFFICIENT_FUND" in reasons["too dear"]
    assert again(sdk, resting) == before


def test_a_preview_says_what_the_order_then_costs_and_places_nothing(sdk: DrivenClients) -> None:
    before, listed = wallets(sdk), sdk.rest.list_orders(limit=1)["orders"]
    preview = sdk.rest.preview_market_order_buy(product_id=PRODUCT, base_size="0.1")
    assert (preview["errs"], preview["best_ask"]) == ([], str(CLOSE))
    assert (wallets(sdk), sdk.rest.list_orders(limit=1)["orders"]) == (before, listed)
    order = order_of(sdk, sdk.rest.market_order_buy(client_order_id="", product_id=PRODUCT, base_size="0.1"))
    assert Decimal(preview["commission_total"]) == pytest.approx(Decimal(order["total_fees"]), abs=Decimal("0.01"))
    assert Decimal(preview["order_total"]) == pytest.approx(
        Decimal(order["total_value_after_fees"]), abs=Decimal("0.01")
    )


def test_a_preview_says_why_an_order_would_be_refused(sdk: DrivenClients) -> None:
    preview = sdk.rest.preview_limit_order_gtc_sell(product_id=PRODUCT, base_size="3000", limit_price="50500")
    assert preview["errs"] == ["PREVIEW_INSUFFICIENT_FUND"]
    preview = sdk.rest.preview_market_order_buy(product_id=PRODUCT, quote_size="10.001")
    assert preview["errs"] == ["PREVIEW_INVALID_QUOTE_SIZE_PRECISION"]
    preview = sdk.rest.preview_limit_order_gtc_buy(
        product_id=PRODUCT, base_size="0.1", limit_price="50500", post_only=True
    )
    assert preview["errs"] == ["PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY"]
