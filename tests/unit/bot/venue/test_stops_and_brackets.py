"""Stop-limit orders and brackets: when they trigger, what they become, what they hold."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Side
from cbbot.domain.timestamps import rfc3339_ms
from cbbot.venue.exchange import Delays
from cbbot.venue.order_book import BookShape
from cbbot.venue.refusals import Reason
from cbbot.venue.venue_fill import Liquidity
from cbbot.venue.venue_order import Order, OrderRequest, OrderStatus, TriggerStatus
from cbbot.venue.wire import decimal_text
from exchange_cases import CENT, Market, bracket, hold, legs, limit, market, refusal, stop


def test_a_stop_waits_for_a_trade_at_its_price_and_then_takes_what_its_limit_allows() -> None:
    case = Market()
    order = case.place(stop("a", "SELL", 150 * CENT, 9_900, 9_899, up=False))
    assert (order.status, order.trigger_status) == (OrderStatus.OPEN, TriggerStatus.PENDING)
    assert case.wallet("BTC") == (Decimal("8.5"), Decimal("1.5"))
    case.print(9_901, 1)
    assert case.now(order).trigger_status is TriggerStatus.PENDING
    case.print(9_900, 1)
    filled = case.now(order)
    assert (filled.status, filled.trigger_status) == (OrderStatus.FILLED, TriggerStatus.TRIGGERED)
    assert [fill.trade.price for fill in case.exchange.fills(case.now_ms)] == [9_899, 9_900]
    assert {fill.liquidity for fill in case.exchange.fills(case.now_ms)} == {Liquidity.TAKER}


def test_a_stop_that_the_price_jumps_over_rests_at_its_limit() -> None:
    case = Market()
    order = case.place(stop("a", "SELL", CENT * 2, 9_900, 9_890, up=False))
    case.print(9_800, 1)
    assert (case.now(order).base, case.now(order).trigger_status) == (0, TriggerStatus.TRIGGERED)
    case.print(9_890, 100 * CENT)  # those before us
    assert case.now(order).base == 0
    case.print(9_890, 5 * CENT)
    assert case.now(order).status is OrderStatus.FILLED
    assert case.now(order).value == 2 * CENT * 9_890


def test_a_buy_stop_holds_its_limit_and_triggers_upwards() -> None:
    case = Market()
    order = case.place(stop("a", "BUY", 100 * CENT, 10_100, 10_200, up=True))
    assert hold(order) == 102 * Decimal("1.01")
    case.print(10_099, 1)
    case.print(10_150, 1)
    assert case.now(order).status is OrderStatus.FILLED
    assert case.now(order).value == 100 * CENT * 10_151


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (stop("a", "SELL", 2 * CENT, 10_000, 9_900, up=False), Reason.STOP_ABOVE_LAST),
        (stop("a", "BUY", 2 * CENT, 10_000, 10_100, up=True), Reason.STOP_BELOW_LAST),
        (stop("a", "SELL", 2 * CENT, 9_900, 9_901, up=False), Reason.STOP_BELOW_LIMIT),
        (stop("a", "BUY", 2 * CENT, 10_100, 10_099, up=True), Reason.STOP_ABOVE_LIMIT),
        (stop("a", "BUY", 2 * CENT, "100.001", 10_099, up=True), Reason.STOP_PRICE_PRECISION),
        (stop("a", "BUY", 2 * CENT, "0", 10_099, up=True), Reason.STOP_PRICE),
        (stop("a", "BUY", 2 * CENT, "x", 10_099, up=True), Reason.STOP_PRICE),
        (stop("a", "BUY", 2 * CENT, 10_100, 10_100, up=True, stop_direction="UP"), Reason.INVALID_CONFIGURATION),
        (stop("a", "BUY", 2 * CENT, 10_100, 10_100, up=True, end_time="x"), Reason.END_TIME),
        (bracket("a", 2 * CENT, 11_000, 9_000, side="BUY"), Reason.BRACKET_SIDE),
        (bracket("a", 2 * CENT, 9_000, 9_500), Reason.BRACKET_PRICES),
        (bracket("a", 2 * CENT, 10_000, 9_500), Reason.BRACKET_LIMIT),
        (bracket("a", 2 * CENT, 11_000, 10_000), Reason.BRACKET_STOP),
        (bracket("a", 2 * CENT, 11_000, 9_000, quote_size="5"), Reason.BRACKET_IN_QUOTE),
        (bracket("a", 1001 * CENT, 11_000, 9_000), Reason.INSUFFICIENT_FUND),
    ],
)
def test_a_stop_or_bracket_that_is_wrong_is_refused(request_: OrderRequest, reason: Reason) -> None:
    assert refusal(Market(), request_) is reason


def test_a_bracket_holds_its_base_once_and_its_take_ends_the_stop() -> None:
    case = Market()
    order = case.place(bracket("a", 200 * CENT, 10_500, 9_500))
    assert case.wallet("BTC") == (Decimal(8), Decimal(2))
    case.print(10_501, 1)
    filled = case.now(order)
    assert (filled.status, filled.value, filled.trigger_status) == (
        OrderStatus.FILLED,
        200 * CENT * 10_500,
        TriggerStatus.PENDING,
    )
    case.print(9_000, 1)
    assert case.now(order) == filled
    assert case.wallet("BTC") == (Decimal(8), 0)
    assert not case.exchange.has_open_orders("BTC-USD")


def test_the_stop_of_a_bracket_sells_down_to_five_percent_below_it_and_ends_the_take() -> None:
    case = Market(shape=BookShape(levels=20, level_size=CENT))
    order = case.place(bracket("a", 200 * CENT, 10_500, 9_501))
    case.print(9_400, 1)
    stopped = case.now(order)
    assert (stopped.trigger_status, stopped.base) == (TriggerStatus.TRIGGERED, 20 * CENT)
    assert stopped.working_limit == 9_026  # 9025.95, up to the tick
    case.print(9_027, 1)
    assert case.now(order).status is OrderStatus.FILLED
    assert case.now(order).value == CENT * sum(range(9_381, 9_401)) + 180 * CENT * 9_026
    case.print(11_000, 1)
    assert case.now(order).base == 200 * CENT


def test_a_bracket_that_fell_below_its_stop_limit_is_not_filled() -> None:
    case = Market()
    order = case.place(bracket("a", 100 * CENT, 10_500, 9_500))
    case.print(9_000, 1)
    assert (case.now(order).base, case.now(order).status) == (0, OrderStatus.OPEN)
    assert case.wallet("BTC") == (Decimal(9), Decimal(1))


def test_a_take_that_is_partly_filled_leaves_the_rest_to_the_stop() -> None:
    case = Market()
    order = case.place(bracket("a", 200 * CENT, 10_500, 9_500))
    case.print(10_500, 150 * CENT)  # 100 before us
    assert case.now(order).base == 50 * CENT
    case.print(9_500, 1)
    assert case.now(order).status is OrderStatus.FILLED
    assert case.now(order).value == CENT * (50 * 10_500 + 100 * 9_500 + 50 * 9_499)
    assert case.wallet("BTC") == (Decimal(8), 0)


def test_a_take_that_the_queue_filled_leaves_no_stop_behind() -> None:
    case = Market()
    order = case.place(bracket("a", 50 * CENT, 10_500, 9_500))
    case.print(10_500, 150 * CENT)
    filled = case.now(order)
    assert filled.status is OrderStatus.FILLED
    case.print(9_000, 1)
    assert case.now(order) == filled


def test_a_bracket_that_was_stopped_has_no_take_left_in_the_book() -> None:
    case = Market()
    order = case.place(bracket("a", 100 * CENT, 10_500, 9_500))
    case.print(9_000, 1)
    assert len(case.exchange.markets["BTC-USD"].sides[Side.SELL]) == 1
    case.print(10_501, 1)
    assert (case.now(order).fill_count, case.now(order).value) == (1, 100 * CENT * 9_025)


def test_a_stop_that_would_meet_an_order_of_ours_is_canceled_and_frees_its_hold() -> None:
    case = Market(delays=Delays(edit_ms=1_000))
    case.place(limit("a", "BUY", 2 * CENT, 9_500))
    order = case.place(stop("b", "SELL", 2 * CENT, 9_600, 9_400, up=False))
    assert case.exchange.edit(order.order_id, "94", "0.04", case.now_ms) is None
    assert hold(case.now(order)) == Decimal("0.04")
    case.exchange.set_shape("BTC-USD", BookShape(levels=0))
    case.print(9_600, 1)
    assert (case.now(order).status, case.now(order).hold) == (OrderStatus.CANCELLED, 0)
    assert case.wallet("BTC") == (10, 0)


def test_dated_stops_and_brackets_expire() -> None:
    case = Market()
    end = rfc3339_ms(case.now_ms + 100)
    orders = [
        case.place(stop("a", "SELL", 2 * CENT, 9_900, 9_800, up=False, end_time=end)),
        case.place(bracket("b", 2 * CENT, 10_500, 9_500, end_time=end)),
    ]
    case.wait(100)
    assert [case.now(order).status for order in orders] == [OrderStatus.EXPIRED] * 2
    case.print(9_000, 1)
    assert [case.now(order).base for order in orders] == [0, 0]
    assert case.wallet("BTC") == (Decimal(10), 0)


def child(case: Market, parent: Order) -> Order:
    found = case.exchange.order(case.now(parent).attached_order_id, case.now_ms)
    assert found is not None
    return found


def test_a_bracket_follows_a_market_order_for_what_it_filled() -> None:
    case = Market(wallets={"BTC": "0"})
    parent = case.place(market("a", "BUY", attached=legs(11_000, 9_000), quote_size="100"))
    followed = child(case, parent)
    assert (followed.size, followed.limit, followed.stop) == (parent.base, 11_000, 9_000)
    assert (followed.originating_order_id, followed.status) == (parent.order_id, OrderStatus.OPEN)
    assert case.wallet("BTC") == (0, parent.base * BTC_USD.base_increment)
    assert followed.configuration["trigger_bracket_gtc"]["base_size"] == decimal_text(
        followed.size * BTC_USD.base_increment
    )
    case.print(8_990, 1)
    assert child(case, parent).status is OrderStatus.FILLED


def test_a_bracket_follows_a_limit_order_when_that_has_filled_or_was_canceled_half_way() -> None:
    case = Market(wallets={"BTC": "0"})
    parent = case.place(limit("a", "BUY", 150 * CENT, 10_001, attached=legs(11_000, 9_000)))
    assert (parent.base, parent.attached_order_id) == (100 * CENT, "")
    case.exchange.cancel(parent.order_id, case.now_ms)
    assert child(case, parent).size == 100 * CENT


def test_a_bracket_waits_for_its_base_to_be_posted_and_fails_when_it_is_gone() -> None:
    case = Market(wallets={"BTC": "0"}, delays=Delays(post_ms=100))
    parent = case.place(market("a", "BUY", attached=legs(11_000, 9_000), quote_size="100"))
    assert case.now(parent).attached_order_id == ""
    case.wait(100)
    assert child(case, parent).status is OrderStatus.OPEN
    half = case.place(limit("b", "BUY", 150 * CENT, 10_001, attached=legs(11_000, 9_000)))
    case.wait(100)
    other = case.exchange.create_portfolio("other", case.now_ms)
    case.exchange.move_funds("BTC", Decimal("0.5"), case.exchange.default_portfolio, other.uuid, case.now_ms)
    case.exchange.cancel(half.order_id, case.now_ms)
    failed = child(case, half)
    assert (failed.status, failed.hold) == (OrderStatus.FAILED, 0)
    assert failed.reject_message == "Insufficient balance in source account"


def test_a_bracket_whose_stop_was_passed_meanwhile_sells_at_once() -> None:
    case = Market(wallets={"BTC": "0"}, delays=Delays(post_ms=100))
    parent = case.place(market("a", "BUY", attached=legs(11_000, 9_900), base_size="0.5"))
    case.wait(10)
    case.print(9_800, 1)
    case.wait(100)
    sold = child(case, parent)
    assert (sold.status, sold.trigger_status) == (OrderStatus.FILLED, TriggerStatus.TRIGGERED)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (market("a", "BUY", attached={"trigger_bracket_gtc": {"limit_price": "110"}}, quote_size="10"), "leg"),
        (market("a", "BUY", attached={"trigger_bracket_gtc": {"stop_trigger_price": "90"}}, quote_size="10"), "leg"),
        (market("a", "SELL", attached=legs(11_000, 9_000), base_size="0.1"), Reason.ATTACHED_SIDE),
        (market("a", "BUY", attached=legs(9_900, 9_000), quote_size="10"), Reason.ATTACHED_TAKE),
        (market("a", "BUY", attached=legs(11_000, 10_000), quote_size="10"), Reason.ATTACHED_STOP),
        (market("a", "BUY", attached={"limit_limit_gtc": {}}, quote_size="10"), Reason.ATTACHED_KIND),
        (market("a", "BUY", attached=legs("110.001", 9_000), quote_size="10"), Reason.LIMIT_PRICE_PRECISION),
        (market("a", "BUY", attached=legs("x", 9_000), quote_size="10"), Reason.NON_NUMERIC),
    ],
)
def test_an_attached_bracket_that_is_wrong_refuses_the_order(request_: OrderRequest, reason: Reason | str) -> None:
    expected = Reason.ATTACHED_LEG_MISSING if reason == "leg" else reason
    case = Market()
    assert refusal(case, request_) is expected
    assert Reason.ATTACHED_LEG_MISSING.value.error == "SINGLE_LEGGED_TPSL_NOT_ALLOWED"


def test_stops_and_brackets_take_no_attached_bracket() -> None:
    case = Market()
    request = replace(stop("a", "BUY", 2 * CENT, 10_100, 10_200, up=True), attached=legs(11_000, 9_000))
    assert refusal(case, request) is Reason.ATTACHED_KIND
