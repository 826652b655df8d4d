"""Reads a ``bot.env``: comments, ``export``, quotes; only keys of the settings table are kept.

A ``#`` starts a comment at the beginning of a line or after white space, unless it stands
inside quotes. Double quotes know ``\\n``, ``\\"`` and ``\\\\``; single quotes are literal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cbbot.contract.settings import nearest_key
from cbbot.contract.table import BY_KEY
from cbbot.errors import BadInput

__all__ = ["EnvFile", "parse_env_file"]

_LINE = re.compile(r"(?:export\s+)?(?P<key>[A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(?P<value>.*)", re.DOTALL)
_QUOTED = re.compile(r"""(?P<quote>["'])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote)\s*(?:\#.*)?""")
_ESCAPES = {r"\n": "\n", r"\"": '"', r"\\": "\\"}


@dataclass(frozen=True, slots=True)
class EnvFile:
    """``values``: known keys and their text. ``ignored``: other keys, in file order."""

    values: dict[str, str]
    ignored: tuple[str, ...]

    def warning(self) -> str | None:
        """One sentence for all ignored keys, with the nearest known one where there is one."""
        if not self.ignored:
            return None
        named = [f"{key} (did you mean {near}?)" if (near := nearest_key(key)) else key for key in self.ignored]
        return "keys that are not settings of the bot were ignored: " + ", ".join(named)


def parse_env_file(text: str, name: str = "bot.env") -> EnvFile:
    """The settings in an env file's text. A key given twice takes its last value, as in a shell.

    Raises:
        BadInput: a line is neither empty, comment nor KEY=VALUE; a quote is not closed.
    """
    values: dict[str, str] = {}
    ignored: dict[str, None] = {}
    for number, raw in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if not match:
            raise BadInput(f"{name}:{number}: expected KEY=VALUE")
        key = match["key"]
        if key in BY_KEY:
            values[key] = _value(match["value"], name, number)
        else:
            # Never looked at: it may be a secret that is meant for the bridge.
            ignored[key] = None
    return EnvFile(values, tuple(ignored))


def _value(text: str, name: str, number: int) -> str:
    if text[:1] not in ("'", '"'):
        return re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()
    match = _QUOTED.fullmatch(text)
    if not match:
        raise BadInput(f"{name}:{number}: the quoted value is not closed, or text follows it")
    if match["quote"] == "'":
        return match["text"]
    return re.sub(r'\\[n"\\]', lambda escape: _ESCAPES[escape[0]], match["text"])
