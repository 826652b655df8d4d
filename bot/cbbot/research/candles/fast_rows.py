"""Reads many ordinary rows at once: plain decimals and plain times, eight digits of every value in one go.

Ordinary is a number of up to 10 digits before the point and up to 8 after it, and a time as in
``2025-09-06T07:02:00Z`` or UNIX seconds, milli-, micro- or nanoseconds. Such a number is a whole number of
1e-8, so that rounding it to an increment is integer arithmetic and exact. Of every row it is known whether it was read;
the others are read one by one, by the rules of a row, which also say what is wrong with them.

Eight bytes of text are one 64-bit number, the first digit lowest. Three multiplications add neighbours up: digits
to numbers below 100, those to numbers below 10,000, and those to the result.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cbbot.candles.candle_rows import MICROSECONDS_FROM, MILLISECONDS_FROM, NANOSECONDS_FROM, Rounding
from cbbot.domain.instrument import Instrument
from cbbot.kernel.limits import LARGEST_TICKS, LARGEST_VOLUME

__all__ = ["PADDING", "Fields", "fields_of", "numbers_of"]

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]

PADDING: Final = b"\0" * 32
"""What must follow the last line, so that eight bytes can be taken from everywhere."""

_COMMA, _DOT, _NEWLINE = (ord(mark) for mark in ",.\n")
_ZEROS: Final = np.uint64(0x3030303030303030)
_HIGH_BITS: Final = np.uint64(0x8080808080808080)
_TO_HIGH_BIT: Final = np.uint64(0x7676767676767676)  # what lifts a byte above 9 to 128
_UNIT: Final = 10**8
_HALF_RANGE: Final = 2**62
# The last 8 - n bytes of a word gone, by n: as a shift upwards, and as a mask.
_SHIFTS: Final = np.array([56] + [8 * (8 - n) for n in range(1, 9)], dtype=np.uint64)
_MASKS: Final = np.array([256**n - 1 for n in range(9)], dtype=np.uint64)
_TAILS: Final = {19: b"", 20: b"Z", 24: b".000Z", 25: b"+00:00"}
_STAMP: Final = 19
_LONGEST_NUMBER: Final = 16  # what is longer is nanoseconds, whose last three digits must be 0
_PUNCTUATION: Final = ((4, b"-"), (7, b"-"), (10, b"T "), (13, b":"), (16, b":"))


class Fields(NamedTuple):
    """Where the wanted fields of a block's rows are: ``start <= i < end``, shape (n, 6), and their one dot.

    ``dot`` is ``end`` in a field without a dot, and in one with several, which is no number then.
    """

    text: bytes
    start: Integers
    dot: Integers
    end: Integers

    def row(self, index: int) -> list[str]:
        """A row's texts."""
        ends = self.end[index].tolist()
        return [
            self.text[a:b].decode("utf-8", "replace") for a, b in zip(self.start[index].tolist(), ends, strict=True)
        ]


def fields_of(text: bytes, width: int, columns: list[int]) -> Fields | None:
    """Take lines of ``width`` values apart. None when a line has more or fewer. ``text`` ends with ``PADDING``."""
    content = np.frombuffer(text, dtype=np.uint8)[: len(text) - len(PADDING)]
    marks = np.flatnonzero((content == _COMMA) | (content == _NEWLINE) | (content == _DOT))
    kinds = content[marks]
    bounds = np.flatnonzero(kinds != _DOT)
    if len(bounds) == 0 or len(bounds) % width:
        return None
    shape = (len(bounds) // width, width)
    closing = kinds[bounds].reshape(shape)
    if not ((closing[:, :-1] == _COMMA).all() and (closing[:, -1] == _NEWLINE).all()):
        return None
    end = marks[bounds]
    start = np.append(0, end[:-1] + 1)
    dots = np.diff(bounds, prepend=-1) - 1
    dot = np.where(dots == 1, marks[bounds - 1], end)
    return Fields(text, *(array.reshape(shape)[:, columns] for array in (start, dot, end)))


def numbers_of(fields: Fields, instrument: Instrument, rounding: Rounding | None = None) -> tuple[Integers, Flags]:
    """The rows on the instrument's scales, shape (n, 6), and which of them are candles for certain."""
    words: Words = np.ndarray((len(fields.text) - 8,), dtype="<u8", buffer=fields.text, strides=(1,))
    found = np.empty(fields.start.shape, dtype=np.int64)
    found[:, 0], sure = _times(fields, words)
    values, read = _decimals(words, fields)
    ratios = [Fraction(1, _UNIT) / Fraction(instrument.price_increment)] * 4
    ratios.append(Fraction(1, _UNIT) / Fraction(instrument.base_increment))
    for j, ratio in enumerate(ratios):
        found[:, j + 1], small = _units(values[:, j], ratio)
        read[:, j] &= small
    prices = found[:, 1:5]
    sure &= read.all(axis=1) & (prices > 0).all(axis=1) & (prices <= LARGEST_TICKS).all(axis=1)
    sure &= (found[:, 2] >= found[:, 3]) & (found[:, 5] <= LARGEST_VOLUME)
    if rounding is not None:
        _note(rounding, values, found[:, 1:], sure, ratios)
    return found, sure


def _note(rounding: Rounding, values: Integers, found: Integers, sure: Flags, ratios: list[Fraction]) -> None:
    """Add what rounding did: a value off by ``found / ratio - value``."""
    for j, ratio in enumerate(ratios[:4]):
        off = _off(values[:, j], found[:, j], ratio)
        if off is not None and (rounded := np.flatnonzero((off != 0) & sure)).size:
            share = np.abs(off[rounded]) / (values[rounded, j] * float(ratio.numerator))
            rounding.moved = max(rounding.moved, float(share.max()))
    volume = values[:, 4]
    rounding.volume += float(volume[sure].sum(dtype=np.float64)) / _UNIT
    off = _off(volume, found[:, 4], ratios[4])
    if off is not None:
        rounding.lost += float(np.abs(off[sure]).sum(dtype=np.float64)) / (_UNIT * float(ratios[4].numerator))


def _off(values: Integers, found: Integers, ratio: Fraction) -> Integers | None:
    """How far rounding went, times the ratio's numerator; None where nothing is rounded."""
    if ratio.denominator == 1:
        return None
    return found * ratio.denominator - (values if ratio.numerator == 1 else values * ratio.numerator)


def _decimals(words: Words, fields: Fields) -> tuple[Integers, Flags]:
    """Prices and volumes in units of 1e-8, shape (n, 5), and which are plain decimals."""
    start, dot, end = fields.start[:, 1:], fields.dot[:, 1:], fields.end[:, 1:]
    whole_length = dot - start
    part_length = end - dot - 1
    whole, sure = _digits(words, start, whole_length, 10)
    part = (words[dot + 1] ^ _ZEROS) & _MASKS[np.clip(part_length, 0, 8)]
    sure &= (part_length != 0) & (part_length <= 8) & _all_digits(part)
    return whole * _UNIT + _value(part), sure


def _units(values: Integers, ratio: Fraction) -> tuple[Integers, Flags]:
    """``values * ratio``, rounded half even; and where that does not leave 64 bits."""
    if max(ratio.numerator, ratio.denominator) >= _HALF_RANGE:
        return np.zeros_like(values), np.zeros(values.shape, dtype=np.bool_)
    small = values <= _HALF_RANGE // ratio.numerator
    scaled = values * ratio.numerator
    whole = scaled // ratio.denominator
    twice = 2 * (scaled - whole * ratio.denominator)
    up = (twice > ratio.denominator) | ((twice == ratio.denominator) & (whole & 1 == 1))
    return whole + up, small


def _digits(words: Words, start: Integers, length: Integers, most: int) -> tuple[Integers, Flags]:
    """Whole numbers of up to ``most`` digits (8 to 16), and which are made of digits alone."""
    low_length = np.minimum(length, 8)
    low = (words[start + length - low_length] ^ _ZEROS) << _SHIFTS[np.clip(low_length, 0, 8)]
    sure = (length >= 1) & (length <= most) & _all_digits(low)
    value = _value(low)
    if (length > 8).any():
        high_length = np.clip(length - 8, 0, 8)
        high = np.where(high_length > 0, (words[start] ^ _ZEROS) << _SHIFTS[high_length], np.uint64(0))
        sure &= _all_digits(high)
        value += _value(high) * _UNIT
    return value, sure


def _all_digits(word: Words) -> Flags:
    flags: Flags = ((word | (word + _TO_HIGH_BIT)) & _HIGH_BITS) == 0
    return flags


def _value(word: Words) -> Integers:
    word = (word * np.uint64(10 * 2**8 + 1) >> np.uint64(8)) & np.uint64(0x00FF00FF00FF00FF)
    word = (word * np.uint64(100 * 2**16 + 1) >> np.uint64(16)) & np.uint64(0x0000FFFF0000FFFF)
    word = word * np.uint64(10_000 * 2**32 + 1) >> np.uint64(32)
    return word.view(np.int64)


def _times(fields: Fields, words: Words) -> tuple[Integers, Flags]:
    start = fields.start[:, 0]
    length = fields.end[:, 0] - start
    longest = int(length.max())
    if longest in _TAILS and int(length.min()) == longest:
        return _stamps(fields.text, start, longest)
    if longest <= _LONGEST_NUMBER:
        number, sure = _digits(words, start, length, _LONGEST_NUMBER)
        unit = np.where(number >= MILLISECONDS_FROM, 1000, 1)
        unit = np.where(number >= MICROSECONDS_FROM, 10**6, unit)
        whole = number // unit
        return whole, sure & (number < NANOSECONDS_FROM) & (whole * unit == number)
    number, sure = _digits(words, start, length - 3, _LONGEST_NUMBER)
    last = (words[start + np.maximum(length - 3, 0)] ^ _ZEROS) & _MASKS[3]
    whole = number // 10**6
    sure &= (last == 0) & (1000 * number >= NANOSECONDS_FROM) & (whole * 10**6 == number)
    return whole, sure


def _stamps(text: bytes, start: Integers, length: int) -> tuple[Integers, Flags]:
    """UNIX seconds of ``2025-09-06T07:02:00`` with one of the tails that mean UTC."""
    stamps = np.ndarray((len(text) - length,), dtype=f"S{length}", buffer=text, strides=(1,))[start]
    characters = stamps.view(np.uint8).reshape(-1, length)
    digits = characters[:, :_STAMP] - np.uint8(ord("0"))
    sure = np.ones(len(start), dtype=np.bool_)
    for at, allowed in _PUNCTUATION:
        sure &= np.isin(characters[:, at], list(allowed))
    for at, character in enumerate(_TAILS[length], _STAMP):
        sure &= characters[:, at] == character

    def number(at: int, count: int) -> Integers:
        value = digits[:, at].astype(np.int64)
        sure[digits[:, at] > 9] = False
        for i in range(at + 1, at + count):
            sure[digits[:, i] > 9] = False
            value = value * 10 + digits[:, i]
        return value

    year, month, day = number(0, 4), number(5, 2), number(8, 2)
    hour, minute, second = number(11, 2), number(14, 2), number(17, 2)
    months = (year - 1970) * 12 + month - 1
    first, following = (months.astype("M8[M]"), (months + 1).astype("M8[M]"))
    first_day = first.astype("M8[D]").astype(np.int64)
    sure &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    sure &= first_day + day <= following.astype("M8[D]").astype(np.int64)
    sure &= (hour < 24) & (minute < 60) & (second < 60)
    return (first_day + day - 1) * 86_400 + hour * 3600 + minute * 60 + second, sure
