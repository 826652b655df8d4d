"""A product's increments from what a person typed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

from cbbot.candles.candle_increments import instrument_of_file
from cbbot.domain.decimals import parse_decimal
from cbbot.domain.instrument import Instrument
from cbbot.errors import BadInput

__all__ = ["decimal_option", "instrument_of"]


def instrument_of(product_id: str, given: Mapping[str, str | None], path: Path, form: str | None) -> Instrument:
    """``given`` are the instrument's fields as decimal text, and options are named after them.

    A field that is None is the known product's, else what the candles of the file need.

    Raises:
        BadInput: one is no number, or none that an increment can be; or together they cannot be counted with; or the
            file cannot be read.
    """
    values = {name: _increment(name, text) for name, text in given.items() if text is not None}
    try:
        return instrument_of_file(product_id, values, path, form)
    except InvalidOperation as error:
        options = ", ".join(f"{_option(name)}={given[name]}" for name in values)
        raise BadInput(f"{options}: too many digits to count money exactly; give the product's own") from error


def decimal_option(option: str, text: str) -> Decimal:
    """
    Raises:
        BadInput: the option's text is no decimal number.
    """
    try:
        return parse_decimal(text)
    except BadInput as error:
        raise BadInput(f"{option}: {error}") from error


def _increment(name: str, text: str) -> Decimal:
    value = decimal_option(_option(name), text)
    may_be_zero = name == "min_notional"
    if value < 0 or (value == 0 and not may_be_zero):
        accepted = "a number of 0 or more" if may_be_zero else "a number above 0"
        raise BadInput(f"{_option(name)}={text} is not accepted: {accepted}")
    return value


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
