from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbbot.domain.decimals import parse_decimal, plain
from cbbot.domain.instrument import BTC_USD, Instrument
from cbbot.errors import BadInput


def test_a_tick_times_a_base_unit_is_a_ledger_unit() -> None:
    ticks, base = BTC_USD.ticks(Decimal("110000.00")), BTC_USD.base_units(Decimal("0.0001"))
    assert BTC_USD.money_text(ticks * base) == "11.0000000000"


@pytest.mark.parametrize(
    ("text", "ticks"),
    [("0.005", 0), ("0.015", 2), ("0.025", 2), ("13752.18233851", 1375218), ("110754.29", 11075429)],
)
def test_prices_round_half_even_at_the_door(text: str, ticks: int) -> None:
    assert BTC_USD.ticks(Decimal(text)) == ticks


@given(st.integers(1, 10**10))
def test_a_price_in_ticks_is_the_float_of_its_text(ticks: int) -> None:
    assert BTC_USD.price(ticks) == float(BTC_USD.price_text(ticks))


@given(st.decimals(min_value=0, max_value=10**6, places=14))
def test_money_rounds_against_us_by_less_than_a_ledger_unit(amount: Decimal) -> None:
    up, down = BTC_USD.ledger_up(amount), BTC_USD.ledger_down(amount)
    assert BTC_USD.money(down) <= amount <= BTC_USD.money(up)
    assert up - down <= 1


def test_sizes_round_down() -> None:
    assert BTC_USD.base_text(BTC_USD.base_units(Decimal("0.000000019"))) == "0.00000001"


@pytest.mark.parametrize("product", ["BTC", "-USD", "BTC-", ""])
def test_a_product_without_base_and_quote_is_refused(product: str) -> None:
    one = Decimal(1)
    with pytest.raises(BadInput, match="BASE-QUOTE"):
        Instrument(product, one, one, one, one)


def test_increments_in_which_money_cannot_be_counted_exactly_are_refused() -> None:
    with pytest.raises(BadInput, match="no multiple"):
        Instrument("X-USD", Decimal(1), Decimal(1), Decimal("0.01"), Decimal(1))


@pytest.mark.parametrize("text", ["", " ", "nan", "Infinity", "1e999", "twelve", "1,000", "1" * 100])
def test_text_that_is_no_sensible_number_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_decimal(text)


def test_plain_text_never_has_an_exponent() -> None:
    assert plain(Decimal("1E-8")) == "0.00000001"
    assert plain(Decimal("1E+6")) == "1000000"
