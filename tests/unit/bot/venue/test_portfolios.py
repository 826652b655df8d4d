"""Portfolios: each with its own balances and orders."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cbbot.venue.portfolios import PortfolioRefused
from cbbot.venue.refusals import OrderRefused, Reason
from exchange_cases import CENT, Market, limit, market


def test_orders_are_paid_from_the_portfolio_they_are_placed_in() -> None:
    case = Market()
    venue = case.exchange
    other = venue.create_portfolio("Other", case.now_ms)
    assert list(venue.portfolios.values())[1:] == [other]
    with pytest.raises(OrderRefused) as refused:
        case.place(market("a", "BUY", quote_size="10"), other.uuid)
    assert refused.value.reason is Reason.INSUFFICIENT_FUND
    venue.move_funds("USD", Decimal(100), venue.default_portfolio, other.uuid, case.now_ms)
    order = case.place(limit("a", "BUY", 50 * CENT, 9_000), other.uuid)
    assert order.portfolio_id == other.uuid
    assert venue.balances(case.now_ms, other.uuid)["USD"] == (100 - Decimal("45.45"), Decimal("45.45"))
    assert case.wallet("USD") == (900, 0)
    case.print(8_999, 1)
    assert venue.balances(case.now_ms, other.uuid)["BTC"].available == Decimal("0.5")
    assert case.wallet("BTC") == (10, 0)


def test_what_cannot_be_done_with_portfolios_is_refused() -> None:
    case = Market()
    venue, now_ms = case.exchange, case.now_ms
    default = venue.default_portfolio
    other = venue.create_portfolio("Other", now_ms)
    for name in ("", " ", "Other", "Default"):
        with pytest.raises(PortfolioRefused):
            venue.create_portfolio(name, now_ms)
    for currency, amount, source, target in [
        ("USD", Decimal("1000.01"), default, other.uuid),
        ("USD", Decimal(0), default, other.uuid),
        ("USD", Decimal(-1), default, other.uuid),
        ("DOGE", Decimal(1), default, other.uuid),
        ("USD", Decimal(1), "nobody", other.uuid),
    ]:
        with pytest.raises(PortfolioRefused):
            venue.move_funds(currency, amount, source, target, now_ms)
    assert venue.rename_portfolio(other.uuid, "Third").name == "Third"
    with pytest.raises(PortfolioRefused):
        venue.rename_portfolio(other.uuid, "Default")
    with pytest.raises(PortfolioRefused):
        venue.delete_portfolio(default)
    venue.move_funds("USD", Decimal(1), default, other.uuid, now_ms)
    with pytest.raises(PortfolioRefused):
        venue.delete_portfolio(other.uuid)
    venue.move_funds("USD", Decimal(1), other.uuid, default, now_ms)
    venue.delete_portfolio(other.uuid)
    assert list(venue.portfolios) == [default]


def test_there_are_a_hundred_portfolios_at_most() -> None:
    venue = Market().exchange
    for number in range(99):
        venue.create_portfolio(f"p{number}", 5)
    assert len(set(venue.portfolios)) == 100
    with pytest.raises(PortfolioRefused):
        venue.create_portfolio("one more", 5)


def test_portfolios_survive_being_written_down() -> None:
    case = Market()
    other = case.exchange.create_portfolio("Other", case.now_ms)
    case.exchange.move_funds("USD", Decimal(100), case.exchange.default_portfolio, other.uuid, case.now_ms)
    case.resume()
    assert case.exchange.portfolios[other.uuid] == other
    assert case.exchange.balances(case.now_ms, other.uuid)["USD"].available == 100
    assert case.wallet("USD") == (900, 0)
