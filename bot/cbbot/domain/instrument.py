"""A traded product and the four integer scales that its prices, sizes and money live on.

=========  =====================================  =================  ======================
scale      one unit is                            BTC-USD            used for
=========  =====================================  =================  ======================
tick       ``price_increment``                    0.01 USD           prices
base unit  ``base_increment``                     0.00000001 BTC     sizes, volumes
ledger     ``price_increment x base_increment``   0.0000000001 USD   every amount of money
quote unit ``quote_increment``                    0.01 USD           budgets, ``quote_size``
=========  =====================================  =================  ======================

A tick times a base unit is a ledger unit, so ``ticks * base_units`` *is* the notional, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final

from cbbot.domain.decimals import ceil_units, floor_units, nearest_units, plain
from cbbot.errors import BadInput

__all__ = ["BTC_USD", "PRODUCT_ID", "Instrument"]

PRODUCT_ID: Final = "[A-Z0-9]{1,20}-[A-Z0-9]{1,20}"
"""The form of a product's name: base and quote currency."""


@dataclass(frozen=True)
class Instrument:
    """A product's identifiers, increments and smallest order.

    Raises:
        BadInput: an increment is not positive, or the quote increment is no whole number of
            ledger units (then budgets could not be booked exactly).
    """

    product_id: str
    price_increment: Decimal
    base_increment: Decimal
    quote_increment: Decimal
    min_notional: Decimal

    def __post_init__(self) -> None:
        base, dash, quote = self.product_id.partition("-")
        if not (base and dash and quote):
            raise BadInput(f"product {self.product_id!r} is not of the form BASE-QUOTE, e.g. BTC-USD")
        for name in ("price_increment", "base_increment", "quote_increment"):
            if getattr(self, name) <= 0:
                raise BadInput(f"{self.product_id}: {name} must be above 0, not {getattr(self, name)}")
        if self.min_notional < 0:
            raise BadInput(f"{self.product_id}: min_notional must not be negative")
        if self.quote_increment % self.ledger_increment != 0:
            raise BadInput(
                f"{self.product_id}: quote increment {self.quote_increment} is no multiple of "
                f"price increment x base increment {self.ledger_increment}; cbbot cannot count its money exactly"
            )

    @property
    def base_currency(self) -> str:
        return self.product_id.partition("-")[0]

    @property
    def quote_currency(self) -> str:
        return self.product_id.partition("-")[2]

    @cached_property
    def ledger_increment(self) -> Decimal:
        return self.price_increment * self.base_increment

    @cached_property
    def quote_units(self) -> int:
        """Ledger units in one quote increment."""
        return int(self.quote_increment / self.ledger_increment)

    @cached_property
    def _tick_ratio(self) -> tuple[int, int]:
        return self.price_increment.as_integer_ratio()

    def ticks(self, price: Decimal) -> int:
        """A price in ticks, half even. This is the one door prices enter through."""
        return nearest_units(price, self.price_increment)

    def price(self, ticks: int) -> float:
        """The float64 nearest to the price: the same bits as ``float("110754.29")``."""
        numerator, denominator = self._tick_ratio
        return ticks * numerator / denominator

    def price_text(self, ticks: int) -> str:
        return plain(ticks * self.price_increment)

    def base_units(self, size: Decimal) -> int:
        """A size in base units, rounded down."""
        return floor_units(size, self.base_increment)

    def volume_units(self, volume: Decimal) -> int:
        """A traded volume in base units, half even."""
        return nearest_units(volume, self.base_increment)

    def base_text(self, units: int) -> str:
        return plain(units * self.base_increment)

    def ledger_up(self, amount: Decimal) -> int:
        """Money in ledger units, rounded up: for what we pay."""
        return ceil_units(amount, self.ledger_increment)

    def ledger_down(self, amount: Decimal) -> int:
        """Money in ledger units, rounded down: for what we get."""
        return floor_units(amount, self.ledger_increment)

    def money(self, ledger: int) -> Decimal:
        return ledger * self.ledger_increment

    def money_text(self, ledger: int) -> str:
        return plain(self.money(ledger))

    def quote_text(self, quote_units: int) -> str:
        return plain(quote_units * self.quote_increment)


BTC_USD = Instrument(
    product_id="BTC-USD",
    price_increment=Decimal("0.01"),
    base_increment=Decimal("0.00000001"),
    quote_increment=Decimal("0.01"),
    min_notional=Decimal("1"),
)
"""What Coinbase says of BTC-USD; the default of a backtest."""
