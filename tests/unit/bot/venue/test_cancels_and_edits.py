"""Canceling and editing: what is accepted, what it does to queue and hold, and what may cross it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cbbot.venue.amend_refusals import CancelFailure, EditFailure
from cbbot.venue.exchange import Delays
from cbbot.venue.product import Gate
from cbbot.venue.records import order_record
from cbbot.venue.venue_order import OrderStatus, TriggerStatus
from exchange_cases import BTC, CENT, Market, bracket, hold, limit, market, stop


def test_a_cancel_ends_an_order_with_what_it_got_and_frees_its_hold() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", 150 * CENT, 10_001))
    assert case.exchange.cancel(order.order_id, case.now_ms) is None
    ended = case.now(order)
    assert (ended.status, ended.base, ended.hold) == (OrderStatus.CANCELLED, 100 * CENT, 0)
    case.print(9_000, 1)
    assert case.now(order) == ended
    assert case.wallet("USD") == (1000 - Decimal("100.01") * Decimal("1.01"), 0)


def test_a_cancel_of_a_stop_or_bracket_leaves_nothing_to_trigger() -> None:
    case = Market()
    orders = [
        case.place(stop("a", "SELL", 2 * CENT, 9_900, 9_800, up=False)),
        case.place(bracket("b", 2 * CENT, 10_500, 9_500)),
    ]
    for order in orders:
        assert case.exchange.cancel(order.order_id, case.now_ms) is None
    assert not case.exchange.has_open_orders("BTC-USD")
    case.print(9_000, 1)
    assert {case.now(order).trigger_status for order in orders} == {TriggerStatus.PENDING}


def test_a_cancel_that_cannot_be_says_why() -> None:
    case = Market()
    filled = case.place(market("a", "BUY", quote_size="10"))
    canceled = case.place(limit("b", "BUY", CENT, 10_000))
    cancel = case.exchange.cancel
    assert cancel("nobody", case.now_ms) is CancelFailure.UNKNOWN_ORDER
    assert cancel(filled.order_id, case.now_ms) is CancelFailure.FULLY_FILLED
    assert cancel(canceled.order_id, case.now_ms) is None
    assert cancel(canceled.order_id, case.now_ms) is CancelFailure.UNKNOWN_ORDER
    other = case.exchange.create_portfolio("other", case.now_ms)
    order = case.place(limit("c", "BUY", CENT, 10_000))
    assert cancel(order.order_id, case.now_ms, other.uuid) is CancelFailure.UNKNOWN_ORDER
    case.exchange.set_gates("BTC-USD", [Gate.IS_DISABLED])
    assert cancel(order.order_id, case.now_ms) is CancelFailure.NOT_ALLOWED
    case.exchange.set_gates("BTC-USD", [Gate.CANCEL_ONLY, Gate.TRADING_DISABLED])
    assert cancel(order.order_id, case.now_ms) is None


def test_a_fill_may_cross_a_cancel_that_takes_time() -> None:
    case = Market(delays=Delays(cancel_ms=100))
    part = case.place(limit("a", "BUY", 200 * CENT, 10_000))
    whole = case.place(limit("b", "SELL", 200 * CENT, 10_100))
    for order in (part, whole):
        assert case.exchange.cancel(order.order_id, case.now_ms) is None
        assert case.now(order).status is OrderStatus.CANCEL_QUEUED
        assert order_record(case.now(order), BTC.instrument, "me", case.now_ms)["pending_cancel"] is True
        assert case.exchange.cancel(order.order_id, case.now_ms) is CancelFailure.DUPLICATE_REQUEST
    case.wait(50)
    case.print(10_000, 130 * CENT)
    case.print(10_101, 1)
    assert case.now(part).base == 30 * CENT
    assert case.now(whole).status is OrderStatus.FILLED
    case.wait(50)
    assert (case.now(part).status, case.now(part).base, case.now(part).hold) == (
        OrderStatus.CANCELLED,
        30 * CENT,
        0,
    )
    assert case.exchange.cancel(whole.order_id, case.now_ms) is CancelFailure.FULLY_FILLED


def test_less_size_at_the_same_price_keeps_the_place_in_the_queue() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", 50 * CENT, 10_000))
    case.print(10_000, 100 * CENT)
    assert case.exchange.edit(order.order_id, "100", "0.3", case.now_ms) is None
    edited = case.now(order)
    assert (edited.status, edited.size, hold(edited)) == (OrderStatus.OPEN, 30 * CENT, Decimal("30.3"))
    case.print(10_000, 30 * CENT)
    assert case.now(order).status is OrderStatus.FILLED


@pytest.mark.parametrize(("price", "size", "held"), [("100", "0.6", "60.6"), ("99.99", "0.5", "50.49495")])
def test_more_size_or_another_price_goes_to_the_end_of_the_queue(price: str, size: str, held: str) -> None:
    case = Market()
    order = case.place(limit("a", "BUY", 50 * CENT, 10_000))
    case.print(10_000, 100 * CENT)
    assert case.exchange.edit(order.order_id, price, size, case.now_ms) is None
    edited = case.now(order)
    assert hold(edited) == Decimal(held)
    case.print(edited.limit, 100 * CENT)
    assert case.now(order).base == 0
    record = order_record(edited, BTC.instrument, "me", case.now_ms)
    assert record["edit_history"] == [
        {"price": price, "size": size, "replace_accept_timestamp": "1970-01-01T00:00:01.000Z"}
    ]
    assert record["order_configuration"] == {"limit_limit_gtc": {"base_size": size, "limit_price": price}}


def test_an_edit_through_the_market_takes_liquidity() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", 50 * CENT, 9_000))
    assert case.exchange.edit(order.order_id, "100.05", "0.5", case.now_ms) is None
    assert case.now(order).status is OrderStatus.FILLED


def test_edits_of_stops_and_brackets_move_their_triggers() -> None:
    case = Market()
    waiting = case.place(stop("a", "SELL", 2 * CENT, 9_900, 9_800, up=False))
    held = case.place(bracket("b", 2 * CENT, 10_500, 9_900))
    assert case.exchange.edit(waiting.order_id, "97", "0.02", case.now_ms, stop_price="98") is None
    assert case.exchange.edit(held.order_id, "106", "0.03", case.now_ms, stop_price="98") is None
    case.print(9_850, 1)
    assert {case.now(order).trigger_status for order in (waiting, held)} == {TriggerStatus.PENDING}
    case.print(10_500, 500 * CENT)
    assert case.now(held).base == 0
    assert case.wallet("BTC")[1] == Decimal("0.05")
    case.print(9_800, 1)
    assert {case.now(order).status for order in (waiting, held)} == {OrderStatus.FILLED}


def test_an_edit_that_takes_time_reserves_what_it_needs() -> None:
    case = Market(delays=Delays(edit_ms=100))
    order = case.place(limit("a", "BUY", 200 * CENT, 10_000))
    assert case.exchange.edit(order.order_id, "100", "4", case.now_ms) is None
    queued = case.now(order)
    assert (queued.status, queued.size, hold(queued)) == (OrderStatus.EDIT_QUEUED, 200 * CENT, 404)
    pending = order_record(queued, BTC.instrument, "me", case.now_ms)["current_pending_replace"]
    assert pending == {"price": "100", "size": "4", "stop_price": ""}
    assert case.exchange.cancel(order.order_id, case.now_ms) is CancelFailure.BEING_REPLACED
    refusal = case.exchange.edit(order.order_id, "100", "3", case.now_ms)
    assert refusal is not None
    assert refusal.failure is EditFailure.BEING_REPLACED
    case.print(10_000, 150 * CENT)
    case.wait(100)
    edited = case.now(order)
    assert (edited.status, edited.size, edited.leaves) == (OrderStatus.OPEN, 400 * CENT, 350 * CENT)
    assert hold(edited) == Decimal("353.5")


def test_an_edit_that_a_fill_has_overtaken_leaves_the_order_as_it_was() -> None:
    case = Market(delays=Delays(edit_ms=100))
    order = case.place(limit("a", "BUY", 200 * CENT, 10_000))
    assert case.exchange.edit(order.order_id, "99", "1", case.now_ms) is None
    case.print(10_000, 250 * CENT)  # 150 for us: more than the edit wants in all
    case.wait(100)
    kept = case.now(order)
    assert (kept.status, kept.limit, kept.leaves) == (OrderStatus.OPEN, 10_000, 50 * CENT)
    assert (hold(kept), kept.edits) == (Decimal("50.5"), ())
    case.print(9_999, 1)
    assert case.now(order).status is OrderStatus.FILLED


def test_an_order_that_fills_before_its_edit_frees_what_was_reserved() -> None:
    case = Market(delays=Delays(edit_ms=100))
    order = case.place(limit("a", "BUY", 200 * CENT, 10_000))
    assert case.exchange.edit(order.order_id, "100", "4", case.now_ms) is None
    case.print(9_999, 1)
    assert (case.now(order).status, case.now(order).hold, case.now(order).pending_edit) == (OrderStatus.FILLED, 0, None)
    assert case.wallet("USD") == (799, 0)
    case.wait(100)
    assert case.now(order).status is OrderStatus.FILLED


def test_an_edit_that_fills_have_made_too_dear_leaves_the_order_as_it_was() -> None:
    case = Market(delays=Delays(edit_ms=100), wallets={"USD": "101"})
    order = case.place(limit("a", "BUY", 100 * CENT, 10_000))
    assert case.exchange.edit(order.order_id, "50", "2", case.now_ms) is None
    case.print(10_000, 150 * CENT)  # half of it at 100 instead of 50
    case.wait(100)
    kept = case.now(order)
    assert (kept.status, kept.limit, kept.size, hold(kept)) == (OrderStatus.OPEN, 10_000, 100 * CENT, Decimal("50.5"))


def test_a_stop_that_triggers_before_its_edit_keeps_its_stop() -> None:
    case = Market(delays=Delays(edit_ms=100))
    order = case.place(stop("a", "SELL", 2 * CENT, 9_900, 9_890, up=False))
    assert case.exchange.edit(order.order_id, "95", "0.02", case.now_ms, stop_price="96") is None
    case.print(9_000, 1)
    case.wait(100)
    kept = case.now(order)
    assert (kept.status, kept.stop, kept.limit, kept.trigger_status) == (
        OrderStatus.OPEN,
        9_900,
        9_890,
        TriggerStatus.TRIGGERED,
    )


def test_a_post_only_edit_that_the_market_has_overtaken_leaves_the_order_as_it_was() -> None:
    case = Market(delays=Delays(edit_ms=100))
    order = case.place(limit("a", "BUY", 2 * CENT, 9_000, post_only=True))
    assert case.exchange.edit(order.order_id, "99", "0.02", case.now_ms) is None
    case.print(9_800)
    case.wait(100)
    assert (case.now(order).status, case.now(order).limit) == (OrderStatus.OPEN, 9_000)


def test_an_edit_that_cannot_be_says_why() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", 150 * CENT, 10_001, post_only=False))  # 100 of it fill
    maker = case.place(limit("b", "BUY", 10 * CENT, 9_000, post_only=True))
    dated = case.place(limit("c", "BUY", CENT * 2, 9_000, "limit_limit_gtd", end_time="2030-01-01T00:00:00Z"))
    quote = case.place(limit("d", "BUY", 0, 9_000, quote_size="5"))
    filled = case.place(market("e", "BUY", quote_size="10"))
    canceled = case.place(limit("f", "BUY", CENT * 2, 9_000))
    waiting = case.place(stop("g", "SELL", 2 * CENT, 9_900, 9_800, up=False))
    case.exchange.cancel(canceled.order_id, case.now_ms)
    before = {item.order_id: item for item in case.exchange.orders(case.now_ms)}

    def failure(order_id: str, price: str, size: str, stop_price: str = "") -> EditFailure | str:
        refusal = case.exchange.edit(order_id, price, size, case.now_ms, stop_price)
        assert refusal is not None
        return refusal.preview if refusal.failure is EditFailure.UNKNOWN else refusal.failure

    assert failure("nobody", "1", "1") is EditFailure.NOT_FOUND
    assert failure(filled.order_id, "1", "1") is EditFailure.ALREADY_FILLED
    assert failure(canceled.order_id, "1", "1") is EditFailure.NOT_OPEN
    assert failure(dated.order_id, "1", "1") is EditFailure.NOT_LIMIT
    assert failure(quote.order_id, "1", "1") is EditFailure.IN_QUOTE
    assert failure(order.order_id, "100.01", "0.5") is EditFailure.BELOW_FILLED
    assert failure(order.order_id, "100.01", "1") is EditFailure.BELOW_FILLED
    assert failure(order.order_id, "100.01", "0") is EditFailure.INVALID_SIZE
    assert failure(order.order_id, "100.01", "") is EditFailure.INVALID_SIZE
    assert failure(order.order_id, "100.001", "2") is EditFailure.INVALID_PRICE
    assert failure(order.order_id, "0", "2") is EditFailure.INVALID_PRICE
    assert failure(order.order_id, "100.01", "1.5") is EditFailure.NOTHING_NEW
    assert failure(order.order_id, "100.01", "1.6", "99") is EditFailure.NO_STOP_PRICE
    assert failure(order.order_id, "100.01", "20") == "PREVIEW_INSUFFICIENT_FUND"
    assert failure(maker.order_id, "100.02", "0.1") == "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY"
    assert failure(waiting.order_id, "98", "0.02", "100") == "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE"
    assert failure(waiting.order_id, "98", "0.02", "97") == "PREVIEW_STOP_PRICE_BELOW_LIMIT_PRICE"
    case.exchange.set_gates("BTC-USD", [Gate.CANCEL_ONLY])
    assert failure(order.order_id, "99", "2") == "PREVIEW_NOT_ALLOWED_BY_MARKET_STATE"
    assert {item.order_id: item for item in case.exchange.orders(case.now_ms)} == before
    case.exchange.set_gates("BTC-USD", [])
    slow = Market(delays=Delays(cancel_ms=10))
    going = slow.place(limit("a", "BUY", CENT * 2, 9_000))
    slow.exchange.cancel(going.order_id, slow.now_ms)
    refusal = slow.exchange.edit(going.order_id, "91", "0.02", slow.now_ms)
    assert refusal is not None
    assert refusal.failure is EditFailure.PENDING_CANCEL


def test_a_stop_that_has_triggered_keeps_its_stop_price() -> None:
    case = Market()
    waiting = case.place(stop("a", "SELL", 2 * CENT, 9_900, 9_890, up=False))
    held = case.place(bracket("b", 2 * CENT, 10_500, 9_900))
    case.print(9_000, 1)
    refusals = [
        case.exchange.edit(waiting.order_id, "98", "0.02", case.now_ms, stop_price="97"),
        case.exchange.edit(held.order_id, "106", "0.02", case.now_ms),
    ]
    assert [refusal and refusal.failure for refusal in refusals] == [EditFailure.TRIGGERED, EditFailure.UNKNOWN]
    assert case.exchange.edit(waiting.order_id, "91", "0.02", case.now_ms) is None
