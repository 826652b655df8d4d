"""Conformance: orders of every kind through Coinbase's own SDK, from placing them to what they leave in the account.

The market swings from 50,000 to 49,000 to 51,000 and back every minute, and stands still in between.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from simulation.driven_clients import DrivenClients
from simulation.seesaw_venue import CLOSE, LEVEL, LOW, MAKER, TAKER, VOLUME, SeesawVenue
from simulation.wallets import Wallet, moved, order_of, wallets

pytestmark = [pytest.mark.conformance, pytest.mark.processes]

PRODUCT = "BTC-USD"
NOTHING = Decimal(0)


@pytest.fixture(autouse=True)
def no_order_is_left_open(sdk: DrivenClients) -> Iterator[None]:
    """What rests after a test is canceled, so that tests do not fill each other's orders."""
    yield
    left = [order["order_id"] for order in sdk.rest.list_orders(order_status=["OPEN"])["orders"]]
    if left:
        sdk.rest.cancel_orders(left)


def fills_of(sdk: DrivenClients, order: dict[str, Any]) -> list[dict[str, Any]]:
    fills: list[dict[str, Any]] = sdk.rest.get_fills(order_ids=[order["order_id"]])["fills"]
    return fills


def again(sdk: DrivenClients, order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = sdk.rest.get_order(order["order_id"])["order"]
    return found


def check_figures(sdk: DrivenClients, order: dict[str, Any], rate: Decimal) -> None:
    """Value, fee, average price and fills of an order agree with each other."""
    size, value, fees = (Decimal(order[name]) for name in ("filled_size", "filled_value", "total_fees"))
    assert fees == pytest.approx(value * rate, abs=Decimal("1e-9"))
    sign = 1 if order["side"] == "BUY" else -1
    assert Decimal(order["total_value_after_fees"]) == value + sign * fees
    assert Decimal(order["average_filled_price"]) == pytest.approx(value / size)
    fills = fills_of(sdk, order)
    assert len(fills) == int(order["number_of_fills"])
    assert len({fill["trade_id"] for fill in fills}) == len(fills)
    assert sum(Decimal(fill["commission"]) for fill in fills) == fees
    sizes = [
        Decimal(fill["size"]) / (Decimal(fill["price"]) if fill["size_in_quote"] else Decimal(1)) for fill in fills
    ]
    assert sum(sizes) == pytest.approx(size)
    assert {fill["liquidity_indicator"] for fill in fills} == {"MAKER" if rate == MAKER else "TAKER"}


def change_by(order: dict[str, Any]) -> dict[str, Wallet]:
    """How an order that is over has moved the account."""
    sign = 1 if order["side"] == "BUY" else -1
    return {
        "USD": Wallet(-sign * Decimal(order["total_value_after_fees"]), NOTHING),
        "BTC": Wallet(sign * Decimal(order["filled_size"]), NOTHING),
    }


def test_a_market_buy_by_quote_spends_that_much_fee_included(sdk: DrivenClients) -> None:
    before = wallets(sdk)
    name = str(uuid.uuid4())
    bought = sdk.rest.market_order_buy(client_order_id=name, product_id=PRODUCT, quote_size="1000")
    order = order_of(sdk, bought)
    assert (order["status"], order["settled"], order["client_order_id"]) == ("FILLED", True, name)
    assert (order["order_type"], order["time_in_force"], order["size_in_quote"]) == (
        "MARKET",
        "IMMEDIATE_OR_CANCEL",
        True,
    )
    assert Decimal(1000) >= Decimal(order["total_value_after_fees"]) > Decimal("999.99")
    assert (order["completion_percentage"], order["reject_reason"]) == ("100.00", "REJECT_REASON_UNSPECIFIED")
    assert all(fill["size_in_quote"] for fill in fills_of(sdk, order))
    check_figures(sdk, order, TAKER)
    assert moved(before, wallets(sdk)) == change_by(order)


def test_an_id_names_one_order_for_ever(sdk: DrivenClients) -> None:
    name = str(uuid.uuid4())
    bought = sdk.rest.market_order_buy(client_order_id=name, product_id=PRODUCT, quote_size="100")
    before = wallets(sdk)
    assert sdk.rest.market_order_buy(client_order_id=name, product_id=PRODUCT, quote_size="7") == bought
    assert moved(before, wallets(sdk)) == {}


def test_a_market_buy_and_a_market_sell_by_base(sdk: DrivenClients) -> None:
    for method in (sdk.rest.market_order_buy, sdk.rest.market_order_sell):
        before = wallets(sdk)
        order = order_of(sdk, method(client_order_id="", product_id=PRODUCT, base_size="0.25"))
        assert (order["status"], order["filled_size"], order["size_in_quote"]) == ("FILLED", "0.25", False)
        check_figures(sdk, order, TAKER)
        assert moved(before, wallets(sdk)) == change_by(order)


def test_the_wallet_that_pays_is_of_the_products_currency(sdk: DrivenClients) -> None:
    before = wallets(sdk)
    order = order_of(sdk, sdk.rest.market_order_buy(client_order_id="", product_id="BTC-USDC", quote_size="500"))
    assert order["product_id"] == "BTC-USDC"
    assert set(moved(before, wallets(sdk))) == {"USDC", "BTC"}


def test_a_market_order_larger_than_the_book_ends_with_a_part(sdk: DrivenClients, venue: SeesawVenue) -> None:
    before = wallets(sdk)
    order = order_of(sdk, sdk.rest.market_order_sell(client_order_id="", product_id=PRODUCT, base_size="400"))
    assert (order["status"], order["settled"]) == ("CANCELLED", False)
    assert NOTHING < Decimal(order["filled_size"]) < 400
    assert 0 < float(order["completion_percentage"]) < 100
    check_figures(sdk, order, TAKER)
    assert moved(before, wallets(sdk)) == change_by(order)
    venue.minutes()


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_limit_order_rests_with_its_money_on_hold_and_fills_as_maker(
    sdk: DrivenClients, venue: SeesawVenue, side: str
) -> None:
    before = wallets(sdk)
    price = "49500" if side == "buy" else "50500"
    place = getattr(sdk.rest, f"limit_order_gtc_{side}")
    order = order_of(sdk, place(client_order_id="", product_id=PRODUCT, base_size="0.1", limit_price=price))
    assert (order["status"], order["filled_size"], order["settled"]) == ("OPEN", "0", False)
    assert (order["order_type"], order["time_in_force"]) == ("LIMIT", "GOOD_UNTIL_CANCELLED")
    (currency, held), *others = moved(before, wallets(sdk)).items()
    assert (others, held.available) == ([], -held.hold)
    assert held.hold == Decimal(order["outstanding_hold_amount"])
    if side == "sell":
        assert (currency, held.hold) == ("BTC", Decimal("0.1"))
    else:
        assert currency == "USD"
        assert Decimal(4950) * (1 + MAKER) <= held.hold <= Decimal(4950) * (1 + TAKER)
    assert [item["order_id"] for item in sdk.rest.list_orders(order_status=["OPEN"])["orders"]] == [order["order_id"]]
    venue.minutes()
    filled = again(sdk, order)
    assert (filled["status"], filled["settled"], filled["filled_size"]) == ("FILLED", True, "0.1")
    assert (filled["average_filled_price"], filled["outstanding_hold_amount"]) == (price, "0")
    check_figures(sdk, filled, MAKER)
    assert moved(before, wallets(sdk)) == change_by(filled)
    assert sdk.rest.list_orders(order_status=["OPEN"])["orders"] == []


def test_a_limit_order_that_crosses_takes_at_the_books_price(sdk: DrivenClients) -> None:
    before = wallets(sdk)
    placed = sdk.rest.limit_order_gtc_buy(client_order_id="", product_id=PRODUCT, base_size="0.1", limit_price="50200")
    order = order_of(sdk, placed)
    assert (order["status"], Decimal(order["average_filled_price"])) == ("FILLED", CLOSE)
    check_figures(sdk, order, TAKER)
    assert moved(before, wallets(sdk)) == change_by(order)


def test_an_order_at_the_lowest_price_waits_behind_others_and_fills_in_parts(
    sdk: DrivenClients, venue: SeesawVenue
) -> None:
    before = wallets(sdk)
    placed = sdk.rest.limit_order_gtc_buy(client_order_id="", product_id=PRODUCT, base_size="90", limit_price=str(LOW))
    order = order_of(sdk, placed)
    venue.minutes()
    partly = again(sdk, order)
    # One print of the minute is at the price; those who were there before are served first.
    assert Decimal(partly["filled_size"]) == VOLUME / 12 - LEVEL
    venue.minutes()
    partly = again(sdk, order)
    assert Decimal(partly["filled_size"]) == VOLUME / 12 * 2 - LEVEL
    assert (partly["status"], partly["settled"]) == ("OPEN", False)
    check_figures(sdk, partly, MAKER)
    left = Decimal(90) - Decimal(partly["filled_size"])
    assert float(partly["completion_percentage"]) == pytest.approx(100 * float(partly["filled_size"]) / 90, abs=0.01)
    change = moved(before, wallets(sdk))
    assert change["BTC"] == Wallet(Decimal(partly["filled_size"]), NOTHING)
    assert change["USD"].hold == Decimal(partly["outstanding_hold_amount"])
    assert left * LOW * (1 + MAKER) <= change["USD"].hold <= left * LOW * (1 + TAKER)
    assert change["USD"].total == -Decimal(partly["total_value_after_fees"])
    (result,) = sdk.rest.cancel_orders([order["order_id"]])["results"]
    assert result["success"]
    ended = again(sdk, order)
    assert (ended["status"], ended["filled_size"]) == ("CANCELLED", partly["filled_size"])
    assert moved(before, wallets(sdk)) == change_by(ended)


def test_an_order_with_an_end_expires_and_gives_its_money_back(sdk: DrivenClients, venue: SeesawVenue) -> None:
    before = wallets(sdk)
    placed = sdk.rest.limit_order_gtd_sell(
        client_order_id="",
        product_id=PRODUCT,
        base_size="0.1",
        limit_price="55000",
        end_time=venue.moment(seconds=90),
    )
    order = order_of(sdk, placed)
    assert (order["status"], order["time_in_force"]) == ("OPEN", "GOOD_UNTIL_DATE_TIME")
    venue.minutes()
    assert again(sdk, order)["status"] == "OPEN"
    assert moved(before, wallets(sdk)) == {"BTC": Wallet(Decimal("-0.1"), Decimal("0.1"))}
    venue.minutes()
    ended = again(sdk, order)
    assert (ended["status"], ended["filled_size"], ended["outstanding_hold_amount"]) == ("EXPIRED", "0", "0")
    assert moved(before, wallets(sdk)) == {}


def test_an_order_with_an_end_fills_before_it(sdk: DrivenClients, venue: SeesawVenue) -> None:
    placed = sdk.rest.limit_order_gtd_buy(
        client_order_id="", product_id=PRODUCT, base_size="0.1", limit_price="49500", end_time=venue.moment(hours=1)
    )
    order = order_of(sdk, placed)
    venue.minutes()
    assert again(sdk, order)["status"] == "FILLED"


@pytest.mark.parametrize(
    ("size", "price", "status"),
    [("0.1", "50010", "FILLED"), ("15", "50000", "CANCELLED"), ("0.1", "49900", "CANCELLED")],
)
def test_an_immediate_order_takes_what_is_there_and_ends(
    sdk: DrivenClients, size: str, price: str, status: str
) -> None:
    before = wallets(sdk)
    placed = sdk.rest.limit_order_ioc_buy(client_order_id="", product_id=PRODUCT, base_size=size, limit_price=price)
    order = order_of(sdk, placed)
    assert (order["status"], order["time_in_force"]) == (status, "IMMEDIATE_OR_CANCEL")
    filled = Decimal(order["filled_size"])
    assert filled == {"0.1": Decimal("0.1") if status == "FILLED" else NOTHING, "15": Decimal(10)}[size]
    assert order["settled"] is (status == "FILLED")
    if filled:
        check_figures(sdk, order, TAKER)
    changed = {currency: change for currency, change in change_by(order).items() if any(change)}
    assert moved(before, wallets(sdk)) == changed


def test_all_or_nothing_is_all(sdk: DrivenClients) -> None:
    before = wallets(sdk)
    placed = sdk.rest.limit_order_fok_buy(
        client_order_id="", product_id=PRODUCT, base_size="15", limit_price="50000.05"
    )
    order = order_of(sdk, placed)
    assert (order["status"], order["filled_size"], order["time_in_force"]) == ("FILLED", "15", "FILL_OR_KILL")
    assert int(order["number_of_fills"]) == 2
    check_figures(sdk, order, TAKER)
    assert moved(before, wallets(sdk)) == change_by(order)


def test_a_post_only_order_rests(sdk: DrivenClients, venue: SeesawVenue) -> None:
    placed = sdk.rest.limit_order_gtc_buy(
        client_order_id="", product_id=PRODUCT, base_size="0.1", limit_price="49999.99", post_only=True
    )
    order = order_of(sdk, placed)
    assert order["status"] == "OPEN"
    assert order["order_configuration"]["limit_limit_gtc"]["post_only"] is True
    venue.minutes()
    filled = again(sdk, order)
    assert filled["status"] == "FILLED"
    check_figures(sdk, filled, MAKER)


def test_a_stop_holds_its_base_waits_for_its_price_and_then_takes(sdk: DrivenClients, venue: SeesawVenue) -> None:
    before = wallets(sdk)
    placed = sdk.rest.stop_limit_order_gtc_sell(
        client_order_id="",
        product_id=PRODUCT,
        base_size="0.2",
        limit_price="49000",
        stop_price="49600",
        stop_direction="STOP_DIRECTION_STOP_DOWN",
    )
    order = order_of(sdk, placed)
    assert (order["status"], order["order_type"], order["trigger_status"]) == ("OPEN", "STOP_LIMIT", "STOP_PENDING")
    assert moved(before, wallets(sdk)) == {"BTC": Wallet(Decimal("-0.2"), Decimal("0.2"))}
    venue.minutes()
    filled = again(sdk, order)
    assert (filled["status"], filled["trigger_status"], filled["filled_size"]) == ("FILLED", "STOP_TRIGGERED", "0.2")
    assert 49000 <= Decimal(filled["average_filled_price"]) <= 49600
    assert moved(before, wallets(sdk)) == change_by(filled)


def test_a_stop_whose_price_is_not_reached_rests_until_its_end(sdk: DrivenClients, venue: SeesawVenue) -> None:
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


def bracket(sdk: DrivenClients, take: str, stop: str) -> dict[str, Any]:
    placed = sdk.rest.trigger_bracket_order_gtc_sell(
        client_order_id="", product_id=PRODUCT, base_size="0.2", limit_price=take, stop_trigger_price=stop
    )
    return order_of(sdk, placed)


def test_a_bracket_takes_its_profit(sdk: DrivenClients, venue: SeesawVenue) -> None:
    before = wallets(sdk)
    order = bracket(sdk, take="50600", stop="45000")
    assert (order["status"], order["order_type"]) == ("OPEN", "BRACKET")
    assert moved(before, wallets(sdk)) == {"BTC": Wallet(Decimal("-0.2"), Decimal("0.2"))}
    venue.minutes()
    filled = again(sdk, order)
    assert (filled["status"], filled["filled_size"]) == ("FILLED", "0.2")
    assert Decimal(filled["average_filled_price"]) >= 50600
    assert moved(before, wallets(sdk)) == change_by(filled)


def test_a_bracket_stops_its_loss(sdk: DrivenClients, venue: SeesawVenue) -> None:
    before = wallets(sdk)
    order = bracket(sdk, take="52000", stop="49600")
    venue.minutes()
    filled = again(sdk, order)
    assert (filled["status"], filled["filled_size"], filled["trigger_status"]) == ("FILLED", "0.2", "STOP_TRIGGERED")
    assert 49000 <= Decimal(filled["average_filled_price"]) <= 49600
    assert moved(before, wallets(sdk)) == change_by(filled)


def test_a_canceled_order_gives_back_what_it_held(sdk: DrivenClients, venue: SeesawVenue) -> None:
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


def test_an_edited_order_has_its_new_price_size_and_hold(sdk: DrivenClients, venue: SeesawVenue) -> None:
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
    placed = sdk.rest.stop_limit_order_gtc_sell(
        client_order_id="",
        product_id=PRODUCT,
        base_size="0.2",
        limit_price="44000",
        stop_price="45000",
        stop_direction="STOP_DIRECTION_STOP_DOWN",
    )
    order = order_of(sdk, placed)
    before = wallets(sdk)
    assert sdk.rest.edit_order(order["order_id"], size="0.1", price="43000")["success"]
    configuration = again(sdk, order)["order_configuration"]["stop_limit_stop_limit_gtc"]
    assert (configuration["base_size"], configuration["limit_price"], configuration["stop_price"]) == (
        "0.1",
        "43000",
        "45000",
    )
    assert moved(before, wallets(sdk)) == {"BTC": Wallet(Decimal("0.1"), Decimal("-0.1"))}


def test_edits_that_cannot_be_are_refused_by_their_reasons(sdk: DrivenClients, venue: SeesawVenue) -> None:
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


def test_listings_are_filtered_by_what_is_asked(sdk: DrivenClients, venue: SeesawVenue) -> None:
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


def test_listings_come_in_pages_without_gaps_or_repeats(sdk: DrivenClients) -> None:
    for _ in range(5):
        sdk.rest.market_order_buy(client_order_id="", product_id=PRODUCT, quote_size="10")
    whole = sdk.rest.list_orders(limit=5)["orders"]
    seen: list[str] = []
    cursor = None
    while len(seen) < 5:
        page = sdk.rest.list_orders(limit=2, cursor=cursor)
        assert page["has_next"] or len(seen) + len(page["orders"]) >= 5
        seen += [order["order_id"] for order in page["orders"]]
        cursor = page["cursor"]
    assert seen[:5] == [order["order_id"] for order in whole]
    fills: list[str] = []
    cursor = None
    while len(fills) < 5:
        answer = sdk.rest.get_fills(limit=2, cursor=cursor)
        fills += [fill["trade_id"] for fill in answer["fills"]]
        cursor = answer["cursor"]
    assert fills[:5] == [fill["trade_id"] for fill in sdk.rest.get_fills(limit=5)["fills"]]
    assert len(set(fills)) == len(fills)


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
