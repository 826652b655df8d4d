"""Settings whose text has a form of its own, alone or as a list separated by commas."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from cbbot.contract.setting import Kind, Setting

__all__ = ["EVERYWHERE", "ListSetting", "TextSetting", "bare", "host_setting", "token_setting"]

EVERYWHERE: Final = "::"
"""To listen on every address of this machine, of IPv6 and IPv4 (of IPv4 alone where there is no IPv6)."""


def bare(text: str) -> str:
    """``text`` without what editors and shells put around it: white space, a byte order mark, quotes."""
    held = text.strip("\ufeff").strip()
    while len(held) > 1 and held[0] == held[-1] and held[0] in "\"'":
        held = held[1:-1].strip()
    return held


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSetting(Setting):
    """A setting whose text must match ``pattern`` as a whole; ``words`` say so to a person.

    With ``quotes_dropped`` quotes around it are no part of it.
    """

    kind: Kind = Kind.TEXT
    pattern: str
    words: str
    most_characters: int | None = None
    quotes_dropped: bool = False

    @property
    def accepted(self) -> str:
        return self.words

    @property
    def form(self) -> str:
        return self.pattern

    @property
    def longest(self) -> int | None:
        return self.most_characters

    def parse(self, text: str) -> Any:
        stripped = bare(text) if self.quotes_dropped else text.strip()
        fits = self.most_characters is None or len(stripped) <= self.most_characters
        if not fits or re.fullmatch(self.pattern, stripped, re.DOTALL) is None:
            raise self.bad(text)
        return stripped


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSetting(TextSetting):
    """Items of the form ``pattern`` separated by commas, at most ``most``; parsed to a tuple without repeats."""

    most: int | None = None

    def parse(self, text: str) -> tuple[str, ...]:
        items = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
        longest = self.most_characters
        sound = all(
            re.fullmatch(self.pattern, item) is not None and (longest is None or len(item) <= longest) for item in items
        )
        if not sound or (self.most is not None and len(items) > self.most):
            raise self.bad(text)
        return items

    def text(self, value: Any) -> str:
        return ",".join(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class _HostSetting(TextSetting):
    """The brackets in which an IPv6 address stands in a URL are no part of it."""

    def parse(self, text: str) -> str:
        return str(TextSetting.parse(self, text)).strip("[]")


def host_setting(key: str, meaning: str, default: str | None = None) -> TextSetting:
    """An address to listen on."""
    words = "an address or host name to listen on"
    pattern = r"[0-9A-Za-z.:-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]"
    return _HostSetting(key=key, meaning=meaning, default=default, pattern=pattern, words=words)


def token_setting(key: str, meaning: str, shortest: int) -> TextSetting:
    """A secret that an HTTP header carries."""
    words = f"{shortest} to 512 printable characters without spaces"
    pattern = rf"[!-~]{{{shortest},512}}"
    return TextSetting(key=key, meaning=meaning, pattern=pattern, words=words, secret=True, quotes_dropped=True)
