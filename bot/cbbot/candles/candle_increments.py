"""Which increments a file's prices and volumes need, and what rounding to a product's increments does to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from cbbot.candles.candle_blocks import opened, rows_of
from cbbot.candles.candle_errors import BadCandles
from cbbot.candles.candle_rows import Rounding, last_digit
from cbbot.domain.decimals import plain
from cbbot.domain.instrument import BTC_USD, Instrument
from cbbot.domain.products import known_product

__all__ = ["check_rounding", "instrument_of_file", "own_increment", "rounding_remark", "too_coarse"]

# Eight digits are a hundredth of a percent of a hundredth of a percent: more are the noise of somebody's float.
_DIGITS: Final = 8
_FINEST_LEDGER: Final = Decimal("1E-13")  # a machine integer counts a million of quote currency in it
_MOST_MOVED: Final = 0.0001
_MOST_LOST: Final = 0.01


def rounding_remark(rounding: Rounding, instrument: Instrument) -> str:
    """What to say of prices that were rounded; empty when none was."""
    if not rounding.moved:
        return ""
    return (
        f"prices with more digits than the price increment {plain(instrument.price_increment)} are rounded to it, "
        f"which moves one by {_percent(rounding.moved)} at most"
    )


def check_rounding(rounding: Rounding, path: Path, form: str | None, instrument: Instrument) -> None:
    """
    Raises:
        BadCandles: the increments are too coarse for the file; with the option and the value to give.
    """
    if rounding.moved > _MOST_MOVED:
        raise too_coarse(str(path), path, form, instrument, f"moves a price by {_percent(rounding.moved)}")
    finer = _base_increment(instrument.price_increment)
    if rounding.lost > _MOST_LOST * rounding.volume and finer < instrument.base_increment:
        raise BadCandles(
            f"{path}: rounding to the base increment {plain(instrument.base_increment)} changes the volume by "
            f"{_percent(rounding.lost / rounding.volume)}; give --base-increment {plain(finer)}"
        )


def too_coarse(where: str, path: Path, form: str | None, instrument: Instrument, why: str) -> BadCandles:
    """The error of a price increment that is too coarse for the file."""
    needed = own_increment(path, form)
    said = f"{where}: rounding to the price increment {plain(instrument.price_increment)} {why}"
    if needed >= instrument.price_increment:
        return BadCandles(f"{said}; its prices differ too much for any increment: leave the smallest out")
    return BadCandles(
        f"{said}; give --price-increment {plain(needed)}, or name the product (PRODUCT_ID, --product) if it is not "
        f"{instrument.product_id}"
    )


def own_increment(path: Path, form: str | None) -> Decimal:
    """The power of ten that the finest of the file's prices counts in, as far as eight digits reach.

    Raises:
        BadCandles: the file cannot be read.
    """
    finest, highest = 0, Decimal(0)
    for row in rows_of(opened(path, form), skip=True):
        highest = max(highest, row.values.high)
        finest = min(finest, *(last_digit(Decimal(price)) for price in row.values[1:5]))
    return Decimal(1).scaleb(min(max(finest, highest.adjusted() + 1 - _DIGITS), 0))


def instrument_of_file(product_id: str, given: Mapping[str, Decimal], path: Path, form: str | None) -> Instrument:
    """The product with the increments that are ``given``, by field; others are the known product's, else the file's.

    Raises:
        BadInput: the increments do not go together, or the file cannot be read.
    """
    known = known_product(product_id)
    if known is None:
        price = given.get("price_increment") or own_increment(path, form)
        known = replace(BTC_USD, product_id=product_id, price_increment=price, base_increment=_base_increment(price))
    changes: dict[str, Any] = dict(given)
    return replace(known, **changes)


def _base_increment(price_increment: Decimal) -> Decimal:
    """The finest that sizes may be counted in. The volume's own digits may be too few to trade with."""
    return max(BTC_USD.base_increment, Decimal(1).scaleb((_FINEST_LEDGER / price_increment).adjusted()))


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
