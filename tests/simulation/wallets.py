"""What an account holds, as Coinbase's SDK reads it, and what orders have made of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from simulation.driven_clients import DrivenClients

__all__ = ["Wallet", "moved", "order_of", "wallets"]


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
