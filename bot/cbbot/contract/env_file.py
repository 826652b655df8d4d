"""Reads a ``bot.env`` or ``bridge.env``: comments, ``export``, quotes; only keys of one settings table are kept.

A ``#`` starts a comment at the beginning of a line or after white space, unless it stands
inside quotes. Double quotes know ``\\n``, ``\\"`` and ``\\\\``; single quotes are literal. A quoted value
(a private key) may go on over several lines; those of another program's key are stepped over unread.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cbbot.contract.settings import nearest_key
from cbbot.contract.settings_table import BY_KEY
from cbbot.errors import BadInput

__all__ = ["EnvFile", "files_beside", "parse_env_file"]

_LINE = re.compile(r"(?:export\s+)?(?P<key>[A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(?P<value>.*)", re.DOTALL)
_QUOTED = re.compile(r"""(?:"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>[^']*)')\s*(?:\#.*)?""")
# The line in which a value of several lines ends: nothing but a comment follows its quote.
_ENDS = {quote: re.compile(rf"[^{quote}]*{quote}\s*(?:\#.*)?") for quote in ("'", '"')}
_ESCAPES = {r"\n": "\n", r"\"": '"', r"\\": "\\"}


@dataclass(frozen=True, slots=True)
class EnvFile:
    """``values``: known keys and their text. ``ignored``: other keys, in file order. ``lines``: where each stands.

    ``replaced``: known keys that stand again further down, with the line and the text that does not count.
    """

    values: dict[str, str]
    ignored: tuple[str, ...]
    lines: dict[str, int] = field(default_factory=dict)
    replaced: tuple[tuple[str, int, str], ...] = field(default=(), repr=False)

    def warning(self) -> str | None:
        """One sentence for all ignored keys, with the nearest known one where there is one."""
        if not self.ignored:
            return None
        named = [f"{key} (did you mean {near}?)" if (near := nearest_key(key)) else key for key in self.ignored]
        return "keys that are not settings of the bot were ignored: " + ", ".join(named)


def parse_env_file(text: str, name: str = "bot.env", known: Container[str] = BY_KEY) -> EnvFile:
    """The settings in an env file's text, those in ``known``. A key given twice takes its last value, as in a shell.

    Raises:
        BadInput: a line is neither empty, comment nor KEY=VALUE; a quote is not closed.
    """
    values: dict[str, str] = {}
    ignored: dict[str, None] = {}
    places: dict[str, int] = {}
    replaced: list[tuple[str, int, str]] = []
    # Not splitlines(): a form feed or U+2028 ends no line of a shell's.
    lines = re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff"))
    number = 0
    while number < len(lines):
        line = lines[number].strip()
        number += 1
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if not match:
            raise BadInput(f"{name}:{number}: expected KEY=VALUE")
        key = match["key"]
        if key in values:
            replaced.append((key, places[key], values[key]))
        places[key] = number
        further = _further_lines(match["value"], lines[number:])
        if key in known:
            whole = "\n".join([match["value"], *lines[number : number + further]])
            values[key] = _value(whole, name, number)
        else:
            # Never looked at: it may be a secret that is meant for the bridge.
            ignored[key] = None
        number += further
    return EnvFile(values, tuple(ignored), places, tuple(replaced))


def files_beside(folder: Path, values: Mapping[str, str]) -> dict[str, str]:
    """``values`` of an env file in ``folder``; a file that one of them names by a relative path is looked for there."""
    return {key: str(folder / text) if key.endswith("_FILE") and text.strip() else text for key, text in values.items()}


def _further_lines(value: str, below: list[str]) -> int:
    """How many of the lines ``below`` belong to a quoted value; none when its quote is never closed properly.

    The last line of a private key ends in ``==`` and would pass for an assignment, whose key is shown.
    """
    quote = value[:1]
    if quote not in _ENDS or _QUOTED.match(value):
        return 0
    for count, line in enumerate(below, 1):
        if quote in line:
            return count if _ENDS[quote].fullmatch(line) else 0
    return 0


def _value(text: str, name: str, number: int) -> str:
    if text[:1] not in ("'", '"'):
        return re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()
    match = _QUOTED.fullmatch(text)
    if not match:
        raise BadInput(f"{name}:{number}: the quoted value is not closed, or text follows it")
    if match["single"] is not None:
        return match["single"]
    return re.sub(r'\\[n"\\]', lambda escape: _ESCAPES[escape[0]], match["double"])
