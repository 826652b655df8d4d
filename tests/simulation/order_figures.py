"""What an account holds and what orders have made of it, as Coinbase's SDK reads both."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from simulation.cyclic_venue import MAKER
from simulation.driven_clients import DrivenClients

__all__ = ["Wallet", "again", "bracket", "change_by", "check_figures", "moved", "order_of", "stop_to_sell", "wallets"]


class Wallet(NamedTuple):
    """One currency: what may be spent and what is on hold."""

    available: Decimal
    hold: Decimal

    @property
    def total(self) -> Decimal:
        return self.available + self.hold


def wallets(sdk: DrivenClients) -> dict[str, Wallet]:
    """The account's wallets by currency."""
    return {
        item["currency"]: Wallet(Decimal(item["available_balance"]["value"]), Decimal(item["hold"]["value"]))
        for item in sdk.rest.get_accounts()["accounts"]
    }


def moved(before: dict[str, Wallet], after: dict[str, Wallet]) -> dict[str, Wallet]:
    """What has changed: available and on hold, by the currencies in which something has."""
    changes = {
        currency: Wallet(
            after[currency].available - before[currency].available, after[currency].hold - before[currency].hold
        )
        for currency in before
    }
    return {currency: change for currency, change in changes.items() if any(change)}


def order_of(sdk: DrivenClients, placed: Any) -> dict[str, Any]:
    """The order that an answer to a new one names."""
    assert placed["success"], placed
    order: dict[str, Any] = sdk.rest.get_order(placed["success_response"]["order_id"])["order"]
    return order


def again(sdk: DrivenClients, order: dict[str, Any]) -> dict[str, Any]:
    """An order as it is now."""
    found: dict[str, Any] = sdk.rest.get_order(order["order_id"])["order"]
    return found


def check_figures(sdk: DrivenClients, order: dict[str, Any], rate: Decimal) -> None:
    """Value, fee, average price and fills of an order agree with each other."""
    size, value, fees = (Decimal(order[name]) for name in ("filled_size", "filled_value", "total_fees"))
    assert fees == pytest.approx(value * rate, abs=Decimal("1e-9"))
    sign = 1 if order["side"] == "BUY" else -1
    assert Decimal(order["total_value_after_fees"]) == value + sign * fees
    assert Decimal(order["average_filled_price"]) == pytest.approx(value / size)
    fills = sdk.rest.get_fills(order_ids=[order["order_id"]])["fills"]
    assert len(fills) == int(order["number_of_fills"])
    assert len({fill["trade_id"] for fill in fills}) == len(fills)
    assert sum(Decimal(fill["commission"]) for fill in fills) == fees
    sizes = [
        Decimal(fill["size"]) / (Decimal(fill["price"]) if fill["size_in_quote"] else Decimal(1)) for fill in fills
    ]
    assert sum(sizes) == pytest.approx(size)
    assert {fill["liquidity_indicator"] for fill in fills} == {"MAKER" if rate == MAKER else "TAKER"}


def change_by(order: dict[str, Any]) -> dict[str, Wallet]:
    """How an order that is over has moved the account."""
    sign = 1 if order["side"] == "BUY" else -1
    return {
        "USD": Wallet(-sign * Decimal(order["total_value_after_fees"]), Decimal(0)),
        "BTC": Wallet(sign * Decimal(order["filled_size"]), Decimal(0)),
    }


def bracket(sdk: DrivenClients, take: str, stop: str) -> dict[str, Any]:
    """A new order that sells 0.2 at one of two prices."""
    placed = sdk.rest.trigger_bracket_order_gtc_sell(
        client_order_id="", product_id="BTC-USD", base_size="0.2", limit_price=take, stop_trigger_price=stop
    )
    return order_of(sdk, placed)


def stop_to_sell(sdk: DrivenClients, limit: str, stop: str) -> dict[str, Any]:
    """A new order that sells 0.2 for no less than ``limit`` once the price has fallen to ``stop``."""
    placed = sdk.rest.stop_limit_order_gtc_sell(
        client_order_id="",
        product_id="BTC-USD",
        base_size="0.2",
        limit_price=limit,
        stop_price=stop,
        stop_direction="STOP_DIRECTION_STOP_DOWN",
    )
    return order_of(sdk, placed)
