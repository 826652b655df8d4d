"""What the state of a product lets in, and that it may change while the exchange runs."""

from __future__ import annotations

import pytest

from cbbot.domain.order import Side
from cbbot.venue.product import Gate
from cbbot.venue.refusals import Reason
from cbbot.venue.venue_order import OrderRequest, OrderStatus
from exchange_cases import CENT, Market, bracket, limit, market, refusal, stop

KINDS: dict[str, OrderRequest] = {
    "market": market("a", "BUY", quote_size="10"),
    "ioc": limit("a", "BUY", CENT, 10_001, "sor_limit_ioc"),
    "fok": limit("a", "BUY", CENT, 10_001, "limit_limit_fok"),
    "limit": limit("a", "BUY", CENT, 10_000),
    "dated": limit("a", "BUY", CENT, 10_000, "limit_limit_gtd", end_time="2030-01-01T00:00:00Z"),
    "post only": limit("a", "BUY", CENT, 10_000, post_only=True),
    "stop": stop("a", "SELL", 2 * CENT, 9_900, 9_900, up=False),
    "bracket": bracket("a", 2 * CENT, 10_500, 9_500),
}
SHUT = set(KINDS)
MATCHING_AT_ONCE = {"market", "ioc", "fok"}


@pytest.mark.parametrize(
    ("gate", "reason", "kept_out"),
    [
        (Gate.IS_DISABLED, Reason.TRADING_DISABLED, SHUT),
        (Gate.TRADING_DISABLED, Reason.TRADING_DISABLED, SHUT),
        (Gate.VIEW_ONLY, Reason.VIEW_ONLY, SHUT),
        (Gate.CANCEL_ONLY, Reason.MARKET_STATE, SHUT),
        (Gate.LIMIT_ONLY, Reason.MARKET_STATE, {"market"}),
        (Gate.POST_ONLY, Reason.MARKET_STATE, SHUT - {"post only"}),
        (Gate.AUCTION_MODE, Reason.MARKET_STATE, MATCHING_AT_ONCE),
    ],
)
def test_a_gate_keeps_out_its_kinds_of_orders_and_no_others(gate: Gate, reason: Reason, kept_out: set[str]) -> None:
    for name, request in KINDS.items():
        case = Market()
        case.exchange.set_gates("BTC-USD", [gate])
        assert (name, refusal(case, request)) == (name, reason if name in kept_out else None)
        case.exchange.set_gates("BTC-USD", [])
        case.place(request)


def test_a_product_that_is_not_online_takes_nothing() -> None:
    case = Market()
    case.exchange.set_status("BTC-USD", "delisted")
    assert {refusal(case, request) for request in KINDS.values()} == {Reason.HALTED}
    assert refusal(case, limit("b", "BUY", CENT, 10_000, product="BTC-USDC")) is None
    case.exchange.set_status("BTC-USD", "online")
    assert refusal(case, KINDS["limit"]) is None


@pytest.mark.parametrize("gate", [Gate.AUCTION_MODE, Gate.TRADING_DISABLED, Gate.IS_DISABLED])
def test_nothing_matches_while_a_market_is_halted(gate: Gate) -> None:
    case = Market()
    buy = case.place(limit("a", "BUY", 2 * CENT, 9_900))
    sell = case.place(stop("b", "SELL", 2 * CENT, 9_850, 9_850, up=False))
    case.exchange.set_gates("BTC-USD", [gate])
    case.print(9_800, 10**9)
    assert (case.now(buy).base, case.now(sell).trigger_status.value) == (0, "STOP_PENDING")
    book = case.exchange.book("BTC-USD")
    assert book is not None
    assert book.last == 9_800
    assert (book.bids[0].price, book.asks) == (9_900, ())  # what others offer below our bid is not shown
    case.exchange.set_gates("BTC-USD", [])
    case.print(9_850, 0, Side.SELL)
    assert case.now(buy).status is OrderStatus.FILLED
    assert case.now(sell).trigger_status.value == "STOP_TRIGGERED"


def test_an_auction_lets_a_crossing_limit_rest() -> None:
    case = Market()
    case.exchange.set_gates("BTC-USD", [Gate.AUCTION_MODE])
    order = case.place(limit("a", "BUY", CENT, 10_005))
    assert (order.status, order.base) == (OrderStatus.OPEN, 0)
    case.exchange.set_gates("BTC-USD", [])
    case.print(10_000)
    assert case.now(order).status is OrderStatus.FILLED
