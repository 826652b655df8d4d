"""What the children say, made readable: their JSON lines become one line of text each.

Text from a child is shown, never interpreted: control characters are taken out, so that nothing in a
log can move the cursor of the terminal it is shown on.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from rich.text import Text

from cbbot_operator.local.log_words import in_words

__all__ = ["LogBuffer", "LogLine", "parse_line", "styled"]

_KEPT = 500
# Long, and of use only where something went wrong.
_IDS = frozenset({"client_order_id", "order_id"})
_FRAME = frozenset({"ts", "level", "logger", "event", "exception"})
_STYLES = {"debug": "dim", "info": "", "warning": "yellow", "error": "red", "critical": "bold red"}
_ROUTINE = frozenset({"refit", "sync", "equity"})
_LOUD = frozenset({"warning", "error", "critical"})
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: ``source`` is the part that said it, ``level`` as in logging, empty for bare text.

    ``event`` is the name the part gave it, ``words`` a sentence for the table, where there is one. ``detail`` is a
    traceback, shown only when the part's end is told.
    """

    at: datetime
    source: str
    level: str
    text: str
    event: str = ""
    detail: str = ""
    words: str = ""

    @property
    def loud(self) -> bool:
        """A warning or worse."""
        return self.level in _LOUD

    def __str__(self) -> str:
        level = f"{self.level.upper()} " if self.loud else ""
        return f"{self.at:%H:%M:%S} {self.source:<9} {level}{self.text}"


def parse_line(source: str, raw: str, at: datetime) -> LogLine:
    """A line as a child wrote it; what is no JSON object stays as it is."""
    try:
        found = json.loads(raw)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "event" not in found:
        return LogLine(at, source, "", _printable(raw))
    level = str(found.get("level", "info")).lower()
    hidden = _FRAME if level in _LOUD else _FRAME | _IDS
    fields = " ".join(
        f"{name}={_short(value)}"
        for name, value in found.items()
        if name not in hidden and not isinstance(value, list | dict)
    )
    detail = str(found.get("exception") or "").strip()
    last = detail.splitlines()[-1] if detail else ""
    event = str(found["event"])
    text = " ".join(part for part in (event, fields, last) if part)
    words = in_words(event, found) if not detail else None
    return LogLine(at, source, level, _printable(text), event, detail, _printable(words or ""))


def styled(line: LogLine) -> Text:
    """For a terminal: warnings and errors in colour, the source dimmed."""
    return Text.assemble(
        (f"{line.at:%H:%M:%S} ", "dim"),
        (f"{line.source:<9} ", "cyan dim"),
        (line.words or line.text, _STYLES.get(line.level, "")),
        no_wrap=True,
        overflow="ellipsis",
    )


class LogBuffer:
    """The newest lines of all parts; ``on_line`` is called with every one that is kept.

    Left out: debugging, the web server's talk of its own starts and stops, and the second and further
    of routine events in a row (a fast simulator brings a refit every half second).
    """

    def __init__(self, on_line: Callable[[LogLine], None] | None = None) -> None:
        self._lines: deque[LogLine] = deque(maxlen=_KEPT)
        self._on_line = on_line

    def hear(self, source: str, raw: str) -> None:
        """Keep what a child wrote."""
        line = parse_line(source, raw, _now())
        routine = line.level == "info" and ('"logger": "uvicorn' in raw or self._repeats(line))
        if line.text and line.level != "debug" and not routine:
            self._keep(line)

    def say(self, level: str, text: str) -> None:
        """Keep a line of our own."""
        self._keep(LogLine(_now(), "up", level, _printable(text)))

    def newest(self, count: int, source: str | None = None) -> list[LogLine]:
        """The last ``count`` lines, of one source or of all, oldest first."""
        lines = [line for line in self._lines if source in (None, line.source)]
        return lines[-count:] if count > 0 else []

    def _repeats(self, line: LogLine) -> bool:
        before = self.newest(1, line.source)
        return line.event in _ROUTINE and bool(before) and before[0].event == line.event

    def _keep(self, line: LogLine) -> None:
        self._lines.append(line)
        if self._on_line is not None:
            self._on_line(line)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _now() -> datetime:
    return datetime.now().astimezone()


def _printable(text: str) -> str:
    text = " ".join(text.split())
    return "".join(character if character.isprintable() else "?" for character in text)[:_LONGEST]
