"""One field of a TradingBot that cannot be used: where it stands, what it says, what is accepted."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from cbbot.contract.setting import BadSetting, Kind
from cbbot.contract.text_setting import ListSetting
from cbbot.contract.tradingbot import SETTING_OF, TradingBotSpec, field_value
from cbbot.errors import BadInput

__all__ = ["BadTradingBot", "Violation", "quoted_numbers", "unusable_text", "violations_of"]


@dataclass(frozen=True, slots=True)
class Violation:
    """``path`` is below ``spec`` (``risk.maxOrderUSD``); ``value`` is None where nothing was given."""

    path: str
    value: object
    message: str

    def __str__(self) -> str:
        where = f"spec.{self.path}" if self.path else "spec"
        given = "nothing given" if self.value is None else f"{_shown(self.value)} is not accepted"
        return f"{where}: {given}: {self.message}"


class BadTradingBot(BadInput):
    """A TradingBot that cannot be used; ``violations`` has every reason."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = list(violations)
        super().__init__("\n".join(self.reasons))

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(str(violation) for violation in self.violations)


def violations_of(error: ValidationError) -> list[Violation]:
    """Pydantic's errors about a :class:`TradingBotSpec`, in the words of the settings table."""
    return [_violation(details) for details in error.errors(include_url=False)]


def quoted_numbers(document: Mapping[str, Any]) -> list[Violation]:
    """Numbers given as text. Pydantic reads them, the API server does not: both must say the same."""
    found = []
    for path, setting in SETTING_OF.items():
        value: Any = document
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, str) and setting.kind is Kind.DECIMAL:
            found.append(Violation(path, value, f"{setting.accepted}, without quotes"))
    return found


def unusable_text(spec: TradingBotSpec) -> list[Violation]:
    """Text that has its field's form and is of no use all the same: an address with port 99999."""
    found = []
    for path, setting in SETTING_OF.items():
        value = field_value(spec, path)
        if isinstance(value, str):
            try:
                setting.parse(value)
            except BadSetting as error:
                found.append(Violation(path, value, error.accepted))
    return found


def _violation(details: Any) -> Violation:
    if details["loc"][-1] == _OF_A_KEY:
        return Violation(_path(details["loc"][:-2]), details["input"], f"a key must be {_words(details)}")
    path = _path(details["loc"])
    if details["type"] == "missing":
        return Violation(path, None, _accepted(path, "must be given"))
    if details["type"] == "extra_forbidden":
        return Violation(path, details["input"], _no_such_field(details["loc"]))
    return Violation(path, details["input"], _accepted(path, _words(details)))


def _path(location: Iterable[int | str]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".")


def _accepted(path: str, otherwise: str) -> str:
    setting = SETTING_OF.get(path)
    # `mode` stands for DRY_RUN in the table, whose true and false are not what the field takes; nor are commas.
    if setting is None or path == "mode" or isinstance(setting, ListSetting):
        return otherwise
    return setting.accepted


# How pydantic ends the place of a mapping's key.
_OF_A_KEY: Final = "[key]"
# What pydantic says of values, in words that name no type of Python's; the braces are its context.
_WORDS: Final[Mapping[str, str]] = {
    "bool_type": "true or false",
    "decimal_max_places": "a number with at most {decimal_places} decimal places",
    "decimal_parsing": "a number",
    "decimal_type": "a number",
    "dict_type": "a section of fields",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of {ge} or more",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of {le} or less",
    "list_type": "a list",
    "model_type": "a section of fields",
    "string_pattern_mismatch": "text that matches {pattern}",
    "string_too_long": "text of at most {max_length} characters",
    "string_type": "text",
    "too_long": "at most {max_length} entries",
}


def _words(details: Any) -> str:
    context = details.get("ctx", {})
    if details["type"] == "literal_error":
        return "one of " + str(context["expected"]).replace("'", "").replace(" or ", ", ")
    words = _WORDS.get(details["type"])
    return str(details["msg"]) if words is None else words.format(**context)


def _no_such_field(location: tuple[int | str, ...]) -> str:
    known = _fields_beside(location)
    near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    return f"no such field; did you mean {near[0]}?" if near else f"no such field; known are {', '.join(known)}"


def _fields_beside(location: tuple[int | str, ...]) -> list[str]:
    """The names that the section around ``location`` does know."""
    model: Any = TradingBotSpec
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        kinds = _types(model.model_fields[part].annotation)
        model = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if model is None:
            return []
    return list(model.model_fields)


def _types(annotation: Any) -> list[Any]:
    inner = getattr(annotation, "__args__", None)
    return [annotation] if inner is None else [kind for argument in inner for kind in _types(argument)]


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
