"""The customer's side of the exchange: idempotency, refusals, holds, visibility, records."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Side
from cbbot.domain.timestamps import rfc3339_ms
from cbbot.errors import BadInput
from cbbot.venue.balances import Balance, Balances
from cbbot.venue.exchange import Delays, Exchange, Terms
from cbbot.venue.matching import fee_rate
from cbbot.venue.order_book import BookShape
from cbbot.venue.prints import Print
from cbbot.venue.product import Gate, Product
from cbbot.venue.records import fill_record, order_record
from cbbot.venue.refusals import OrderRefused, Reason
from cbbot.venue.snapshot import fill_json, from_json, order_json, to_json
from cbbot.venue.venue_order import Order, OrderRequest, OrderStatus
from cbbot.venue.wire import decimal_text

TAKER = fee_rate(Decimal("0.009"))
BTC = Product(BTC_USD, "Bitcoin", "US Dollar")
DEEP = BookShape(levels=1, level_size=10**9)
BID_HIT = Print(0, 0, 10_000_000, 0, Side.BUY)  # 100,000.00 / 100,000.01


def exchange(
    delays: Delays | None = None,
    product: Product = BTC,
    shape: BookShape = DEEP,
    last: Print | None = BID_HIT,
    **wallets: str,
) -> Exchange:
    amounts = {"BTC": "1", "USD": "1000"} | wallets
    opening = {name: Decimal(amount) for name, amount in amounts.items()}
    venue = Exchange([product], opening, Terms(TAKER, TAKER, delays or Delays(), shape))
    if last is not None:
        venue.on_print("BTC-USD", last)
    return venue


def market(client_order_id: str, side: str, **fields: object) -> OrderRequest:
    return OrderRequest(client_order_id, "BTC-USD", side, {"market_market_ioc": fields})


def refusal(venue: Exchange, request: OrderRequest) -> Reason:
    with pytest.raises(OrderRefused) as caught:
        venue.place(request, 0)
    return caught.value.reason


def test_a_buy_by_quote_size_moves_exactly_value_and_fee() -> None:
    venue = exchange()
    order = venue.place(market("a", "BUY", quote_size="100"), 0).order
    spent = BTC_USD.money(order.value + order.commission)
    wallets = venue.balances(0)
    assert order.status is OrderStatus.FILLED
    assert wallets["USD"] == Balance(Decimal(1000) - spent, Decimal(0))
    assert wallets["BTC"] == Balance(1 + order.base * BTC_USD.base_increment, Decimal(0))
    assert Decimal("99.999") < spent <= 100


def test_a_sale_brings_the_value_less_the_fee_at_the_bid() -> None:
    venue = exchange()
    order = venue.place(market("a", "SELL", base_size="0.5"), 0).order
    assert BTC_USD.money(order.value) == 50_000
    assert BTC_USD.money(order.commission) == 450
    assert venue.balances(0)["USD"].available == 1000 + 50_000 - 450


def test_a_used_client_order_id_returns_its_order_whatever_else_is_asked() -> None:
    venue = exchange()
    first = venue.place(market("a", "BUY", quote_size="10"), 0)
    balance = venue.balances(0)["USD"]
    again = venue.place(OrderRequest("a", "NOPE", "HOLD", {}), 5)
    assert again.order == first.order
    assert (first.repeated, again.repeated) == (False, True)
    assert venue.balances(5)["USD"] == balance
    assert len(list(venue.orders(5))) == 1


def test_a_refused_request_leaves_its_id_free_and_nothing_changed() -> None:
    venue = exchange()
    assert refusal(venue, market("a", "BUY", quote_size="1000.01")) is Reason.INSUFFICIENT_FUND
    assert venue.balances(0)["USD"] == Balance(Decimal(1000), Decimal(0))
    assert not venue.place(market("a", "BUY", quote_size="10"), 0).repeated


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (OrderRequest("a", "X-USD", "BUY", {"market_market_ioc": {"quote_size": "1"}}), Reason.INVALID_PRODUCT),
        (market("a", "HOLD", quote_size="1"), Reason.INVALID_SIDE),
        (market("a", "BUY"), Reason.INVALID_CONFIGURATION),
        (market("a", "BUY", quote_size="1", base_size="1"), Reason.INVALID_CONFIGURATION),
        (market("a", "SELL", quote_size="10"), Reason.INVALID_CONFIGURATION),
        (OrderRequest("a", "BTC-USD", "BUY", {"market_market_fok": {"quote_size": "1"}}), Reason.UNSUPPORTED),
        (OrderRequest("a", "BTC-USD", "BUY", {"limit_limit_gtc": {"base_size": "1"}}), Reason.INVALID_CONFIGURATION),
        (market("a", "BUY", quote_size=10), Reason.NON_NUMERIC),
        (market("a", "BUY", quote_size="1e2"), Reason.NON_NUMERIC),
        (market("a", "BUY", quote_size="+10"), Reason.NON_NUMERIC),
        (market("a", "BUY", quote_size="ten"), Reason.NON_NUMERIC),
        (market("a", "BUY", quote_size="NaN"), Reason.NON_NUMERIC),
        (market("a", "BUY", quote_size="10.001"), Reason.QUOTE_PRECISION),
        (market("a", "BUY", quote_size="0.99"), Reason.QUOTE_TOO_SMALL),
        (market("a", "BUY", quote_size="-5"), Reason.QUOTE_TOO_SMALL),
        (market("a", "BUY", quote_size="150000000.01"), Reason.QUOTE_TOO_LARGE),
        (market("a", "BUY", base_size="0.000000001"), Reason.BASE_PRECISION),
        (market("a", "SELL", base_size="0.00000999"), Reason.BASE_TOO_SMALL),  # 0.999 USD
        (market("a", "SELL", base_size="0"), Reason.BASE_TOO_SMALL),
        (market("a", "SELL", base_size="3400.1"), Reason.BASE_TOO_LARGE),
        (market("a", "SELL", base_size="1.00000001"), Reason.INSUFFICIENT_FUND),
        (market("a", "BUY", base_size="0.00991081"), Reason.INSUFFICIENT_FUND),  # 991.08 USD and its fee
        (market("a", "BUY", quote_size="1000.01"), Reason.INSUFFICIENT_FUND),
    ],
)
def test_what_the_venue_rejects_it_never_rounds(request_: OrderRequest, reason: Reason) -> None:
    assert refusal(exchange(), request_) is reason


def test_the_smallest_sizes_are_taken() -> None:
    venue = exchange()
    assert venue.place(market("a", "BUY", quote_size="1"), 0).order.base == 991
    assert venue.place(market("b", "SELL", base_size="0.00001"), 0).order.base == 1000


def test_trailing_zeros_are_no_precision() -> None:
    assert exchange().place(market("a", "BUY", quote_size="10.000"), 0).order.base > 0


@pytest.mark.parametrize("gate", list(Gate))
def test_a_shut_gate_takes_no_order(gate: Gate) -> None:
    venue = exchange(product=replace(BTC, gates=frozenset({gate})))
    reason = refusal(venue, market("a", "BUY", quote_size="10"))
    assert reason in (Reason.TRADING_DISABLED, Reason.VIEW_ONLY, Reason.MARKET_STATE)


def test_without_a_price_or_a_wallet_there_is_no_order() -> None:
    assert refusal(exchange(last=None), market("a", "BUY", quote_size="10")) is Reason.NO_BOOK
    venue = Exchange([BTC], {"USD": Decimal(1000)}, Terms(TAKER, TAKER))
    venue.on_print("BTC-USD", BID_HIT)
    assert refusal(venue, market("a", "BUY", quote_size="10")) is Reason.NO_ACCOUNT


def test_a_refusal_carries_coinbases_words() -> None:
    poor = OrderRefused(Reason.INSUFFICIENT_FUND)
    assert (poor.code, poor.preview_reason, poor.new_order_reason) == (
        "INSUFFICIENT_FUND",
        "PREVIEW_INSUFFICIENT_FUND",
        "UNKNOWN_FAILURE_REASON",
    )
    unsupported = OrderRefused(Reason.UNSUPPORTED)
    assert (unsupported.code, unsupported.preview_reason, unsupported.new_order_reason) == (
        "UNSUPPORTED_ORDER_CONFIGURATION",
        "UNKNOWN_PREVIEW_FAILURE_REASON",
        "UNSUPPORTED_ORDER_CONFIGURATION",
    )


def test_a_shallow_book_fills_a_part_and_cancels_the_rest() -> None:
    venue = exchange(shape=BookShape(levels=2, level_size=250_000))
    order = venue.place(market("a", "SELL", base_size="0.01"), 0).order
    assert order.status is OrderStatus.CANCELLED
    assert order.base == 500_000
    assert venue.balances(0)["BTC"] == Balance(Decimal("0.995"), Decimal(0))
    record = order_record(order, BTC_USD, "me", 0)
    assert (record["status"], record["completion_percentage"], record["number_of_fills"]) == ("CANCELLED", "50.00", "2")
    assert record["average_filled_price"] == "99999.995"
    assert record["settled"] is False


def test_an_empty_side_of_the_book_cancels_the_whole_order() -> None:
    venue = exchange(shape=BookShape(levels=0))
    order = venue.place(market("a", "BUY", quote_size="10"), 0).order
    assert (order.status, order.base) == (OrderStatus.CANCELLED, 0)
    assert venue.balances(0)["USD"] == Balance(Decimal(1000), Decimal(0))
    assert order_record(order, BTC_USD, "me", 0)["average_filled_price"] == "0"


def test_orders_fills_and_balances_show_when_their_delays_are_over() -> None:
    venue = exchange(Delays(order_visible_ms=100, fills_ms=200, post_ms=300))
    order = venue.place(market("a", "BUY", quote_size="100"), 1000).order
    spent = BTC_USD.money(order.value + order.commission)
    assert venue.order(order.order_id, 1099) is None
    assert list(venue.orders(1099)) == []
    assert venue.order(order.order_id, 1100) == order
    assert list(venue.fills(1199)) == []
    assert len(list(venue.fills(1200))) == 1
    assert venue.balances(1299)["USD"] == Balance(1000 - spent, spent)
    assert venue.balances(1299)["BTC"] == Balance(Decimal(1), Decimal(0))
    before = order_record(order, BTC_USD, "me", 1299)
    assert (before["settled"], before["outstanding_hold_amount"]) == (True, decimal_text(spent))
    assert venue.balances(1300)["USD"] == Balance(1000 - spent, Decimal(0))
    assert venue.balances(1300)["BTC"].available > 1
    posted = venue.order(order.order_id, 1300)
    assert posted is not None
    assert order_record(posted, BTC_USD, "me", 1300)["outstanding_hold_amount"] == "0"


def test_money_on_hold_cannot_be_spent_twice() -> None:
    venue = exchange(Delays(post_ms=1000))
    venue.place(market("a", "BUY", quote_size="600"), 0)
    assert refusal(venue, market("b", "BUY", quote_size="600")) is Reason.INSUFFICIENT_FUND


def test_an_order_record_adds_up() -> None:
    venue = exchange()
    order = venue.place(market("a", "SELL", base_size="0.5"), 1_757_142_120_123).order
    record = order_record(order, BTC_USD, "me", 1_757_142_120_123)
    assert record["filled_size"] == "0.5"
    assert record["average_filled_price"] == "100000"
    assert record["filled_value"] == "50000"
    assert record["total_fees"] == "450"
    assert record["total_value_after_fees"] == "49550"
    assert record["created_time"] == "2025-09-06T07:02:00.123Z"
    assert record["order_configuration"] == {"market_market_ioc": {"base_size": "0.5"}}


def test_fills_of_an_order_by_quote_size_are_in_quote_and_add_up_to_the_order() -> None:
    venue = exchange(shape=BookShape(levels=2, level_size=50_000))
    order = venue.place(market("a", "BUY", quote_size="100"), 0).order
    records = [fill_record(fill, BTC_USD, "me") for fill in venue.fills(0)]
    assert [record["size_in_quote"] for record in records] == [True, True]
    assert sum(Decimal(str(record["size"])) for record in records) == BTC_USD.money(order.value)
    assert sum(Decimal(str(record["commission"])) for record in records) == BTC_USD.money(order.commission)
    bases = [Decimal(str(record["size"])) / Decimal(str(record["price"])) for record in records]
    assert sum(bases) == order.base * BTC_USD.base_increment
    assert len({record["trade_id"] for record in records}) == len({record["entry_id"] for record in records}) == 2


def test_records_hold_every_field_of_the_fixtures(fixture_fields: dict[str, set[str]]) -> None:
    venue = exchange()
    order = venue.place(market("a", "BUY", quote_size="100"), 0).order
    (fill,) = venue.fills(0)
    assert fixture_fields["order"] <= set(order_record(order, BTC_USD, "me", 0))
    assert fixture_fields["fill"] <= set(fill_record(fill, BTC_USD, "me"))


@pytest.fixture
def fixture_fields() -> dict[str, set[str]]:
    """Field names of Coinbase's own records, from the documentation's examples."""
    order = (
        "order_id product_id user_id order_configuration side client_order_id status time_in_force created_time "
        "completion_percentage filled_size average_filled_price fee number_of_fills filled_value pending_cancel "
        "size_in_quote total_fees size_inclusive_of_fees total_value_after_fees trigger_status order_type "
        "reject_reason settled product_type reject_message cancel_message order_placement_source "
        "outstanding_hold_amount is_liquidation last_fill_time edit_history leverage margin_type retail_portfolio_id "
        "originating_order_id attached_order_id attached_order_configuration current_pending_replace "
        "commission_detail_total workable_size workable_size_completion_pct last_update_time"
    )
    fill = (
        "entry_id trade_id order_id trade_time trade_type price size commission product_id sequence_timestamp "
        "liquidity_indicator size_in_quote user_id side retail_portfolio_id fillSource commission_detail_total"
    )
    return {"order": set(order.split()), "fill": set(fill.split())}


def written(venue: Exchange, now_ms: int) -> str:
    orders = [order_json(order) for order in venue.changed_orders(0)]
    fills = [fill_json(fill) for fill in venue.fills_since(0)]
    return json.dumps(to_json(venue, now_ms) | {"orders": orders, "fills": fills})


def test_the_state_goes_through_json_and_goes_on() -> None:
    venue = exchange(Delays(order_visible_ms=50, post_ms=1000))
    first = venue.place(market("a", "BUY", quote_size="100"), 0).order
    venue.place(market("b", "SELL", base_size="0.25"), 500)
    text = written(venue, 600)
    again = from_json(json.loads(text), [BTC], {}, venue.terms)
    assert written(again, 600) == text
    assert again.revision == venue.revision > 0
    assert again.place(market("a", "BUY", quote_size="5"), 700).order == first
    assert dict(again.balances(2000).items()) == dict(venue.balances(2000).items())


def test_a_damaged_state_is_bad_input() -> None:
    good = json.loads(written(exchange(), 0))
    damaged: list[dict[str, Any]] = [{}, good | {"portfolios": [{}]}, good | {"orders": [{}]}, good | {"unposted": [1]}]
    for saved in damaged:
        with pytest.raises(BadInput):
            from_json(saved, [BTC], {}, Terms(TAKER, TAKER))


def test_the_same_run_gives_the_same_ids_and_other_runs_give_others() -> None:
    def order_at(now_ms: int) -> Order:
        return exchange().place(market("a", "BUY", quote_size="10"), now_ms).order

    assert order_at(5).order_id == order_at(5).order_id
    assert order_at(5).order_id != order_at(6).order_id


def test_balances_cannot_become_negative() -> None:
    balances = Balances({"USD": Balance(Decimal(1), Decimal(0))})
    with pytest.raises(AssertionError):
        balances.hold("USD", Decimal(2))
    with pytest.raises(AssertionError):
        balances.spend("USD", Decimal(1))
    assert balances["USD"] == Balance(Decimal(1), Decimal(0))


def test_texts_are_plain_and_trimmed() -> None:
    assert decimal_text(Decimal("66312.40")) == "66312.4"
    assert decimal_text(Decimal("1E+2")) == "100"
    assert decimal_text(Decimal("0E-10")) == "0"
    assert decimal_text(Decimal("0.00000001")) == "0.00000001"
    assert rfc3339_ms(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339_ms(1_709_164_799_999) == "2024-02-28T23:59:59.999Z"
    assert rfc3339_ms(1_709_164_800_000) == "2024-02-29T00:00:00.000Z"
    assert rfc3339_ms(4_102_444_799_000) == "2099-12-31T23:59:59.000Z"
