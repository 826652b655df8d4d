"""Previews: what an order or an edit would cost, or why it would be refused; nothing changes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cbbot.venue.answer_records import edit_preview_record, edit_record, preview_record
from cbbot.venue.venue_order import OrderRequest
from exchange_cases import CENT, Market, bracket, limit, market, stop


def previewed(case: Market, request: OrderRequest) -> dict[str, object]:
    return preview_record(case.exchange.preview(request, case.now_ms))


def test_a_preview_of_a_market_order_is_what_the_order_then_costs() -> None:
    case = Market()
    record = previewed(case, market("a", "BUY", base_size="2"))
    assert record["errs"] == []
    assert (record["base_size"], record["quote_size"]) == ("2", "200.03")
    assert (record["commission_total"], record["order_total"]) == ("2.0003", "202.0303")
    assert (record["best_bid"], record["best_ask"]) == ("100", "100.01")
    assert record["est_average_filled_price"] == "100.015"
    assert Decimal(str(record["slippage"])) == pytest.approx(Decimal("0.00005"), rel=Decimal("0.001"))
    case.place(market("a", "BUY", base_size="2"))
    assert case.wallet("USD") == (1000 - Decimal("202.0303"), 0)
    sale = previewed(case, market("b", "SELL", base_size="1"))
    assert (sale["order_total"], sale["slippage"]) == ("99", "0")


def test_a_preview_of_a_limit_order_takes_first_and_rests_with_the_rest() -> None:
    case = Market()
    record = previewed(case, limit("a", "BUY", 150 * CENT, 10_001))
    fee = Decimal("1.0001") + Decimal("0.25") * Decimal("1.0001")  # the taker's on 1, the maker's on 0.5
    assert record["commission_total"] == f"{fee.normalize():f}"
    assert record["order_total"] == f"{(Decimal('150.015') + fee).normalize():f}"
    at_once = previewed(case, limit("a", "BUY", 150 * CENT, 10_001, "sor_limit_ioc"))
    assert (at_once["base_size"], at_once["quote_size"]) == ("1", "100.01")
    resting = previewed(case, limit("a", "SELL", 100 * CENT, 12_000))
    assert (resting["est_average_filled_price"], resting["order_total"]) == ("120", "119.4")
    for request in (stop("a", "SELL", 100 * CENT, 9_000, 9_000, up=False), bracket("a", 100 * CENT, 12_000, 9_000)):
        assert previewed(case, request)["errs"] == []


def test_a_preview_says_why_an_order_would_be_refused() -> None:
    case = Market()
    record = previewed(case, market("a", "BUY", quote_size="1001"))
    assert record["errs"] == ["PREVIEW_INSUFFICIENT_FUND"]
    assert (record["order_total"], record["best_bid"]) == ("0", "")
    unsupported = previewed(case, OrderRequest("a", "BTC-USD", "BUY", {"twap_limit_gtd": {}}))
    assert unsupported["errs"] == ["PREVIEW_INVALID_ORDER_CONFIG"]


def test_a_preview_changes_nothing() -> None:
    case = Market()
    before = (case.exchange.revision, case.wallet("USD"), case.wallet("BTC"))
    previewed(case, market("a", "BUY", quote_size="100"))
    previewed(case, limit("a", "SELL", 100 * CENT, 12_000))
    assert (case.exchange.revision, case.wallet("USD"), case.wallet("BTC")) == before
    assert list(case.exchange.orders(case.now_ms)) == []


def test_an_edit_is_previewed_as_the_order_that_it_would_make() -> None:
    case = Market()
    order = case.place(limit("a", "BUY", 100 * CENT, 9_000))
    preview = case.exchange.edit_preview(order.order_id, "95", "2", case.now_ms)
    record = edit_preview_record(preview)
    assert (record["errors"], record["base_size"], record["quote_size"]) == ([], "2", "190")
    assert record["order_total"] == "190.95"
    assert case.now(order) == order
    refused = case.exchange.edit_preview(order.order_id, "95", "20", case.now_ms)
    reasons = {"edit_failure_reason": "UNKNOWN_EDIT_ORDER_FAILURE_REASON"}
    reasons["preview_failure_reason"] = "PREVIEW_INSUFFICIENT_FUND"
    assert edit_preview_record(refused)["errors"] == [reasons]
    assert edit_record(refused.refusal) == {"success": False, "errors": [reasons]}
    assert edit_record(None) == {"success": True, "errors": []}
