"""Fields of the state's document, each read as what it must be. Pure.

JSON holds whatever a hand or a fault wrote; what leaves here is of the type and within the bounds that the trader
counts on, and a refusal names the field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import isfinite
from typing import Any, Final, NoReturn, TypeVar

from cbbot.domain.decimals import parse_decimal, whole_units
from cbbot.domain.instrument import Instrument
from cbbot.errors import BadInput

__all__ = ["BadState", "Fields"]

T = TypeVar("T")

_LARGEST_COUNT: Final = 2**53
# The end of the year 9999, the last that a time can be written of.
_LAST_MS: Final = 253_402_300_799_999
# As large as a decimal may be: sums and products of these stay within float64.
_LARGEST_WHOLE: Final = 10**40
_LONGEST_SHOWN: Final = 40


class BadState(BadInput):
    """A document that is no state of ours."""


class Fields:
    """The fields of one object of the document; ``path`` says where in the document it is.

    Every method raises BadState, with the field's path, for a field that is missing or of another kind.
    """

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self._values = values
        self._path = path

    def names(self) -> set[str]:
        return set(self._values)

    def text(self, name: str) -> str:
        value = self._value(name)
        return value if isinstance(value, str) else self._not(name, "text")

    def flag(self, name: str) -> bool:
        value = self._value(name)
        return value if isinstance(value, bool) else self._not(name, "true or false")

    def whole(self, name: str, lowest: int = -_LARGEST_WHOLE, highest: int = _LARGEST_WHOLE) -> int:
        return self._whole(name, self._value(name), lowest, highest)

    def count(self, name: str, lowest: int = 0) -> int:
        return self.whole(name, lowest, _LARGEST_COUNT)

    def time_ms(self, name: str) -> int:
        """Milliseconds since the epoch; -1 is never."""
        return self.whole(name, -1, _LAST_MS)

    def start(self, name: str) -> int:
        """A candle's open time, in seconds."""
        return self.whole(name, -_LAST_MS // 1000, _LAST_MS // 1000)

    def real(self, name: str) -> float:
        return self._real(name, self._value(name))

    def wholes(self, name: str, lowest: int = -_LARGEST_WHOLE) -> tuple[int, ...]:
        return tuple(self._whole(at, each, lowest, _LARGEST_WHOLE) for at, each in self._each(name))

    def reals(self, name: str) -> tuple[float, ...]:
        return tuple(self._real(at, each) for at, each in self._each(name))

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(each if isinstance(each, str) else self._not(at, "text", each) for at, each in self._each(name))

    def decimal(self, name: str) -> Decimal:
        try:
            return parse_decimal(self.text(name))
        except BadState:
            raise
        except BadInput as error:
            raise BadState(f"the state cannot be read: {self._path}{name}: {error}") from error

    def units(self, name: str, increment: Decimal, lowest: int | None = None) -> int:
        """An amount as a whole number of increments."""
        value = self.decimal(name)
        try:
            units = whole_units(value, increment)
        except ArithmeticError as error:
            raise BadState(f"the state cannot be read: {self._path}{name} is too large to be counted") from error
        if units is None:
            raise BadState(
                f"the state cannot be read: {self._path}{name}: {value:f} is no whole number of the venue's "
                "increments, which have become coarser"
            )
        return units if lowest is None or units >= lowest else self._not(name, f"an amount of at least {lowest}")

    def ticks(self, name: str, instrument: Instrument) -> int:
        """A price in ticks."""
        value = self.decimal(name)
        if value < 0:
            self._not(name, "a price")
        try:
            return instrument.ticks(value)
        except ArithmeticError as error:
            raise BadState(f"the state cannot be read: {self._path}{name} is too large to be counted") from error

    def one_of(self, name: str, choices: Mapping[str, T]) -> T:
        """What the text stands for."""
        value = self.text(name)
        return choices[value] if value in choices else self._not(name, f"one of {', '.join(choices)}")

    def holds(self, name: str) -> bool:
        """Whether the field, which must be there, holds something."""
        return self._value(name) is not None

    def part(self, name: str) -> Fields:
        return self._part(name, self._value(name))

    def parts(self, name: str) -> tuple[Fields, ...]:
        return tuple(self._part(at, each) for at, each in self._each(name))

    def _value(self, name: str) -> Any:
        if name not in self._values:
            raise BadState(f"the state has no field {self._path}{name}")
        return self._values[name]

    def _each(self, name: str) -> Iterator[tuple[str, Any]]:
        value = self._value(name)
        if not isinstance(value, list | tuple):
            self._not(name, "a list")
        return ((f"{name}[{index}]", each) for index, each in enumerate(value))

    def _part(self, at: str, value: Any) -> Fields:
        return Fields(value, f"{self._path}{at}.") if isinstance(value, dict) else self._not(at, "an object", value)

    def _whole(self, at: str, value: Any, lowest: int, highest: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            self._not(at, "a whole number", value)
        return value if lowest <= value <= highest else self._not(at, "a number of sensible size", value)

    def _real(self, at: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._not(at, "a number", value)
        sensible = isfinite(value) if isinstance(value, float) else abs(value) <= _LARGEST_WHOLE
        return float(value) if sensible else self._not(at, "a number of sensible size", value)

    def _not(self, at: str, kind: str, value: Any = ...) -> NoReturn:
        found = self._values[at] if value is ... else value
        raise BadState(f"the state cannot be read: {self._path}{at} is {_shown(found)}, not {kind}")


def _shown(value: Any) -> str:
    """A value for a person; of lists and objects no more than what they are."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict | list | tuple):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and abs(value) > _LARGEST_WHOLE:
        return "a huge number"
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
