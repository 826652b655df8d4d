"""Products whose increments are known without asking the exchange. Live, the exchange's own word counts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from cbbot.domain.instrument import BTC_USD, Instrument

__all__ = ["known_product"]

# What Coinbase says of a product in USD: price increment, base increment.
_IN_USD: Final[Mapping[str, tuple[str, str]]] = {
    "ADA": ("0.0001", "0.00000001"),
    "AVAX": ("0.01", "0.00000001"),
    "BCH": ("0.01", "0.00000001"),
    "DOGE": ("0.00001", "0.1"),
    "DOT": ("0.001", "0.00000001"),
    "ETH": ("0.01", "0.00000001"),
    "LINK": ("0.001", "0.01"),
    "LTC": ("0.01", "0.00000001"),
    "SHIB": ("0.00000001", "1"),
    "SOL": ("0.01", "0.00000001"),
    "XRP": ("0.0001", "0.000001"),
}
# A product in USDC shares the book of the one in USD.
_USD: Final = ("USD", "USDC")


def known_product(product_id: str) -> Instrument | None:
    """The product with its increments; None when they are not known."""
    base, _, quote = product_id.partition("-")
    if quote not in _USD:
        return None
    if base == BTC_USD.base_currency:
        found = (BTC_USD.price_increment, BTC_USD.base_increment)
    elif base in _IN_USD:
        price, size = _IN_USD[base]
        found = (Decimal(price), Decimal(size))
    else:
        return None
    return Instrument(
        product_id=product_id,
        price_increment=found[0],
        base_increment=found[1],
        quote_increment=min(found[0], BTC_USD.quote_increment),
        min_notional=BTC_USD.min_notional,
    )
