"""Decisions and what followed them, in a file of bounded size that survives restarts.

One line of JSON each::

    {"at_ms": ..., "decision": a DecisionRow}
    {"at_ms": ..., "event": "order", "fields": {...}}

A bot decides every second and mostly the same: of decisions alike one a minute is kept, with how many they were. The
file is begun anew at half of the bound, and the one before it is kept, so the newest decisions are always there.

It hears what the page hears. Nobody waits for it: a disk that hangs costs lines of the journal, and no step of the bot.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cbbot.contract.bot_api import DecisionRow, FollowingEvent
from cbbot.domain.timestamps import epoch_ms, rfc3339
from cbbot.process.daemon_calls import in_daemon_thread

__all__ = ["DecisionJournal", "journal_of"]

_LOG = logging.getLogger(__name__)
_MOST_BYTES: Final = 16_000_000
_ALIKE_MS: Final = 60_000
_FOLLOWING: Final = frozenset({"order", "fill", "exit", "breaker", "halt", "pause", "refusal"})
_ENTERED: Final = "entered"
_HEAD: Final = re.compile(rb'\{"at_ms":(\d{1,14}),"(decision|event)":')


def journal_of(state_file: Path) -> DecisionJournal:
    """The journal beside a state."""
    return DecisionJournal(state_file.with_name("decisions.jsonl"))


class DecisionJournal:
    """``most_bytes`` bounds both files together, but for a line."""

    def __init__(self, path: Path, most_bytes: int = _MOST_BYTES) -> None:
        self.path = path
        self.older = path.with_name(f"{path.name}.1")
        self._most_bytes = most_bytes
        self._now_ms = 0
        self._kept: DecisionRow | None = None
        self._kept_at_ms = 0
        self._alike = 0
        self._failing = False
        self._continued = False

    async def run(self, events: AsyncIterator[tuple[str, Mapping[str, object]]]) -> None:
        """Writes what is to be kept of ``events``, for ever."""
        async for event, fields in events:
            line = self.line_of(event, fields)
            if line is None:
                continue
            try:
                await in_daemon_thread(lambda line=line: self.append(line))  # type: ignore[misc]  # mypy knows no default of a lambda
            except OSError as error:
                if not self._failing:
                    reason = f"{self.path}: {error.strerror or error}; decisions are not kept until it can be written"
                    _LOG.warning("journal", extra={"fields": {"detail": reason}})
                self._failing = True
                # What was written of the line is a torn one.
                self._continued = False
            else:
                self._failing = False

    def line_of(self, event: str, fields: Mapping[str, object]) -> bytes | None:
        """What is to be written of an event; None when nothing is."""
        if event == "tick":
            self._now_ms = int(str(fields["at_ms"]))
        if event in _FOLLOWING:
            return _encoded({"at_ms": self._now_ms, "event": event, "fields": dict(fields)})
        if event != "decision":
            return None
        row = DecisionRow.model_validate(fields)
        self._now_ms = epoch_ms(row.at) or self._now_ms
        self._alike += 1
        if self._like_the_last(row):
            return None
        row = row.model_copy(update={"times": self._alike})
        self._kept, self._kept_at_ms, self._alike = row, self._now_ms, 0
        return _encoded({"at_ms": self._now_ms, "decision": row.model_dump(exclude={"followed"})})

    def _like_the_last(self, row: DecisionRow) -> bool:
        kept = self._kept
        if kept is None or row.reason == _ENTERED:
            return False
        alike = (row.signal, row.reason) == (kept.signal, kept.reason)
        return alike and 0 <= self._now_ms - self._kept_at_ms < _ALIKE_MS

    def append(self, line: bytes) -> None:
        """
        Raises:
            OSError: it is not written.
        """
        if self.path.exists() and self.path.stat().st_size + len(line) > self._most_bytes // 2:
            self.path.replace(self.older)
        with self.path.open("ab") as file:
            file.write(self._end_of_torn_line() + line)
        self._continued = True

    def _end_of_torn_line(self) -> bytes:
        """What an earlier process may have left without an end gets one: the next line is not to be lost with it."""
        if self._continued or not self.path.exists() or not self.path.stat().st_size:
            return b""
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return b"" if file.read(1) == b"\n" else b"\n"

    def page(self, limit: int, before_ms: int | None = None) -> list[DecisionRow]:
        """The ``limit`` newest decisions before a time, newest first, each with what followed it.

        The next page is asked for by the last one's time: those of the same time are all on its page, be it longer.

        Raises:
            OSError: a file cannot be read.
        """
        found: list[DecisionRow] = []
        following: list[bytes] = []
        oldest_ms = 0
        for at_ms, is_decision, line in self._newest_first():
            if not is_decision:
                following.append(line)
                continue
            if len(found) >= limit and at_ms < oldest_ms:
                break
            # One that is not asked for is not read: of a long journal a page takes little.
            row = _row(line, following) if before_ms is None or at_ms < before_ms else None
            following = []
            if row is not None:
                found.append(row)
                oldest_ms = at_ms
        return found

    def _newest_first(self) -> Iterator[tuple[int, bool, bytes]]:
        """Time, whether it is a decision, and the line."""
        for path in (self.path, self.older):
            try:
                lines = path.read_bytes().splitlines()
            except FileNotFoundError:
                continue
            for line in reversed(lines):
                if head := _HEAD.match(line):
                    yield int(head[1]), head[2] == b"decision", line


def _row(line: bytes, following: Sequence[bytes]) -> DecisionRow | None:
    """The decision of a line, with the events of the lines after it, newest first; None for one that is not whole."""
    try:
        row = DecisionRow.model_validate(json.loads(line)["decision"])
    except (ValueError, KeyError, TypeError):
        return None  # cut short by a crash, or by hand
    events = (_event(each) for each in reversed(following))
    return row.model_copy(update={"followed": [event for event in events if event is not None]})


def _event(line: bytes) -> FollowingEvent | None:
    try:
        entry = json.loads(line)
        return FollowingEvent(at=rfc3339(entry["at_ms"]), event=entry["event"], fields=entry["fields"])
    except (ValueError, KeyError, TypeError):
        return None  # as above


def _encoded(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"
