"""Balances and holds of one customer, exact: money moves, none is made or lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import NamedTuple

__all__ = ["Balance", "Balances"]

# An amount that had to be rounded would be a defect of ours: trap it.
_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])


class Balance(NamedTuple):
    """One currency: what may be spent, and what is held for orders."""

    available: Decimal
    hold: Decimal


class Balances:
    """Wallets by currency. Moving more than is there is a defect of the caller: funds are checked before."""

    def __init__(self, wallets: Mapping[str, Balance]) -> None:
        self._wallets = dict(wallets)

    def __contains__(self, currency: str) -> bool:
        return currency in self._wallets

    def __getitem__(self, currency: str) -> Balance:
        return self._wallets[currency]

    def items(self) -> Iterator[tuple[str, Balance]]:
        """Currency and balance, in the order the wallets were opened."""
        return iter(self._wallets.items())

    def hold(self, currency: str, amount: Decimal) -> None:
        """Set an amount aside for an order."""
        self._move(currency, -amount, amount)

    def release(self, currency: str, amount: Decimal) -> None:
        """Give back what an order did not use."""
        self._move(currency, amount, -amount)

    def spend(self, currency: str, amount: Decimal) -> None:
        """Pay with what was held."""
        self._move(currency, Decimal(0), -amount)

    def add(self, currency: str, amount: Decimal) -> None:
        """Receive, or with an amount below 0 give away what is available."""
        self._move(currency, amount, Decimal(0))

    def _move(self, currency: str, available: Decimal, hold: Decimal) -> None:
        wallet = self._wallets[currency]
        moved = Balance(_EXACT.add(wallet.available, available), _EXACT.add(wallet.hold, hold))
        if min(moved) < 0:
            raise AssertionError(f"{currency}: balance would become {moved}; funds are checked before they move")
        self._wallets[currency] = moved
