"""Portfolios of one customer, each with wallets of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from cbbot.errors import Refused
from cbbot.venue.balances import Balance, Balances

__all__ = ["DEFAULT_PORTFOLIO", "Portfolio", "PortfolioRefused", "Portfolios"]

_MOST = 100
_NOTHING = Decimal(0)


class Portfolio(NamedTuple):
    """A portfolio; ``type`` is DEFAULT for the one that every customer has, else CONSUMER."""

    uuid: str
    name: str
    type: str = "CONSUMER"


DEFAULT_PORTFOLIO = Portfolio("5c1b8a0e-2a4d-5a57-9d0d-7b6d3a1c9e42", "Default", "DEFAULT")


class PortfolioRefused(Refused):
    """A change of portfolios, or a transfer between them, that was not made."""


class Portfolios:
    """The first portfolio is the default one and stays."""

    def __init__(self, first: Portfolio, wallets: Mapping[str, Balance]) -> None:
        self.by_id: dict[str, Portfolio] = {}
        self.default = first.uuid
        self._balances: dict[str, Balances] = {}
        self.add(first, wallets)

    def add(self, portfolio: Portfolio, wallets: Mapping[str, Balance]) -> None:
        """A portfolio with its wallets, or the new state of one."""
        self.by_id[portfolio.uuid] = portfolio
        self._balances[portfolio.uuid] = Balances(wallets)

    def balances(self, uuid: str) -> Balances:
        return self._balances[uuid]

    def create(self, uuid: str, name: str) -> Portfolio:
        """A new portfolio with an empty wallet in every currency of the default one.

        Raises:
            PortfolioRefused: there are 100 already, or the name is empty or in use.
        """
        if len(self.by_id) >= _MOST:
            raise PortfolioRefused("PERMISSION_DENIED", f"there are {_MOST} portfolios, no more can be made")
        self._check_name(name)
        portfolio = Portfolio(uuid, name)
        wallets = self._balances[self.default].items()
        self.add(portfolio, {currency: Balance(_NOTHING, _NOTHING) for currency, _ in wallets})
        return portfolio

    def rename(self, uuid: str, name: str) -> Portfolio:
        """The portfolio under another name.

        Raises:
            PortfolioRefused: it does not exist, or the name is empty or in use.
        """
        portfolio = self._known(uuid)
        if name != portfolio.name:
            self._check_name(name)
        self.by_id[uuid] = portfolio._replace(name=name)
        return self.by_id[uuid]

    def delete(self, uuid: str) -> None:
        """Remove an empty portfolio.

        Raises:
            PortfolioRefused: it does not exist, is the default one, or has money.
        """
        self._known(uuid)
        if uuid == self.default or any(any(balance) for _, balance in self._balances[uuid].items()):
            raise PortfolioRefused("INVALID_ARGUMENT", "the default portfolio and those with balances stay")
        del self.by_id[uuid], self._balances[uuid]

    def move(self, currency: str, amount: Decimal, source: str, target: str) -> None:
        """Move available money from one portfolio to another.

        Raises:
            PortfolioRefused: one of them does not exist, the amount is not above 0, or more than is available.
        """
        self._known(source)
        self._known(target)
        giving, taking = self._balances[source], self._balances[target]
        if currency not in giving or currency not in taking:
            raise PortfolioRefused("INVALID_ARGUMENT", f"no wallet in {currency}")
        if not _NOTHING < amount <= giving[currency].available:
            raise PortfolioRefused("INSUFFICIENT_FUND", f"{amount} {currency} is not available in that portfolio")
        giving.add(currency, -amount)
        taking.add(currency, amount)

    def _known(self, uuid: str) -> Portfolio:
        if uuid not in self.by_id:
            raise PortfolioRefused("NOT_FOUND", "no such portfolio")
        return self.by_id[uuid]

    def _check_name(self, name: str) -> None:
        names: Iterable[str] = (portfolio.name for portfolio in self.by_id.values())
        if not name.strip() or name in names:
            raise PortfolioRefused("INVALID_ARGUMENT", "a portfolio needs a name that no other has")
