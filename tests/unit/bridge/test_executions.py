"""What an order amounts to, when order and fills agree and when one of them lags."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cbbot.domain.order import OrderStatus
from cbbot_bridge.executions import order_state
from cbbot_bridge.http_errors import OrderUnknown, UpstreamUnavailable
from cbbot_bridge.order_fills import OrderFills, distinct, fill_of, totals

ORDER: dict[str, Any] = {
    "order_id": "o-1",
    "client_order_id": "c-1",
    "product_id": "BTC-USD",
    "side": "BUY",
    "status": "FILLED",
    "created_time": "2026-04-07T14:30:06.000000Z",
    "order_configuration": {"market_market_ioc": {"quote_size": "25.00"}},
    "filled_size": "0.0003",
    "average_filled_price": "80000.5",
    "filled_value": "24.00015",
    "total_fees": "0.22",
    "settled": True,
    "reject_reason": "REJECT_REASON_UNSPECIFIED",
}


def fill(size: str, price: str, commission: str = "0.1", *, in_quote: bool = False) -> dict[str, Any]:
    return {
        "order_id": "o-1",
        "price": price,
        "size": size,
        "commission": commission,
        "size_in_quote": in_quote,
    }


def fills(*rows: dict[str, Any], complete: bool = True) -> OrderFills:
    return OrderFills(distinct(fill_of(row) for row in rows), complete)


def test_an_order_with_all_its_fills_takes_the_fees_from_the_fills() -> None:
    state = order_state(ORDER, fills(fill("0.0001", "80000.5", "0.0720001"), fill("0.0002", "80000.5", "0.1440009")))
    assert state.fills_agree
    assert (state.filled_size, state.average_filled_price, state.filled_value) == ("0.0003", "80000.5", "24.00015")
    assert state.commission_total_usd == "0.2160010"
    assert (state.quote_size, state.base_size, state.reject_reason) == ("25.00", None, "")
    assert state.settled


def test_fills_in_quote_are_turned_into_base() -> None:
    one = totals([fill_of(fill("0.0046830664333996", "21220.64", "0.0000280983986004", in_quote=True))])
    assert abs(one.base - Decimal("2.2068450e-7")) < Decimal("1e-12")
    assert one.value == Decimal("0.0046830664333996")
    assert one.commission == Decimal("0.0000280983986004")


def test_a_quote_sized_fill_agrees_with_the_order_in_spite_of_its_endless_quotient() -> None:
    body = {**ORDER, "filled_size": "0.00031249", "average_filled_price": "79999.99", "filled_value": "24.9991968751"}
    state = order_state(body, fills(fill("24.9991968751", "79999.99", in_quote=True)))
    assert state.fills_agree
    assert state.filled_size == "0.00031249"


def test_when_the_fills_lag_the_order_is_believed() -> None:
    state = order_state(ORDER, fills())
    assert not state.fills_agree
    assert (state.filled_size, state.commission_total_usd) == ("0.0003", "0.22")


def test_when_the_order_lags_the_fills_are_believed() -> None:
    body = {**ORDER, "status": "OPEN", "filled_size": "0", "average_filled_price": "0", "filled_value": "0"}
    body |= {"total_fees": "", "order_configuration": {"market_market_ioc": {"quote_size": "75"}}}
    state = order_state(body, fills(fill("0.1", "100", "1"), fill("0.3", "200", "2")))
    assert not state.fills_agree
    assert (state.filled_size, state.average_filled_price, state.filled_value) == ("0.4", "175", "70.0")
    assert state.commission_total_usd == "3"


def test_no_fee_named_anywhere_is_none_and_not_zero() -> None:
    state = order_state({**ORDER, "total_fees": ""}, fills(fill("0.0003", "80000.5", "")))
    assert state.commission_total_usd is None


def test_an_order_without_a_fill_amounts_to_nothing() -> None:
    body = {**ORDER, "status": "CANCELLED", "filled_size": "", "average_filled_price": "", "filled_value": ""}
    state = order_state({**body, "total_fees": "0"}, fills())
    assert state.status is OrderStatus.CANCELLED
    assert state.status.terminal
    assert (state.filled_size, state.filled_value, state.commission_total_usd) == ("0", "0", "0")
    assert state.fills_agree


NOTHING_YET = {"filled_size": "0", "average_filled_price": "0", "filled_value": "0", "total_fees": "0"}
NOT_SAID = dict.fromkeys(NOTHING_YET, "")


@pytest.mark.parametrize("own", [NOTHING_YET, NOT_SAID], ids=["nothing yet", "not said"])
@pytest.mark.parametrize(
    "elsewhere",
    [
        {"status": "FILLED"},
        {"status": "FILLED", "settled": False},
        {"status": "CANCELLED", "number_of_fills": "2"},
        {"status": "CANCELLED", "completion_percentage": "40.00"},
        {"status": "EXPIRED", "filled_value": "24.00015"},
    ],
)
def test_an_order_that_is_over_and_filled_by_an_amount_it_does_not_tell_is_no_order_with_nothing_filled(
    own: dict[str, str], elsewhere: dict[str, Any]
) -> None:
    body = {**ORDER, **own, **elsewhere}
    unclear = {**fill("0.0003", "80000.5"), "trade_type": "CORRECTION"}
    for seen in (fills(), fills(complete=False), fills(unclear)):
        with pytest.raises(OrderUnknown, match="says nowhere what was filled"):
            order_state(body, seen)


def test_an_order_whose_fills_were_all_taken_back_amounts_to_nothing() -> None:
    body = {**ORDER, **NOTHING_YET, "status": "CANCELLED", "settled": False, "number_of_fills": "2"}
    back = {**fill("0.0003", "80000.5"), "trade_type": "REVERSAL"}
    state = order_state(body, fills(fill("0.0003", "80000.5"), back))
    assert (state.filled_size, state.fills_agree) == ("0", True)


@pytest.mark.parametrize("missing", ["", "0"])
def test_value_and_price_that_an_order_does_not_tell_are_those_of_its_fills(missing: str) -> None:
    body = {**ORDER, "filled_value": missing, "average_filled_price": missing}
    state = order_state(body, fills(fill("0.0003", "80000.5")))
    assert (state.filled_value, state.average_filled_price, state.fills_agree) == ("24.00015", "80000.5", True)


def test_a_price_that_an_order_does_not_tell_is_its_value_by_its_size() -> None:
    state = order_state({**ORDER, "average_filled_price": ""}, fills())
    assert (state.filled_value, state.average_filled_price) == ("24.00015", "80000.5")


def test_a_status_of_tomorrow_is_unknown_and_not_terminal() -> None:
    state = order_state({**ORDER, "status": "HALF_DONE"}, fills())
    assert state.status is OrderStatus.UNKNOWN_ORDER_STATUS
    assert not state.status.terminal


@pytest.mark.parametrize(
    "broken", [{"order_id": ""}, {"side": "HOLD"}, {"filled_size": "many"}, {"product_id": None}, {"filled_size": True}]
)
def test_an_order_without_what_matters_is_malformed(broken: dict[str, Any]) -> None:
    with pytest.raises(UpstreamUnavailable, match="makes no sense"):
        order_state({**ORDER, **broken}, fills())


@pytest.mark.parametrize(("size", "price"), [("", "1"), ("1", ""), ("1", "0"), ("-1", "5"), ("1", "Infinity")])
def test_a_fill_without_what_matters_is_malformed(size: str, price: str) -> None:
    with pytest.raises(UpstreamUnavailable, match="makes no sense"):
        fill_of(fill(size, price))
