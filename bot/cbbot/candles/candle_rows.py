"""What a row of a candle file must be, one row at a time and exactly.

- Time: RFC 3339 (no zone means UTC; seconds may be missing, dots may stand for dashes; a date alone is its
  midnight), or UNIX seconds, milli-, micro- or nanoseconds. In whole seconds.
- Prices and volume: decimal notation, with an exponent if need be, no separators of thousands. Prices are above 0
  and rounded half even to the price increment, on the decimal text. The volume is not negative.
- ``high`` is not below ``low``. An open or close outside of them is not refused: exchanges do report such
  candles, and what is traded on is the close. They are counted instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from cbbot.candles.candle_errors import BadRow, TooCoarse
from cbbot.domain.candle import Candle
from cbbot.domain.decimals import parse_decimal, plain, whole_units
from cbbot.domain.instrument import Instrument
from cbbot.errors import BadInput

__all__ = [
    "FIELDS",
    "MICROSECONDS_FROM",
    "MILLISECONDS_FROM",
    "NANOSECONDS_FROM",
    "Rounding",
    "Values",
    "are_plain",
    "last_digit",
    "misfit",
    "scaled",
    "seconds",
    "values",
]

FIELDS: Final = ("time", "open", "high", "low", "close", "volume")
MILLISECONDS_FROM: Final = 100_000_000_000  # UNIX seconds reach this in the year 5138
MICROSECONDS_FROM: Final = 1000 * MILLISECONDS_FROM
NANOSECONDS_FROM: Final = 1000 * MICROSECONDS_FROM

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WITH_COMMA: Final = re.compile(r"[+-]?[\d.]*,[\d.,]*", re.ASCII)
_PLAIN_ROW: Final = re.compile(r"(\d{1,20}(\.\d{1,20})?,){4}\d{1,20}(\.\d{1,20})?", re.ASCII)
_PLAIN_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):\d\d:\d\dZ", re.ASCII)
_UNIX: Final = re.compile(r"(-?\d{1,19})(\.0*)?", re.ASCII)
_RFC3339: Final = re.compile(
    r"(\d{4})[-.](\d\d)[-.](\d\d)"
    r"([Tt ]([01]\d|2[0-3]):\d\d(?P<second>:\d\d(?P<part>\.\d+)?)? ?(?P<zone>[Zz]|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)
_SHOWN: Final = 40
# A last row without its line's end is one whose numbers may have lost digits: then it is off by a factor.
_FAR: Final = 0.5
_EARLY: Final = 100_000_000  # UNIX seconds of 1973: a time that lost a digit lies before it


class Values(NamedTuple):
    """A row's numbers: UNIX seconds and exact decimals."""

    start: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


class Rounding:
    """What rounding did so far: the largest share that it moved a price by, and the volume that it changed, of all."""

    __slots__ = ("lost", "moved", "volume")

    def __init__(self) -> None:
        self.moved = self.volume = self.lost = 0.0


def values(texts: Sequence[str]) -> Values:
    """The numbers of a row's texts, in the order of ``FIELDS``.

    Raises:
        BadRow: it is no candle.
    """
    start = seconds(texts[0])
    if are_plain(texts):
        found = Values(start, *map(Decimal, texts[1:]))
    else:
        found = Values(start, *(_decimal(name, text) for name, text in zip(FIELDS[1:], texts[1:], strict=True)))
    if min(found[1:5]) <= 0:
        name, price = next(each for each in zip(FIELDS[1:5], found[1:5], strict=True) if each[1] <= 0)
        raise BadRow(f"{name} is not above 0: {plain(Decimal(price))}")
    if found.high < found.low:
        raise BadRow(f"high {texts[2].strip()} is below low {texts[3].strip()}")
    if found.volume < 0:
        raise BadRow(f"volume is below 0: {texts[5].strip()}")
    return found


def are_plain(texts: Sequence[str]) -> bool:
    """Whether a row's numbers are digits with a point between them at most."""
    return _PLAIN_ROW.fullmatch(",".join(texts[1:])) is not None


def scaled(found: Values, instrument: Instrument, rounding: Rounding) -> Candle:
    """The candle on the instrument's scales; what rounding did is added to ``rounding``.

    Raises:
        TooCoarse: a price becomes 0 there.
    """
    increment = instrument.price_increment
    ticks = []
    for name, price in zip(FIELDS[1:5], found[1:5], strict=True):
        whole = whole_units(Decimal(price), increment)
        if whole is None:
            whole = instrument.ticks(Decimal(price))
            if whole == 0:
                raise TooCoarse(
                    f"{name} is not above 0 when rounded: {price:f} is less than half of the price increment "
                    f"{plain(increment)}; give --price-increment {plain(Decimal(1).scaleb(last_digit(Decimal(price))))}"
                )
            rounding.moved = max(rounding.moved, abs(float((whole * increment - price) / price)))
        ticks.append(whole)
    volume = whole_units(found.volume, instrument.base_increment)
    if volume is None:
        volume = instrument.volume_units(found.volume)
        rounding.lost += abs(float(volume * instrument.base_increment - found.volume))
    rounding.volume += float(found.volume)
    return Candle(found.start, ticks[0], ticks[1], ticks[2], ticks[3], volume)


def last_digit(price: Decimal) -> int:
    """The power of ten that the number's last digit counts, 0 for whole numbers."""
    exponent = price.as_tuple().exponent
    if not isinstance(exponent, int) or exponent >= 0:
        return 0
    # Zeros at the end say nothing.
    exponent = price.normalize().as_tuple().exponent
    return min(exponent, 0) if isinstance(exponent, int) else 0


def misfit(before: Sequence[float], last: Sequence[float]) -> str:
    """Which number of the last row is more than half off the row before it, by name; empty when none is.

    Both are time, open, high, low, close; the prices are held against the close before them.
    """
    if last[0] < _FAR * before[0] and before[0] > _EARLY:
        return FIELDS[0]
    for name, price in zip(FIELDS[1:5], last[1:5], strict=True):
        if abs(price - before[4]) > _FAR * before[4]:
            return name
    return ""


def seconds(text: str) -> int:
    """UNIX seconds of a time in any of the accepted forms.

    Raises:
        BadRow: it is in none of them.
    """
    stripped = text.strip()
    if _PLAIN_TIME.fullmatch(stripped):
        return _moment(stripped, stripped)
    if number := _UNIX.fullmatch(stripped):
        return _unix_seconds(stripped, int(number[1]))
    found = _RFC3339.fullmatch(stripped)
    if found is None:
        raise BadRow(
            f"time {_shown(stripped)} is no time; accepted are 2025-09-06T07:02:00Z and UNIX seconds, milli-, "
            "micro- or nanoseconds"
        )
    if found["part"] and found["part"].strip(".0"):
        raise BadRow(f"time {_shown(stripped)} is not a whole second")
    clock = stripped[11:16] or "00:00"
    second = (found["second"] or ":00")[:3]
    zone = (found["zone"] or "Z").upper()
    return _moment(stripped, f"{found[1]}-{found[2]}-{found[3]}T{clock}{second}{zone}")


def _moment(text: str, in_full: str) -> int:
    try:
        return int(datetime.fromisoformat(in_full).timestamp())
    except (ValueError, OverflowError) as error:
        raise BadRow(f"time {_shown(text)} is no time: {error}") from error


def _unix_seconds(text: str, number: int) -> int:
    size = abs(number)
    unit = 1 if size < MILLISECONDS_FROM else 1000 if size < MICROSECONDS_FROM else 10**6
    unit = 10**9 if size >= NANOSECONDS_FROM else unit
    if number % unit:
        raise BadRow(f"time {_shown(text)} is not a whole second")
    return number // unit


def _decimal(name: str, text: str) -> Decimal:
    stripped = text.strip()
    if not stripped:
        raise BadRow(f"{name} is empty")
    if stripped.lstrip("+-").lower() in ("nan", "inf", "infinity"):
        raise BadRow(f"{name} is not a finite number: {stripped}")
    if _WITH_COMMA.fullmatch(stripped):
        raise BadRow(f"{name} has a comma in it: {_shown(stripped)}; the decimal mark is a point, thousands have none")
    if not _NUMBER.fullmatch(stripped):
        raise BadRow(f"{name} is not a number: {_shown(stripped)}")
    try:
        return parse_decimal(stripped)
    except BadInput as error:
        raise BadRow(f"{name}: {error}") from error


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
