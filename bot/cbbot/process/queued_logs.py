"""Log lines on their way to a descriptor whose reader may be slow, stuck or gone: whoever logs never waits.

A thread writes them. What waits for it is bounded; a line for which there is no room, and one that cannot be written,
is dropped and counted, and the log says so as soon as it takes lines again. At the end of the process the thread gets a
moment for what still waits.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
import time
from collections import deque
from typing import Final, NamedTuple, TextIO

from cbbot.process.durable_files import write_all

__all__ = ["QueuedLines", "dropped_lines"]

_MOST_WAITING_BYTES: Final = 1 << 20
_LAST_SECONDS: Final = 1.0
_DROPPED: Final = "log lines dropped"


class _Waiting(NamedTuple):
    """A line; ``says`` is how many missing lines it tells of, 0 for one that was logged."""

    line: bytes
    says: int = 0


class QueuedLines(logging.Handler):
    """Writes to the descriptor of ``stream``. At most ``most_bytes`` of lines wait."""

    def __init__(self, stream: TextIO, most_bytes: int = _MOST_WAITING_BYTES) -> None:
        super().__init__()
        stream.flush()
        # The stream's own buffer would keep what cannot be written, and fail at the end of the process.
        self._descriptor = os.dup(stream.fileno())
        self._most_bytes = most_bytes
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._unsaid = 0
        self.dropped = 0
        self._changed = threading.Condition()
        self._busy = self._ended = self._within_line = False
        threading.Thread(target=self._run, name="logs", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self._encoded(record)
        except Exception as error:  # noqa: BLE001  the mistake is in what was logged; it must not hurt who logs
            reason, of = f"{type(error).__name__}: {error}", str(record.msg)
            line = self._encoded(_record("log line failed", {"of": of, "reason": reason}))
        with self._changed:
            if self._waiting_bytes < self._most_bytes:
                self._put_gap()
                self._put(_Waiting(line))
                self._changed.notify_all()
            else:
                self._drop()

    def flush(self) -> None:
        """Waits until everything is written, but not for long."""
        end = time.monotonic() + _LAST_SECONDS
        with self._changed:
            while (self._waiting or self._busy) and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)

    def close(self) -> None:
        """What still waits is written as :meth:`flush` does, and the thread ends as soon as it can."""
        self.flush()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        super().close()

    def _put(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._waiting_bytes += len(waiting.line)

    def _put_gap(self) -> None:
        """Says how many lines are missing here."""
        if self._unsaid:
            self._put(_Waiting(self._encoded(_record(_DROPPED, {"lines": self._unsaid})), self._unsaid))
            self._unsaid = 0

    def _drop(self) -> None:
        self._unsaid += 1
        self.dropped += 1
        _dropped.lines += 1

    def _encoded(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode("utf-8", "backslashreplace")

    def _run(self) -> None:
        while batch := self._next():
            written = [self._attempt(waiting) for waiting in batch]
            with self._changed:
                if written[-1] and not self._waiting:
                    self._put_gap()
                self._busy = False
                self._changed.notify_all()
        with contextlib.suppress(OSError):
            os.close(self._descriptor)

    def _next(self) -> list[_Waiting]:
        """What is to be written next, waited for; nothing when the handler is closed."""
        with self._changed:
            while not self._waiting and not self._ended:
                self._changed.wait()
            batch = list(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            self._busy = bool(batch)
            return batch

    def _attempt(self, waiting: _Waiting) -> bool:
        try:
            self._write(waiting.line)
        except OSError:
            with self._changed:
                if waiting.says:
                    self._unsaid += waiting.says
                else:
                    self._drop()
            return False
        return True

    def _write(self, content: bytes) -> None:
        if self._within_line:
            content = b"\n" + content
        write_all(self._written, content)

    def _written(self, rest: memoryview) -> int:
        try:
            taken = os.write(self._descriptor, rest)
        except BlockingIOError:
            # Whoever shares the descriptor with us has made it one that does not wait.
            select.select([], [self._descriptor], [])
            return 0
        self._within_line = bytes(rest[taken - 1 : taken]) != b"\n"
        return taken


def _record(event: str, fields: dict[str, object]) -> logging.LogRecord:
    record = logging.LogRecord(__name__, logging.WARNING, "", 0, event, None, None)
    record.fields = fields
    return record


class _Dropped:
    """Of this process, whichever handler dropped them."""

    lines = 0


_dropped: Final = _Dropped()


def dropped_lines() -> int:
    """How many lines this process has logged that stand in no log."""
    return _dropped.lines
