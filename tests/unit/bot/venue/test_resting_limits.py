"""Limit orders: what they take at once, where their rest waits, how prints fill it, and what is held for it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cbbot.domain.order import Side
from cbbot.domain.timestamps import rfc3339_ms
from cbbot.venue.exchange import Delays
from cbbot.venue.matching import fee_rate
from cbbot.venue.order_book import BookShape, Level
from cbbot.venue.refusals import Reason
from cbbot.venue.venue_fill import Liquidity
from cbbot.venue.venue_order import OrderStatus
from exchange_cases import CENT, MAKER, TAKER, Market, hold, limit, market, refusal


def test_a_limit_below_the_market_rests_and_holds_its_cost_and_the_higher_fee() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", 100 * CENT, 9_000))
    assert (order.status, order.leaves, order.base) == (OrderStatus.OPEN, 100 * CENT, 0)
    assert case.wallet("USD") == (Decimal("909.1"), Decimal("90.9"))  # 90 x 1.01
    sale = case.place(limit("b", "SELL", 200 * CENT, 11_000))
    assert case.wallet("BTC") == (Decimal(8), Decimal(2))
    assert (hold(order), hold(sale)) == (Decimal("90.9"), Decimal(2))


def test_a_print_at_the_price_serves_those_before_us_first() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", 50 * CENT, 10_000))
    case.print(10_000, 60 * CENT)
    assert case.now(order).base == 0
    case.print(10_000, 45 * CENT)  # 40 for those before us, 5 for us
    assert (case.now(order).base, case.now(order).status) == (5 * CENT, OrderStatus.OPEN)
    case.print(10_000, 10 * CENT)
    assert case.now(order).base == 15 * CENT
    case.print(10_000, 100 * CENT)
    assert (case.now(order).status, case.now(order).fill_count) == (OrderStatus.FILLED, 3)
    assert {fill.liquidity for fill in case.exchange.fills(case.now_ms)} == {Liquidity.MAKER}


def test_the_queue_before_us_stays_eaten_when_the_price_comes_back() -> None:
    case = Market()
    order = case.place(limit("a", "SELL", 50 * CENT, 10_001))
    case.print(10_001, 90 * CENT, Side.SELL)
    case.print(9_990)
    case.print(10_001, 10 * CENT, Side.SELL)
    assert case.now(order).base == 0
    case.print(10_001, CENT, Side.SELL)
    assert case.now(order).base == CENT


@pytest.mark.parametrize(("side", "price", "through"), [("BUY", 9_990, 9_989), ("SELL", 10_010, 10_011)])
def test_a_print_through_the_price_fills_the_whole_order_at_its_limit(side: str, price: int, through: int) -> None:
    case = Market()
    order = case.place(limit("a", side, 300 * CENT, price))
    case.print(through, 1)
    filled = case.now(order)
    assert (filled.status, filled.base, filled.value) == (OrderStatus.FILLED, 300 * CENT, 300 * CENT * price)
    assert filled.commission * 200 == filled.value  # the maker's 0.5 %
    assert filled.hold == 0


def test_orders_at_a_price_are_filled_in_order_of_time_and_better_prices_first() -> None:
    case = Market(shape=BookShape(levels=5, level_size=CENT))
    first = case.place(limit("a", "BUY", 2 * CENT, 9_999))
    second = case.place(limit("b", "BUY", 2 * CENT, 9_999))
    better = case.place(limit("c", "BUY", 2 * CENT, 10_000))
    case.print(9_999, 4 * CENT)  # 1 before us, 2 for the first, 1 for the second
    assert [case.now(order).base for order in (first, second, better)] == [2 * CENT, CENT, 2 * CENT]


def test_who_comes_later_has_more_before_him() -> None:
    """Between our two orders others have come: the size shown then was theirs."""
    case = Market(shape=BookShape(levels=5, level_size=10 * CENT))
    first = case.place(limit("a", "BUY", CENT, 10_000))
    case.print(10_000, 6 * CENT)
    second = case.place(limit("b", "BUY", CENT, 10_000))  # behind 4 of old, the first, and 6 of new
    case.print(10_000, 5 * CENT)
    assert (case.now(first).status, case.now(second).base) == (OrderStatus.FILLED, 0)
    case.print(10_000, 6 * CENT)
    assert case.now(second).base == 0
    case.print(10_000, CENT)
    assert case.now(second).status is OrderStatus.FILLED


def test_inside_the_spread_nobody_is_before_us() -> None:
    case = Market(shape=BookShape(spread_ticks=10, levels=3, level_size=100 * CENT))
    order = case.place(limit("a", "BUY", CENT, 10_005))
    book = case.exchange.book("BTC-USD")
    assert book is not None
    assert book.bids[0] == Level(10_005, CENT)
    case.print(10_005, CENT)
    assert case.now(order).status is OrderStatus.FILLED


def test_a_marketable_limit_takes_what_is_within_it_and_rests_with_the_rest() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", 250 * CENT, 10_002))
    assert (order.status, order.base, order.leaves) == (OrderStatus.OPEN, 200 * CENT, 50 * CENT)
    assert order.value == 100 * CENT * (10_001 + 10_002)
    assert order.commission * 100 == order.value  # the taker's 1 %
    assert hold(order) == Decimal("0.5") * Decimal("100.02") * Decimal("1.01")
    book = case.exchange.book("BTC-USD")
    assert book is not None
    assert book.bids[0] == Level(10_002, 50 * CENT)
    assert book.asks[0].price == 10_003  # the book is never crossed
    case.print(10_001, 1)
    filled = case.now(order)
    assert filled.status is OrderStatus.FILLED
    assert filled.commission == order.commission + 50 * CENT * 10_002 // 200


def test_a_better_price_gives_back_what_was_held_for_a_worse_one() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", 50 * CENT, 11_000))
    assert (order.status, hold(order)) == (OrderStatus.FILLED, 0)
    assert case.wallet("USD") == (1000 - Decimal("50.005") * Decimal("1.01"), 0)


def test_many_small_fills_cost_no_more_than_was_held() -> None:
    case = Market(wallets={"USD": "101.0101"})
    order = case.place(limit("a", "BUY", 100 * CENT, 10_001))
    assert order.base == 100 * CENT
    case = Market(wallets={"USD": "101"})
    order = case.place(limit("a", "BUY", 100 * CENT, 10_000))
    assert case.wallet("USD")[0] == 0
    case.print(10_000, 100 * CENT)
    for _ in range(41):
        case.print(10_000, 2_456_789)
    assert case.now(order).status is OrderStatus.FILLED
    assert case.wallet("USD") == (Decimal("0.5"), 0)


@pytest.mark.parametrize(
    ("kind", "size", "status", "base"),
    [
        ("sor_limit_ioc", 250, OrderStatus.CANCELLED, 200),
        ("sor_limit_ioc", 150, OrderStatus.FILLED, 150),
        ("limit_limit_fok", 201, OrderStatus.CANCELLED, 0),
        ("limit_limit_fok", 200, OrderStatus.FILLED, 200),
    ],
)
def test_what_must_match_at_once_does_or_is_canceled(kind: str, size: int, status: OrderStatus, base: int) -> None:
    case = Market()
    order = case.place(limit("a", "BUY", size * CENT, 10_002, kind))
    assert (order.status, order.base, order.hold) == (status, base * CENT, 0)
    assert case.wallet("USD")[1] == 0
    assert not case.exchange.has_open_orders("BTC-USD")


def test_a_dated_order_expires_with_what_it_got() -> None:
    case = Market()
    end = rfc3339_ms(case.now_ms + 500)
    order = case.place(limit("a", "BUY", 250 * CENT, 10_002, "limit_limit_gtd", end_time=end))
    case.wait(499)
    assert case.now(order).status is OrderStatus.OPEN
    case.wait(1)
    assert (case.now(order).status, case.now(order).base) == (OrderStatus.EXPIRED, 200 * CENT)
    assert case.wallet("USD")[1] == 0
    case.print(9_000, 1)
    assert case.now(order).base == 200 * CENT


NO_TIMES_TO_COME = ["", "tomorrow", "1970-01-01T00:00:01Z", "2030-01-01T00:00:00", "9999-12-31T23:59:59-12:00", 5]


@pytest.mark.parametrize("end", NO_TIMES_TO_COME)
def test_an_end_that_is_no_time_to_come_is_refused(end: object) -> None:
    assert refusal(Market(), limit("a", "BUY", CENT, 10_000, "limit_limit_gtd", end_time=end)) is Reason.END_TIME


def test_a_post_only_order_rests_or_is_refused() -> None:
    case = Market()
    assert refusal(case, limit("a", "BUY", CENT, 10_001, post_only=True)) is Reason.POST_ONLY_CROSSES
    assert refusal(case, limit("b", "SELL", CENT, 10_000, post_only=True)) is Reason.POST_ONLY_CROSSES
    order = case.place(limit("c", "SELL", CENT, 10_001, post_only=True))
    assert (order.status, order.post_only) == (OrderStatus.OPEN, True)
    whole = limit("d", "BUY", CENT, 10_000, "limit_limit_fok", post_only=True)
    assert refusal(case, whole) is Reason.POST_ONLY_WITH_FOK


def test_orders_of_ours_do_not_meet() -> None:
    case = Market()
    mine = case.place(limit("a", "SELL", CENT, 10_001))
    taken = case.place(limit("b", "BUY", 150 * CENT, 10_005))
    assert (taken.status, taken.base) == (OrderStatus.CANCELLED, 100 * CENT)
    assert taken.cancel_message == "self trade prevented"
    assert case.now(mine).base == 0
    assert case.place(market("c", "BUY", quote_size="150")).base == 100 * CENT


def test_a_limit_by_quote_size_buys_what_that_pays_for_fees_included() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", 0, 9_000, quote_size="90.9"))
    assert (order.size, order.in_quote, hold(order)) == (100 * CENT, True, Decimal("90.9"))
    case.print(8_999, 1)
    assert case.total("USD") == 1000 - 90 - Decimal("0.45")
    sale = case.place(limit("b", "SELL", 0, 20_000, quote_size="30"))
    assert sale.size == 15 * CENT


def test_the_higher_fee_is_held_whichever_it_is_and_an_order_keeps_the_fees_it_was_taken_at() -> None:
    case = Market()
    case.exchange.terms = replace(case.exchange.terms, taker=MAKER, maker=TAKER)
    order = case.place(limit("a", "BUY", 0, 9_000, quote_size="90.9"))
    assert (order.size, hold(order)) == (100 * CENT, Decimal("90.9"))
    case.exchange.terms = replace(case.exchange.terms, maker=fee_rate(Decimal("0.5")))
    case.resume()
    case.print(8_999, 1)
    assert case.wallet("USD") == (Decimal("909.1"), 0)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (limit("a", "BUY", CENT, "100.001"), Reason.LIMIT_PRICE_PRECISION),
        (limit("a", "BUY", CENT, "0"), Reason.LIMIT_PRICE),
        (limit("a", "BUY", CENT, "-1"), Reason.LIMIT_PRICE),
        (limit("a", "BUY", CENT, "NaN"), Reason.LIMIT_PRICE),
        (limit("a", "BUY", CENT, "1e2"), Reason.LIMIT_PRICE),
        (limit("a", "BUY", "1_0", 10_000), Reason.NON_NUMERIC),
        (limit("a", "BUY", " 1", 10_000), Reason.NON_NUMERIC),
        (limit("a", "BUY", "", 10_000), Reason.NON_NUMERIC),
        (limit("a", "BUY", 99 * CENT, 100), Reason.BASE_TOO_SMALL),  # 0.99 USD
        (limit("a", "BUY", "3400.1", 10_000), Reason.BASE_TOO_LARGE),
        (limit("a", "BUY", "0.000000001", 10_000), Reason.BASE_PRECISION),
        (limit("a", "SELL", 1001 * CENT, 10_000), Reason.INSUFFICIENT_FUND),
        (limit("a", "BUY", 100 * CENT, 100_000), Reason.INSUFFICIENT_FUND),  # the fee comes on top
        (limit("a", "BUY", CENT, 10_000, "twap_limit_gtd"), Reason.UNSUPPORTED),
        (limit("a", "BUY", CENT, 10_000, "limit_limit_fok", quote_size="5"), Reason.INVALID_CONFIGURATION),
        (limit("a", "BUY", CENT, 10_000, post_only="true"), Reason.INVALID_CONFIGURATION),
        (limit("a", "BUY", CENT, 10_000, "sor_limit_ioc", post_only=True), Reason.INVALID_CONFIGURATION),
        (limit("a", "BUY", CENT, 10_000, product="ETH-USD"), Reason.INVALID_PRODUCT),
    ],
)
def test_a_limit_order_that_is_wrong_is_refused(request_: object, reason: Reason) -> None:
    case = Market()
    assert refusal(case, request_) is reason  # type: ignore[arg-type]  # an OrderRequest, drawn above
    assert case.wallet("USD") == (1000, 0)


def test_a_limit_too_far_through_the_market_is_refused_where_there_is_a_band() -> None:
    case = Market(limit_band_bps=500)
    assert refusal(case, limit("a", "BUY", CENT, 10_501)) is Reason.LIMIT_PRICE_TOO_FAR
    assert refusal(case, limit("b", "SELL", 2 * CENT, 9_499)) is Reason.LIMIT_PRICE_TOO_FAR
    assert refusal(case, limit("c", "BUY", CENT, 10_500)) is None
    assert refusal(case, limit("d", "SELL", CENT, 20_000)) is None


def test_a_market_order_takes_nothing_beyond_its_price_protection() -> None:
    case = Market(shape=BookShape(levels=20, level_size=CENT), market_band_bps=5)
    order = case.place(market("a", "BUY", base_size="0.2"))
    assert (order.status, order.base) == (OrderStatus.CANCELLED, 5 * CENT)  # 100.01 to 100.05
    assert case.place(market("b", "SELL", base_size="0.2")).base == 6 * CENT  # 100.00 to 99.95


def test_more_open_orders_than_the_cap_are_refused() -> None:
    case = Market(open_orders_cap=2)
    first = case.place(limit("a", "BUY", CENT, 10_000))
    case.place(limit("b", "BUY", CENT, 10_000))
    assert refusal(case, limit("c", "BUY", CENT, 10_000)) is Reason.TOO_MANY_ORDERS
    assert refusal(case, limit("d", "BUY", CENT, 10_000, product="BTC-USDC")) is None
    case.exchange.cancel(first.order_id, case.now_ms)
    assert refusal(case, limit("e", "BUY", CENT, 10_000)) is None


def test_a_used_id_answers_with_its_resting_order_or_is_refused_as_asked() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", CENT, 10_000))
    again = case.exchange.place(limit("a", "SELL", 5 * CENT, 12_000), case.now_ms)
    assert (again.order, again.repeated) == (order, True)
    strict = Market(refuse_duplicates=True)
    strict.place(limit("a", "BUY", CENT, 10_000))
    assert refusal(strict, limit("a", "BUY", CENT, 10_000)) is Reason.DUPLICATE


def test_products_that_share_a_book_are_settled_in_their_own_currency() -> None:
    case = Market()
    dollars = case.place(limit("a", "BUY", 100 * CENT, 9_990))
    coins = case.place(limit("b", "BUY", 100 * CENT, 9_990, product="BTC-USDC"))
    book = case.exchange.book("BTC-USDC")
    assert book == case.exchange.book("BTC-USD")
    case.print(9_989, 1)
    assert case.now(dollars).status is case.now(coins).status is OrderStatus.FILLED
    assert case.total("USD") == 1000 - Decimal("99.9") * Decimal("1.005")
    assert case.total("USDC") == 500 - Decimal("99.9") * Decimal("1.005")


def test_balances_are_posted_late_and_until_then_held() -> None:
    case = Market(delays=Delays(post_ms=300, fills_ms=200))
    order = case.place(limit("a", "BUY", 100 * CENT, 10_000))
    case.wait(10)
    case.print(9_999, 1)
    assert case.now(order).status is OrderStatus.FILLED
    assert hold(case.now(order)) == Decimal("100.5")
    assert case.wallet("USD") == (Decimal("899.5"), Decimal("100.5"))
    assert list(case.exchange.fills(case.now_ms)) == []
    case.wait(300)
    assert case.wallet("USD") == (Decimal("899.5"), 0)
    assert case.wallet("BTC") == (Decimal(11), 0)
    assert case.now(order).hold == 0
