"""The arithmetic of market fills on integer scales; exact, and every rounding against the customer.

Prices are ticks, sizes base units, money ledger units (see :mod:`cbbot.domain.instrument`), so the
notional of a fill *is* ``price * base``. Python's integers do not wrap, so no size is too large.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from cbbot.errors import BadInput

__all__ = [
    "FeeRates",
    "Rate",
    "Trade",
    "commission",
    "commission_of_both",
    "fee_rate",
    "fill_market_buy_base",
    "fill_market_buy_quote",
    "fill_market_sell",
]


class Rate(NamedTuple):
    """A fee rate as an exact ratio: 0.009 is ``Rate(9, 1000)``."""

    numerator: int
    denominator: int


class FeeRates(NamedTuple):
    """What is paid for taking from the book, and for resting in it."""

    taker: Rate
    maker: Rate

    @property
    def higher(self) -> Rate:
        """The one that is held for an order of which nobody knows how it will fill."""
        taker, maker = self.taker, self.maker
        return taker if taker.numerator * maker.denominator >= maker.numerator * taker.denominator else maker


class Trade(NamedTuple):
    """One fill: price in ticks, base in base units, value (notional) and commission in ledger units."""

    price: int
    base: int
    value: int
    commission: int


def fee_rate(fraction: Decimal) -> Rate:
    """The exact ratio of a fee given as a fraction of the notional (0.009 is 0.90 %).

    Raises:
        BadInput: the rate is negative, 100 % or more, or no number.
    """
    if not fraction.is_finite() or not 0 <= fraction < 1:
        raise BadInput(f"fee rate {fraction} is not a fraction of the notional: give 0 <= rate < 1, e.g. 0.009")
    return Rate(*fraction.as_integer_ratio())


def commission(value: int, rate: Rate) -> int:
    """The fee on a notional, rounded up to the ledger unit."""
    return -(-value * rate.numerator // rate.denominator)


def commission_of_both(taker_value: int, maker_value: int, rates: FeeRates) -> int:
    """The fee on what was taken and what was made, rounded up once to the ledger unit.

    An order that fills piece by piece pays by this sum: so many pieces never cost more than the whole.
    """
    taker, maker = rates
    exact = taker_value * taker.numerator * maker.denominator + maker_value * maker.numerator * taker.denominator
    return -(-exact // (taker.denominator * maker.denominator))


def _trade(price: int, base: int, rate: Rate) -> Trade:
    if price <= 0 or base < 0:
        raise AssertionError(f"a fill needs a price above 0 and a size, not {base} at {price}")
    value = price * base
    return Trade(price, base, value, commission(value, rate))


def fill_market_buy_quote(price: int, budget: int, rate: Rate) -> Trade:
    """Spend at most ``budget`` ledger units, the fee included, as Coinbase's ``quote_size`` does.

    The base is floored, so ``value + commission <= budget`` always; it is 0 when the budget does
    not pay for one base unit.
    """
    base = budget * rate.denominator // ((rate.denominator + rate.numerator) * price)
    return _trade(price, base, rate)


def fill_market_buy_base(price: int, base: int, rate: Rate) -> Trade:
    """Buy exactly ``base`` base units; the fee comes on top of the value."""
    return _trade(price, base, rate)


def fill_market_sell(price: int, base: int, rate: Rate) -> Trade:
    """Sell exactly ``base`` base units; the fee is taken from the value."""
    return _trade(price, base, rate)
