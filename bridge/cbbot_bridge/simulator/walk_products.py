"""Products for random walks: their increments, where a walk begins, and which trade for USDC in a book of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final, NamedTuple

from cbbot.domain.instrument import BTC_USD, Instrument
from cbbot.domain.products import known_product

__all__ = ["Walk", "book_id", "walk_instrument", "walk_of"]


class Walk(NamedTuple):
    """Where a walk begins, in quote currency, and how large its steps are."""

    price: Decimal
    step_bps: float = 2


_WALKS: Final[Mapping[str, Walk]] = {
    "BTC": Walk(Decimal(100_000)),
    "ETH": Walk(Decimal(4_000)),
    "EURC": Walk(Decimal("1.1"), 0.2),
    "SOL": Walk(Decimal(200)),
    "USDT": Walk(Decimal(1), 0.2),
}
_ANY_WALK: Final = Walk(Decimal(100))
# Coinbase trades these for USDC in books of their own; every other product in USDC is its twin in USD.
_OWN_USDC_BOOKS: Final = ("EURC", "USDT")
# A price near 1 walks in steps of a thousandth of a percent; the step of a size goes with it.
_STABLE: Final = (Decimal("0.00001"), Decimal("0.01"))


def walk_of(base_currency: str) -> Walk:
    """The walk of a product's price."""
    return _WALKS.get(base_currency, _ANY_WALK)


def walk_instrument(product_id: str) -> Instrument:
    """The product with its own increments where they are known, else with some that suit its walk.

    Raises:
        BadInput: the id is not of the form BASE-QUOTE.
    """
    known = known_product(product_id) or replace(BTC_USD, product_id=product_id)
    if known.base_currency in _OWN_USDC_BOOKS:
        tick, step = _STABLE
        return replace(known, price_increment=tick, quote_increment=tick, base_increment=step)
    return known


def book_id(instrument: Instrument) -> str:
    """The product whose book an instrument is traded in: BTC-USDC in BTC-USD's, USDT-USDC in its own."""
    base, quote = instrument.base_currency, instrument.quote_currency
    return f"{base}-USD" if quote == "USDC" and base not in _OWN_USDC_BOOKS else instrument.product_id
