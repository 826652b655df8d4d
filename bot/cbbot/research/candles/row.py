"""What a row of a candle file must be, one row at a time. ``plain`` takes a short way to the same numbers.

- Time: RFC 3339 (no zone means UTC, a date alone its midnight), UNIX seconds or UNIX milliseconds, in whole seconds.
- Prices and volume: decimal notation, with an exponent if need be, no separators of thousands. Prices are rounded
  half even to the price increment, on the decimal text, and must then be above 0. The volume is not negative.
- ``high`` is not below ``low``. An open or close outside of them is not refused: exchanges do report such
  candles, and what is traded on is the close. They are counted instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from cbbot.domain.candle import Candle
from cbbot.domain.decimals import parse_decimal, plain
from cbbot.domain.instrument import Instrument
from cbbot.errors import BadInput
from cbbot.kernel.limits import LARGEST_TICKS, LARGEST_VOLUME
from cbbot.research.candles.errors import BadRow, TooLarge

__all__ = ["FIELDS", "MICROSECONDS_FROM", "MILLISECONDS_FROM", "candle", "seconds"]

FIELDS: Final = ("time", "open", "high", "low", "close", "volume")
MILLISECONDS_FROM: Final = 100_000_000_000  # UNIX seconds reach this in the year 5138
MICROSECONDS_FROM: Final = 1000 * MILLISECONDS_FROM

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_UNIX: Final = re.compile(r"(-?\d{1,18})(\.0*)?", re.ASCII)
_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)([Tt ]([01]\d|2[0-3]):\d\d:\d\d(\.\d+)? ?([Zz]|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)
_SHOWN: Final = 40


def candle(texts: Sequence[str], instrument: Instrument) -> Candle:
    """The candle of a row's texts, in the order of ``FIELDS``.

    Raises:
        BadRow: it is none.
        TooLarge: its numbers are beyond the instrument's scales.
    """
    start = seconds(texts[0])
    numbers = [_decimal(name, text) for name, text in zip(FIELDS[1:], texts[1:], strict=True)]
    prices = [_ticks(name, value, instrument) for name, value in zip(FIELDS[1:5], numbers, strict=False)]
    volume = instrument.volume_units(numbers[4])
    if prices[1] < prices[2]:
        raise BadRow(f"high {texts[2].strip()} is below low {texts[3].strip()}")
    if numbers[4] < 0:
        raise BadRow(f"volume is below 0: {texts[5].strip()}")
    if volume > LARGEST_VOLUME:
        raise TooLarge(
            f"volume {texts[5].strip()} is more than {LARGEST_VOLUME} units of {plain(instrument.base_increment)}, "
            "with which cbbot can count exactly; set --base-increment to the product's own"
        )
    return Candle(start, prices[0], prices[1], prices[2], prices[3], volume)


def seconds(text: str) -> int:
    """UNIX seconds of a time in any of the accepted forms.

    Raises:
        BadRow: it is in none of them.
    """
    stripped = text.strip()
    if number := _UNIX.fullmatch(stripped):
        return _unix_seconds(stripped, int(number[1]))
    found = _RFC3339.fullmatch(stripped)
    if found is None:
        raise BadRow(
            f"time {_shown(stripped)} is no time; accepted are 2025-09-06T07:02:00Z, UNIX seconds and UNIX milliseconds"
        )
    if found[4] and found[4].strip(".0"):
        raise BadRow(f"time {_shown(stripped)} is not a whole second")
    plain_text = stripped.replace(found[4], "") if found[4] else stripped
    try:
        moment = datetime.fromisoformat(plain_text.upper().replace(" +", "+").replace(" -", "-").replace(" Z", "Z"))
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError) as error:
        raise BadRow(f"time {_shown(stripped)} is no time: {error}") from error


def _unix_seconds(text: str, number: int) -> int:
    if abs(number) < MILLISECONDS_FROM:
        return number
    if abs(number) >= MICROSECONDS_FROM:
        raise BadRow(f"time {_shown(text)} is neither UNIX seconds nor milliseconds")
    if number % 1000:
        raise BadRow(f"time {_shown(text)} is not a whole second")
    return number // 1000


def _decimal(name: str, text: str) -> Decimal:
    stripped = text.strip()
    if not stripped:
        raise BadRow(f"{name} is empty")
    if stripped.lstrip("+-").lower() in ("nan", "inf", "infinity"):
        raise BadRow(f"{name} is not a finite number: {stripped}")
    if not _NUMBER.fullmatch(stripped):
        raise BadRow(f"{name} is not a number: {_shown(stripped)}")
    try:
        return parse_decimal(stripped)
    except BadInput as error:
        raise BadRow(f"{name}: {error}") from error


def _ticks(name: str, price: Decimal, instrument: Instrument) -> int:
    if price <= 0:
        raise BadRow(f"{name} is not above 0: {plain(price)}")
    ticks = instrument.ticks(price)
    if ticks == 0:
        raise BadRow(
            f"{name} is not above 0 when rounded: {plain(price)} is less than half of the price increment "
            f"{plain(instrument.price_increment)}; set --price-increment to the product's own"
        )
    if ticks > LARGEST_TICKS:
        raise TooLarge(
            f"{name} {plain(price)} is more than {LARGEST_TICKS} ticks of {plain(instrument.price_increment)}, with "
            "which cbbot can count exactly; set --price-increment to the product's own, or mend the row"
        )
    return ticks


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
