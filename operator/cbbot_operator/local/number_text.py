"""Numbers and times as a person reads them on a terminal."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from cbbot.domain.decimals import parse_decimal
from cbbot.errors import BadInput

__all__ = ["age", "clock", "money", "price"]


def money(text: str | None, places: int = 2, *, sign: bool = False) -> str:
    """Decimal text rounded to ``places``, thousands apart; ``sign`` shows a plus too."""
    if text is None:
        return "-"
    try:
        value = parse_decimal(text)
    except BadInput:
        return text
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    # Without the addition a small loss would read -0.00.
    return f"{rounded + 0:{'+' if sign else ''},f}"


def price(text: str | None) -> str:
    """A price with all its digits, thousands apart."""
    if text is None:
        return "-"
    try:
        return f"{parse_decimal(text):,f}"
    except BadInput:
        return text


def age(seconds: float | None) -> str:
    """How old something is, in one unit."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def clock(at: str | None) -> str:
    """The time of day, in UTC as given, of an RFC 3339 time."""
    if at is None:
        return "-"
    try:
        return f"{datetime.fromisoformat(at):%m-%d %H:%M:%S}"
    except ValueError:
        return at
