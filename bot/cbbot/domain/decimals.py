"""Exact decimals: parsed once at the edge, printed plainly, rounded in a named direction.

Everything here works on :class:`decimal.Decimal` in a context wide enough that no operation
rounds unless it is asked to.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

from cbbot.errors import BadInput

__all__ = ["ceil_units", "floor_units", "nearest_units", "of_units", "parse_decimal", "plain", "whole_units"]

# 60 digits: a price x size x rate of any Coinbase product fits without rounding.
_EXACT = Context(prec=60)
_LONGEST_TEXT = 64


def parse_decimal(text: str) -> Decimal:
    """A finite decimal from text.

    Raises:
        BadInput: the text is empty, no number, infinite, NaN, or absurdly long.
    """
    stripped = text.strip()
    if not stripped or len(stripped) > _LONGEST_TEXT:
        raise BadInput(f"{text[:_LONGEST_TEXT]!r} is not a decimal number")
    # Decimal reads 1_000 and digits of every script; nobody who means a price writes either.
    if not stripped.isascii() or "_" in stripped:
        raise BadInput(f"{text!r} is not a decimal number")
    try:
        value = Decimal(stripped)
    except InvalidOperation as error:
        raise BadInput(f"{text!r} is not a decimal number") from error
    # An exponent of 1e9 is legal for Decimal and a memory bomb for everything after it.
    if not value.is_finite() or abs(value.adjusted()) > 40:
        raise BadInput(f"{text!r} is not a finite number of sensible size")
    return value


def plain(value: Decimal) -> str:
    """Plain decimal notation, never an exponent; the digits are kept as they are."""
    return format(value, "f")


def _units(value: Decimal, increment: Decimal, rounding: str) -> int:
    return int(_EXACT.divide(value, increment).to_integral_value(rounding=rounding))


def whole_units(value: Decimal, increment: Decimal) -> int | None:
    """How many increments ``value`` is; None when that is no whole number."""
    units, rest = _EXACT.divmod(value, increment)
    return None if rest else int(units)


def of_units(units: int, increment: Decimal) -> Decimal:
    """So many increments, to the last digit."""
    return _EXACT.multiply(units, increment)


def floor_units(value: Decimal, increment: Decimal) -> int:
    """How many whole increments are in ``value``, rounded towards minus infinity."""
    return _units(value, increment, ROUND_FLOOR)


def ceil_units(value: Decimal, increment: Decimal) -> int:
    """How many whole increments cover ``value``, rounded towards plus infinity."""
    return _units(value, increment, ROUND_CEILING)


def nearest_units(value: Decimal, increment: Decimal) -> int:
    """The nearest whole number of increments, ties to the even one."""
    return _units(value, increment, ROUND_HALF_EVEN)
