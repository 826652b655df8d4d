"""Reading requests: bodies and query strings become values, or an error in Coinbase's shape that names the field.

Coinbase takes numbers as JSON strings in plain notation, so ``10``, ``"1e2"``, ``" 10 "`` and ``"+10"`` are no sizes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request

from cbbot_bridge.simulator.error_answers import ApiError

__all__ = [
    "MOST_BODY_BYTES",
    "Fields",
    "bounded",
    "choices",
    "decimal",
    "flag",
    "instant",
    "integer",
    "known_only",
    "read_fields",
    "repeated",
]

MOST_BODY_BYTES: Final = 64 * 1024
_LONGEST_TEXT: Final = 128
_MOST_DIGITS: Final = 64
_DECIMAL: Final = re.compile(r"-?([0-9]+(\.[0-9]+)?|\.[0-9]+)", re.ASCII)
_WHOLE: Final = re.compile(r"[0-9]{1,11}", re.ASCII)
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


class Fields:
    """The fields of a JSON object. A field that is null counts as missing. ``where`` leads their names in errors."""

    def __init__(self, values: Mapping[str, object], where: str = "") -> None:
        self._values = values
        self._where = where

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    @property
    def values(self) -> Mapping[str, object]:
        """The object as it came."""
        return self._values

    def only(self, *names: str) -> Fields:
        """The same, without any further field."""
        for name in self._values:
            if name not in names:
                raise ApiError.invalid(f"{self._where}{name[:_LONGEST_TEXT]} is not known; {', '.join(names)} are")
        return self

    def refuse(self, name: str, words: str = "") -> ApiError:
        """The error that says which field is wrong."""
        return ApiError.invalid(f"{self._where}{name} argument is invalid{f' - {words}' if words else ''}")

    def name(self, name: str) -> str:
        """The name of a field itself, as one that may be answered with."""
        if not 0 < len(name) <= _LONGEST_TEXT or not _is_printable(name):
            raise ApiError.invalid(f"{self._where.rstrip('.')} argument is invalid")
        return name

    def text(self, name: str, default: str | None = None, *, longest: int = _LONGEST_TEXT) -> str:
        """Text that is not empty and has no control characters; without a default it is required."""
        value = self._values.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or not 0 < len(value) <= longest or not _is_printable(value):
            raise self.refuse(name, f"text of 1 to {longest} characters is wanted")
        return value

    def decimal(self, name: str, default: str | None = None) -> str:
        """A number as text in plain notation, passed on as it is."""
        text = self.text(name, default, longest=_MOST_DIGITS)
        if _DECIMAL.fullmatch(text) is None:
            raise self.refuse(name, 'a decimal in plain notation is wanted, such as "0.25"')
        return text

    def whole(self, name: str, default: int | None = None, *, most: int, least: int = 0) -> int:
        """A whole number; without a default it is required."""
        value = self._values.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.refuse(name, f"a whole number from {least} to {most} is wanted")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """True or false."""
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.refuse(name, "true or false is wanted")
        return value

    def instant(self, name: str) -> int:
        """A time in RFC 3339 as ms since the epoch."""
        return _milliseconds(self.text(name), f"{self._where}{name}")

    def texts(self, name: str, most: int) -> list[str]:
        """A list of texts with at least one."""
        value = self._values.get(name)
        if not isinstance(value, list) or not 0 < len(value) <= most:
            raise self.refuse(name, f"a list of 1 to {most} is wanted")
        if not all(isinstance(item, str) and 0 < len(item) <= _LONGEST_TEXT and _is_printable(item) for item in value):
            raise self.refuse(name)
        return value

    def inner(self, name: str) -> Fields:
        """A field that is an object itself."""
        value = self._values.get(name)
        if not isinstance(value, dict):
            raise self.refuse(name, "an object is wanted")
        return Fields(value, f"{self._where}{name}.")


def _is_printable(text: str) -> bool:
    # A lone surrogate can be written in JSON and in no answer; a control character is nobody's id.
    return not any(character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff" for character in text)


async def read_fields(request: Request) -> Fields:
    """The body as a JSON object."""
    body = await _body(request)
    try:
        value = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ApiError.invalid("request body is not JSON") from error
    if not isinstance(value, dict):
        raise ApiError.invalid("request body is not a JSON object")
    return Fields(value)


async def _body(request: Request) -> bytes:
    """The body, refused as soon as it is longer than any request of Coinbase's interface."""
    parts = bytearray()
    try:
        async for part in request.stream():
            parts += part
            if len(parts) > MOST_BODY_BYTES:
                raise ApiError(413, "INVALID_ARGUMENT", f"request body is longer than {MOST_BODY_BYTES} bytes")
    except ClientDisconnect as error:
        # Nobody is there to be answered.
        raise ApiError.invalid("request body is cut short") from error
    return bytes(parts)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def integer(request: Request, name: str, default: int | None = None) -> int:
    """A whole number of a query string; without a default it is required."""
    text = request.query_params.get(name, "")
    if not text and default is not None:
        return default
    # More digits than a count of seconds has are milliseconds, or nonsense.
    if _WHOLE.fullmatch(text) is None:
        raise ApiError.invalid(f"{name} argument is invalid")
    return int(text)


def decimal(request: Request, name: str) -> str:
    """A number in plain notation of a query string, "" where it is not given."""
    text = request.query_params.get(name, "")
    if text and (len(text) > _MOST_DIGITS or _DECIMAL.fullmatch(text) is None):
        raise ApiError.invalid(f"{name} argument is invalid - a decimal in plain notation is wanted")
    return text


def bounded(request: Request, name: str, default: int, most: int) -> int:
    """A whole number from 1 to ``most``. A 0 counts as not given, as in every message of this kind."""
    value = integer(request, name, default) or default
    if not 1 <= value <= most:
        raise ApiError.invalid(f"{name} argument is invalid - 1 to {most} is wanted")
    return value


def flag(request: Request, name: str) -> bool:
    """A boolean of a query string, false where it is not given. Clients in Python write ``True``."""
    text = request.query_params.get(name, "")
    if not text:
        return False
    if text.lower() not in _BOOLEANS:
        raise ApiError.invalid(f"{name} argument is invalid - true or false is wanted")
    return _BOOLEANS[text.lower()]


def repeated(request: Request, *names: str) -> list[str]:
    """All values of a repeated key, under any of its names (``product_ids``, ``product_id``)."""
    return [value for name in names for value in request.query_params.getlist(name) if value]


def choices(request: Request, name: str, known: Iterable[str]) -> list[str]:
    """All values of a repeated key, each of which must be one that Coinbase knows."""
    values = repeated(request, name)
    if not set(values) <= set(known):
        raise ApiError.invalid(f"{name} argument is invalid - one of {', '.join(sorted(known))} is wanted")
    return values


def instant(request: Request, name: str) -> int | None:
    """A time in RFC 3339 of a query string as ms since the epoch; None where it is not given."""
    text = request.query_params.get(name)
    return _milliseconds(text, name) if text else None


def _milliseconds(text: str, name: str) -> int:
    try:
        if _RFC3339.fullmatch(text) is None:
            raise ValueError(text)
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ApiError.invalid(f"{name} argument is invalid - a time in RFC 3339 is wanted") from error


def known_only(request: Request, names: Iterable[str]) -> None:
    """Refuse a filter that is not known: left out of account, it would let wrong records through."""
    for name in request.query_params:
        if name not in names:
            raise ApiError.invalid(f"{name[:_LONGEST_TEXT]} argument is invalid - no such filter")
