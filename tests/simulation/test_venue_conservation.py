"""Property: whatever a customer asks for, no money is made or lost, and no balance falls below zero."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Side
from cbbot.venue.balances import Balance, Balances
from cbbot.venue.exchange import Delays, Exchange
from cbbot.venue.matching import fee_rate
from cbbot.venue.order_book import Book, Level
from cbbot.venue.product import Product
from cbbot.venue.refusals import OrderRefused
from cbbot.venue.snapshot import from_json, order_json, to_json
from cbbot.venue.venue_order import Order, OrderRequest

OPENING = {"BTC": Decimal("0.05"), "USD": Decimal(5000)}
PRODUCT = Product(BTC_USD, "Bitcoin", "US Dollar")
delays = st.builds(Delays, *[st.sampled_from([0, 1, 700])] * 3)
rates = st.sampled_from(["0", "0.009", "0.0060001", "0.123456789"]).map(Decimal).map(fee_rate)


@st.composite
def books(draw: st.DrawFn) -> Book:
    bid = draw(st.integers(100, 20_000_000))
    size = draw(st.sampled_from([1_000, 777_777, 10**9]))
    depth = draw(st.integers(0, 3))
    bids = tuple(Level(bid - level, size) for level in range(depth))
    return Book(bids, tuple(Level(bid + 1 + level, size) for level in range(depth)), bid)


@st.composite
def requests(draw: st.DrawFn) -> OrderRequest:
    side = draw(st.sampled_from(Side))
    by_quote = draw(st.booleans())
    units = draw(st.integers(0, 600_000 if by_quote else 6_000_000))
    size = units * (BTC_USD.quote_increment if by_quote else BTC_USD.base_increment)
    fields = {"quote_size" if by_quote else "base_size": f"{size:f}"}
    return OrderRequest(str(draw(st.integers(0, 40))), "BTC-USD", side.value, {"market_market_ioc": fields})


steps = st.lists(st.tuples(requests(), books(), st.integers(0, 500)), min_size=1, max_size=30)


def expected(orders: list[Order]) -> dict[str, Decimal]:
    """Opening balances and every fill, added up by hand."""
    totals = dict(OPENING)
    for order in orders:
        base, value, fee = (
            order.base * BTC_USD.base_increment,
            BTC_USD.money(order.value),
            BTC_USD.money(order.commission),
        )
        totals["BTC"] += base if order.side is Side.BUY else -base
        totals["USD"] += -value - fee if order.side is Side.BUY else value - fee
    return totals


SEEN: Counter[str] = Counter()


# More than there is: drawn sizes are mostly smaller.
UNAFFORDABLE = OrderRequest("1", "BTC-USD", "BUY", {"market_market_ioc": {"quote_size": "6000"}})
DEEP = Book((Level(5_000_000, 10**9),), (Level(5_000_001, 10**9),), 5_000_000)


@example([(UNAFFORDABLE, DEEP, 0)], Delays(0, 0, 0), fee_rate(Decimal(0)))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps, delays, rates)
def check_conservation(steps_: list[tuple[OrderRequest, Book, int]], delays_: Delays, rate: object) -> None:
    opening = Balances({name: Balance(amount, Decimal(0)) for name, amount in OPENING.items()})
    venue = Exchange([PRODUCT], opening, rate, delays_)  # type: ignore[arg-type]  # a Rate, drawn above
    now_ms = 0
    for request, book, pause in steps_:
        now_ms += pause
        try:
            placed = venue.place(request, book, now_ms)
        except OrderRefused as refused:
            SEEN[refused.reason.name] += 1
        else:
            SEEN["repeated" if placed.repeated else f"{placed.order.side} {placed.order.status}"] += 1
            if not placed.repeated and placed.order.in_quote:
                assert placed.order.value + placed.order.commission <= placed.order.asked
        assert all(min(balance) >= 0 for _, balance in venue.balances(now_ms).items())
        if pause % 7 == 0:
            saved = to_json(venue, now_ms) | {"orders": [order_json(order) for order in venue.all_orders()]}
            venue = from_json(saved, [PRODUCT], {}, rate, delays_)  # type: ignore[arg-type]  # a Rate, drawn above
    assert len({order.client_order_id for order in venue.all_orders()}) == len(list(venue.all_orders()))
    settled = venue.balances(now_ms + 10_000)
    assert {name: balance.available for name, balance in settled.items()} == expected(list(venue.all_orders()))
    assert all(balance.hold == 0 for _, balance in settled.items())


def test_balances_are_what_the_fills_add_up_to() -> None:
    SEEN.clear()
    check_conservation()
    kinds = {"BUY FILLED", "SELL FILLED", "SELL CANCELLED", "BUY CANCELLED", "repeated", "INSUFFICIENT_FUND"}
    assert kinds <= set(SEEN), f"the property was not exercised: {SEEN}"
