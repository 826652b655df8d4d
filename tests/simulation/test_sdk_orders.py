"""Conformance: market and limit orders of every time in force through Coinbase's own SDK, and what becomes of balances.

Every minute the market falls from 50,000 to 49,000, rises to 51,000 and comes back; in between it stands still.
"""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest

from simulation.cyclic_venue import CLOSE, LEVEL, LOW, MAKER, OTHERS, TAKER, VOLUME, CyclicVenue
from simulation.driven_clients import DrivenClients
from simulation.order_figures import Wallet, again, change_by, check_figures, moved, order_of, wallets

pytestmark = [pytest.mark.conformance, pytest.mark.processes, pytest.mark.usefixtures("no_order_is_left_open")]

PRODUCT = "BTC-USD"
NOTHING = Decimal(0)


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
    assert all(fill["size_in_quote"] for fill in sdk.rest.get_fills(order_ids=[order["order_id"]])["fills"])
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


def test_a_market_order_larger_than_the_book_ends_with_a_part(sdk: DrivenClients, venue: CyclicVenue) -> None:
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
    sdk: DrivenClients, venue: CyclicVenue, side: str
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
    sdk: DrivenClients, venue: CyclicVenue
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


def test_an_order_with_an_end_expires_and_gives_its_money_back(sdk: DrivenClients, venue: CyclicVenue) -> None:
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


def test_an_order_with_an_end_fills_before_it(sdk: DrivenClients, venue: CyclicVenue) -> None:
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


def test_a_post_only_order_rests(sdk: DrivenClients, venue: CyclicVenue) -> None:
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


def test_a_limit_order_by_quote_size(sdk: DrivenClients) -> None:
    before = wallets(sdk)
    configuration = {"limit_limit_gtc": {"quote_size": "500", "limit_price": "50000", "post_only": False}}
    order = order_of(sdk, sdk.rest.create_order("by-quote", PRODUCT, "BUY", configuration))
    assert (order["status"], order["size_in_quote"]) == ("FILLED", True)
    assert Decimal(490) < Decimal(order["filled_value"]) <= 500
    assert moved(before, wallets(sdk)) == change_by(order)


@pytest.mark.parametrize("product_id", OTHERS)
def test_other_products_trade_in_books_of_their_own(sdk: DrivenClients, product_id: str) -> None:
    product = sdk.rest.get_product(product_id)
    base, quote = product_id.split("-")
    before = wallets(sdk)
    order = order_of(sdk, sdk.rest.market_order_buy(client_order_id="", product_id=product_id, quote_size="200"))
    assert (order["product_id"], order["status"]) == (product_id, "FILLED")
    assert Decimal(order["average_filled_price"]) == pytest.approx(Decimal(product["price"]), rel=Decimal("0.001"))
    assert set(moved(before, wallets(sdk))) == {base, quote}
    increment = Decimal(product["price_increment"])
    bid = Decimal(sdk.rest.get_best_bid_ask([product_id])["pricebooks"][0]["bids"][0]["price"])
    placed = sdk.rest.limit_order_gtc_sell(
        client_order_id="",
        product_id=product_id,
        base_size=order["filled_size"],
        limit_price=str(bid * 2 // increment * increment),
    )
    resting = order_of(sdk, placed)
    assert resting["status"] == "OPEN"
    assert [
        item["order_id"] for item in sdk.rest.list_orders(product_ids=[product_id], order_status=["OPEN"])["orders"]
    ] == [resting["order_id"]]
