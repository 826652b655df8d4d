"""What one setting is: its names, its bounds, and how its text becomes a value.

The environment carries text, a TradingBot carries YAML scalars; both go through
:meth:`Setting.parse`, so that a value is accepted or refused the same way everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from typing import Any, Final
from urllib.parse import urlsplit

from cbbot.domain.decimals import parse_decimal, plain
from cbbot.errors import BadInput

__all__ = ["LONGEST_URL", "BadSetting", "Kind", "Setting"]

_TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})
_FALSE = frozenset({"false", "0", "no", "off", "f", "n"})

# Decimals are turned into integers for exact arithmetic; these digits are what the scales hold.
PERCENT_DIGITS = 6
MONEY_DIGITS = 8

# The API server bounds by it what an expression may cost.
LONGEST_URL: Final = 512

_LONGEST_SHOWN: Final = 120


class BadSetting(BadInput):
    """A setting whose value cannot be used: names the key, the value, and what is accepted."""

    def __init__(self, key: str, value: str, accepted: str) -> None:
        super().__init__(f"{key}={_shown(value)} is not accepted: {accepted}")
        self.key = key
        self.value = value
        self.accepted = accepted


class Kind(Enum):
    """How the text of a setting is read."""

    DECIMAL = auto()
    INTEGER = auto()
    BOOLEAN = auto()
    CHOICE = auto()
    PRODUCT = auto()
    IDENTIFIER = auto()
    PATH = auto()
    URL = auto()
    ORIGIN = auto()
    WEBSOCKET = auto()
    TEXT = auto()


_FORMS = {
    Kind.PRODUCT: re.compile(r"[A-Z0-9]{1,20}-(USD|USDC)"),
    Kind.IDENTIFIER: re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"),
    Kind.PATH: re.compile(r"[^\x00-\x1f\x7f]+"),
    Kind.URL: re.compile(r"https?://\S+"),
    Kind.ORIGIN: re.compile(r"https?://[^\s/?#@]+/?"),
    Kind.WEBSOCKET: re.compile(r"wss?://[^\s/?#]+\S*"),
}
_LONGEST = {Kind.PRODUCT: 25, Kind.URL: LONGEST_URL, Kind.ORIGIN: LONGEST_URL, Kind.WEBSOCKET: LONGEST_URL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of the settings table.

    ``field`` is the path in a TradingBot's spec, None where the operator or the command line
    sets the key. ``default`` is text, None where there is none; ``required`` then refuses to go
    without. ``minimum`` and ``maximum`` are inclusive unless ``above`` or ``below`` says that
    the bound itself is not allowed.
    """

    key: str
    kind: Kind
    meaning: str
    field: str | None = None
    default: str | None = None
    required: bool = False
    minimum: str | None = None
    maximum: str | None = None
    above: bool = False
    below: bool = False
    digits: int = PERCENT_DIGITS
    choices: tuple[str, ...] = ()
    secret: bool = False

    @property
    def attribute(self) -> str:
        """The name on the ``Settings`` object."""
        return self.key.lower()

    @property
    def accepted(self) -> str:
        """What is accepted, in words for a person."""
        match self.kind:
            case Kind.BOOLEAN:
                return "true or false"
            case Kind.CHOICE:
                return "one of " + ", ".join(self.choices)
            case Kind.PRODUCT:
                return "a product quoted in USD or USDC, upper case, such as BTC-USD"
            case Kind.IDENTIFIER:
                return "letters, digits, dot, dash and underscore, at most 63, starting with a letter or digit"
            case Kind.PATH:
                return "a path"
            case Kind.URL:
                return f"an http:// or https:// address of at most {LONGEST_URL} characters"
            case Kind.ORIGIN:
                return "an http:// or https:// address of scheme, host and port alone, such as https://api.coinbase.com"
            case Kind.WEBSOCKET:
                return f"a ws:// or wss:// address of at most {LONGEST_URL} characters"
            case Kind.INTEGER:
                return f"a whole number {self._range}"
            case Kind.DECIMAL:
                return f"a number {self._range} with at most {self.digits} decimal places"
            case Kind.TEXT:
                raise NotImplementedError(self.key)  # a TextSetting says it itself

    @property
    def form(self) -> str | None:
        """The regular expression that the whole text matches, for kinds that have one."""
        form = _FORMS.get(self.kind)
        return None if form is None else form.pattern

    @property
    def longest(self) -> int | None:
        """The most characters, where they are bounded beside :attr:`form`."""
        return _LONGEST.get(self.kind)

    @property
    def _range(self) -> str:
        if self.above:
            return f"above {self.minimum}" + (f", at most {self.maximum}" if self.maximum else "")
        if self.below:
            return f"from {self.minimum} to below {self.maximum}"
        if self.minimum and self.maximum:
            return f"from {self.minimum} to {self.maximum}"
        return f"of {self.minimum} or more" if self.minimum else f"of {self.maximum} or less"

    def parse(self, text: str) -> Any:
        """The value of ``text``: Decimal, int, bool or str according to the kind.

        Raises:
            BadSetting: malformed or out of bounds. A secret's value is not repeated.
        """
        stripped = text.strip()
        match self.kind:
            case Kind.INTEGER | Kind.DECIMAL:
                return self._parse_number(stripped)
            case Kind.BOOLEAN if stripped.lower() in _TRUE | _FALSE:
                return stripped.lower() in _TRUE
            case Kind.CHOICE:
                chosen = next((choice for choice in self.choices if choice.lower() == stripped.lower()), None)
                if chosen is not None:
                    return chosen
            case Kind.URL | Kind.ORIGIN if self._has_form(stripped) and _has_host(stripped):
                return stripped.rstrip("/")
            case Kind.WEBSOCKET if self._has_form(stripped) and _has_host(stripped):
                return stripped
            case Kind.PRODUCT | Kind.IDENTIFIER | Kind.PATH if self._has_form(stripped):
                return stripped
        raise self.bad(text)

    def _has_form(self, text: str) -> bool:
        fits = self.longest is None or len(text) <= self.longest
        return fits and _FORMS[self.kind].fullmatch(text) is not None

    def _parse_number(self, text: str) -> Decimal | int:
        try:
            value = parse_decimal(text)
        except BadInput as error:
            raise self.bad(text) from error
        too_low = self.minimum is not None and (
            value <= Decimal(self.minimum) if self.above else value < Decimal(self.minimum)
        )
        too_high = self.maximum is not None and (
            value >= Decimal(self.maximum) if self.below else value > Decimal(self.maximum)
        )
        if too_low or too_high or _decimal_places(value) > (0 if self.kind is Kind.INTEGER else self.digits):
            raise self.bad(text)
        if self.kind is Kind.INTEGER:
            return int(value)
        return value if value else abs(value)  # -0 would be shown as such

    def bad(self, text: str) -> BadSetting:
        return BadSetting(self.key, "***" if self.secret else text, self.accepted)

    def text(self, value: Any) -> str:
        """The environment's text of a parsed value: ``parse(text(v)) == v``."""
        if isinstance(value, bool):
            return "true" if value else "false"
        return plain(value) if isinstance(value, Decimal) else str(value)


def _decimal_places(value: Decimal) -> int:
    """Places behind the point without trailing zeros. ``normalize`` would round what is longer than its context."""
    _, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits))
    return max(0, len(text.rstrip("0")) - len(text) - int(exponent)) if value else 0


def _has_host(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is none, a bracket that is never closed
        return False


def _shown(value: str) -> str:
    before, at, host = value.rpartition("@")
    if at:
        # User and password of an address.
        scheme, slashes, _ = before.partition("//")
        value = f"{scheme}{slashes}***@{host}" if slashes else f"***@{host}"
    return repr(value) if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]!r}... ({len(value)} characters)"
