"""What the venue says of a product: increments, limits, gates, names."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from cbbot.domain.instrument import Instrument

__all__ = ["Gate", "Product"]


class Gate(StrEnum):
    """What keeps orders out of a product; the names are Coinbase's product fields."""

    IS_DISABLED = "is_disabled"
    TRADING_DISABLED = "trading_disabled"
    VIEW_ONLY = "view_only"
    CANCEL_ONLY = "cancel_only"
    LIMIT_ONLY = "limit_only"
    POST_ONLY = "post_only"
    AUCTION_MODE = "auction_mode"


@dataclass(frozen=True)
class Product:
    """A tradable product. ``gates`` are shut ones; ``alias`` is the product whose book it shares.

    The wallet that settles follows the product an order names (BTC-USDC pays in USDC), whoever's
    book it is. Limits are in quote or base currency; the smallest notional is the instrument's.
    """

    instrument: Instrument
    base_name: str
    quote_name: str
    alias: str = ""
    alias_to: tuple[str, ...] = ()
    base_min_size: Decimal = Decimal("0.00000001")
    base_max_size: Decimal = Decimal(3400)
    quote_max_size: Decimal = Decimal(150_000_000)
    gates: frozenset[Gate] = field(default_factory=frozenset)
    status: str = "online"

    @property
    def product_id(self) -> str:
        return self.instrument.product_id

    @property
    def market_id(self) -> str:
        """The product whose book this one's orders meet."""
        return self.alias or self.product_id
