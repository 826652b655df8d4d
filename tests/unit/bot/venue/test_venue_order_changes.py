"""What a customer can follow: every change of an order, when it can be seen, and how it is shown."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cbbot.errors import BadInput
from cbbot.venue.answer_records import cancel_record, user_record
from cbbot.venue.exchange import Delays
from cbbot.venue.records import fill_record, order_record, shown_status
from cbbot.venue.snapshot import fill_json, from_json, order_json, to_json
from cbbot.venue.venue_order import OrderStatus
from exchange_cases import BTC, CENT, USDC, Market, bracket, limit, market, stop


def statuses(case: Market, after: int = 0) -> list[tuple[str, str, int]]:
    changes = case.exchange.changes(after, case.now_ms)
    assert changes is not None
    return [(item.order.client_order_id, item.order.status.value, item.order.base // CENT) for item in changes]


def test_every_change_of_an_order_is_told_with_its_totals() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", 150 * CENT, 10_001))
    start = case.exchange.last_change
    case.print(10_000, 1)
    assert statuses(case, start) == [("a", "FILLED", 150), ("a", "FILLED", 150)]  # filled, then posted
    assert statuses(case)[0] == ("a", "OPEN", 0)
    assert [item.number for item in case.exchange.changes(0, case.now_ms) or []] == list(range(1, start + 3))
    assert case.now(order).base == 150 * CENT


def test_an_order_shows_when_it_may_be_seen_and_as_pending_until_it_is_taken_up() -> None:
    case = Market(delays=Delays(order_visible_ms=100, pending_ms=300))
    order = case.place(limit("a", "BUY", 100 * CENT, 10_001))
    assert (order.status, case.exchange.order(order.order_id, case.now_ms)) == (OrderStatus.FILLED, None)
    assert list(case.exchange.orders(case.now_ms)) == list(case.exchange.open_orders(case.now_ms)) == []
    assert case.exchange.find("a") == order
    start = case.exchange.last_shown_change(case.now_ms)
    assert start == 0 < case.exchange.last_change
    case.wait(100)
    pending = case.now(order)
    assert shown_status(pending, case.now_ms) is OrderStatus.PENDING
    record = order_record(pending, BTC.instrument, "me", case.now_ms)
    assert [record[name] for name in ("status", "filled_size", "number_of_fills", "settled")] == [
        "PENDING",
        "0",
        "0",
        False,
    ]
    assert statuses(case, start) == []
    case.wait(200)
    assert statuses(case, start)[-1] == ("a", "FILLED", 100)
    assert order_record(case.now(order), BTC.instrument, "me", case.now_ms)["status"] == "FILLED"


def test_somebody_who_was_away_too_long_is_to_look_at_everything_anew() -> None:
    case = Market(wallets={"USD": "100000"})
    order = case.place(limit("a", "BUY", 2 * CENT, 9_000))
    for number in range(5_100):
        case.exchange.edit(order.order_id, "90", f"0.0{2 + number % 2}", case.now_ms)
        case.place(limit(f"b{number}", "BUY", CENT, 10_001, "sor_limit_ioc"))
        if case.exchange.last_change > 10_050:
            break
    assert case.exchange.changes(0, case.now_ms) is None
    recent = case.exchange.changes(case.exchange.last_change - 10_000, case.now_ms)
    assert recent is not None
    assert len(recent) == 10_000
    assert case.exchange.changes(case.exchange.last_change, case.now_ms) == []


def test_a_state_file_learns_what_changed_since_it_was_written() -> None:
    case = Market()
    first = case.place(limit("a", "BUY", CENT, 10_000))
    case.place(limit("b", "BUY", 2 * CENT, 9_000))
    written, fills = case.exchange.last_change, len(case.exchange.fills_since(0))
    revision = case.exchange.revision
    case.print(9_999, 1)
    assert [order.client_order_id for order in case.exchange.changed_orders(written)] == ["a"]
    assert [fill.order_id for fill in case.exchange.fills_since(fills)] == [first.order_id]
    assert case.exchange.revision > revision
    revision = case.exchange.revision
    case.print(9_998, 1)
    assert case.exchange.revision == revision
    case.print(9_000, 1)  # those before us at 90.00 were served
    assert case.exchange.revision > revision


def test_of_several_entries_of_one_order_in_a_state_file_the_last_counts() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", 150 * CENT, 10_001))
    lines = [order_json(item) for item in case.exchange.changed_orders(0)]
    written = case.exchange.last_change
    case.place(limit("b", "BUY", 2 * CENT, 9_000))
    case.exchange.cancel(order.order_id, case.now_ms)
    lines += [order_json(item) for item in case.exchange.changed_orders(written)]
    state = to_json(case.exchange, case.now_ms)
    state["fills"] = [fill_json(fill) for fill in case.exchange.fills_since(0)]
    again = from_json(state | {"orders": lines}, case.products, {}, case.exchange.terms)
    assert len(lines) == 3
    assert list(again.orders(case.now_ms)) == list(case.exchange.orders(case.now_ms))
    assert list(again.fills(case.now_ms)) == list(case.exchange.fills(case.now_ms))
    with pytest.raises(BadInput, match="BTC-USD, which are not traded here"):
        from_json(state | {"orders": lines}, [replace(USDC, alias="")], {}, case.exchange.terms)


def test_the_user_channels_orders_have_coinbases_fields() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", 150 * CENT, 10_001))
    record = user_record(order, BTC.instrument, case.now_ms)
    assert {
        name: record[name]
        for name in ("cumulative_quantity", "leaves_quantity", "avg_price", "status", "order_type", "post_only")
    } == {
        "cumulative_quantity": "1",
        "leaves_quantity": "0.5",
        "avg_price": "100.01",
        "status": "OPEN",
        "order_type": "Limit",
        "post_only": "false",
    }
    assert record["outstanding_hold_amount"] == "50.50505"
    by_quote = case.place(limit("b", "BUY", 0, 9_000, quote_size="9.09"))
    assert user_record(by_quote, BTC.instrument, case.now_ms)["leaves_quantity"] == "9"
    case.exchange.cancel(by_quote.order_id, case.now_ms)
    ended = user_record(case.now(by_quote), BTC.instrument, case.now_ms)
    assert (ended["leaves_quantity"], ended["cancel_reason"]) == ("0", "User requested cancel")
    waiting = case.place(stop("c", "SELL", 2 * CENT, 9_900, 9_800, up=False, end_time="2030-01-01T00:00:00Z"))
    shown = user_record(waiting, BTC.instrument, case.now_ms)
    assert [shown[name] for name in ("order_type", "stop_price", "limit_price", "end_time", "trigger_status")] == [
        "Stop Limit",
        "99",
        "98",
        "2030-01-01T00:00:00.000Z",
        "STOP_PENDING",
    ]


def test_records_name_each_kind_as_coinbase_does() -> None:
    case = Market()
    requests = [
        (market("a", "BUY", quote_size="10"), ("MARKET", "IMMEDIATE_OR_CANCEL", "INVALID_ORDER_TYPE")),
        (limit("b", "BUY", CENT, 10_001, "sor_limit_ioc"), ("LIMIT", "IMMEDIATE_OR_CANCEL", "INVALID_ORDER_TYPE")),
        (limit("c", "BUY", CENT, 10_000), ("LIMIT", "GOOD_UNTIL_CANCELLED", "INVALID_ORDER_TYPE")),
        (limit("d", "BUY", CENT, 10_001, "limit_limit_fok"), ("LIMIT", "FILL_OR_KILL", "INVALID_ORDER_TYPE")),
        (stop("e", "SELL", 2 * CENT, 9_900, 9_800, up=False), ("STOP_LIMIT", "GOOD_UNTIL_CANCELLED", "STOP_PENDING")),
        (
            bracket("f", 2 * CENT, 10_500, 9_500, end_time="2030-01-01T00:00:00Z"),
            ("BRACKET", "GOOD_UNTIL_DATE_TIME", "STOP_PENDING"),
        ),
    ]
    for request, names in requests:
        record = order_record(case.place(request), BTC.instrument, "me", case.now_ms)
        assert (record["order_type"], record["time_in_force"], record["trigger_status"]) == names
        assert record["order_configuration"] == request.configuration


def test_an_order_and_its_fills_say_who_made_and_when() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", 150 * CENT, 10_001))
    case.wait(1_500)
    case.print(10_000, 1)
    maker, taker = (fill_record(fill, BTC.instrument, "me") for fill in case.exchange.fills(case.now_ms))
    assert (taker["liquidity_indicator"], taker["trade_time"]) == ("TAKER", "1970-01-01T00:00:01.000Z")
    assert (maker["liquidity_indicator"], maker["trade_time"]) == ("MAKER", "1970-01-01T00:00:02.500Z")
    assert (maker["size"], maker["commission"]) == ("0.5", "0.250025")
    record = order_record(case.now(order), BTC.instrument, "me", case.now_ms)
    assert record["last_fill_time"] == "1970-01-01T00:00:02.500Z"
    assert Decimal(str(record["total_fees"])) == Decimal("1.0001") + Decimal("0.250025")
    assert record["completion_percentage"] == "100.00"
    assert record["workable_size"] == "1.5"


def test_a_cancels_result_is_coinbases() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", CENT, 10_000))
    accepted = cancel_record(order.order_id, case.exchange.cancel(order.order_id, case.now_ms))
    assert accepted == {
        "success": True,
        "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON",
        "order_id": order.order_id,
    }
    refused = cancel_record(order.order_id, case.exchange.cancel(order.order_id, case.now_ms))
    assert (refused["success"], refused["failure_reason"]) == (False, "UNKNOWN_CANCEL_ORDER")
