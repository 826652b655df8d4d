"""Puts the screen where the person looks: a live table on a terminal, a line a second elsewhere.

A terminal can be stopped with Ctrl-S and a pipe can be full. Writing waits then, and whoever waits
hears no child, whose own writing waits in turn: a paused terminal would stop a trader. So a
thread of its own writes (:class:`Unhurried`), and nobody waits for it until everything has stopped.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, RenderableType
from rich.live import Live

from cbbot_operator.local.child_log_lines import LogLine
from cbbot_operator.local.screen import Screen, dashboard, status_line

__all__ = ["Display", "FiledDisplay", "LineDisplay", "TableDisplay", "Unhurried"]

_MOST_LINES = 1000
_MOST_FILE_BYTES = 5_000_000


class Display(Protocol):
    """Shows a screen every :attr:`seconds`."""

    seconds: float

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def log_room(self) -> int: ...
    def show(self, screen: Screen) -> None: ...
    def tell(self, line: LogLine) -> None: ...


class TableDisplay:
    """A table that fills the terminal, drawn whole every time: whatever size that has now. Its last one stays."""

    seconds = 0.5

    def __init__(self, console: Console) -> None:
        self._console = console
        self._screen: Screen | None = None
        # Refreshed by us alone: rich's own thread would fork with us when a child is started.
        self._live = Live(console=console, auto_refresh=False, screen=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        if self._screen is not None:
            self._console.print(self._drawn(self._screen))

    def log_room(self) -> int:
        return self._console.height

    def show(self, screen: Screen) -> None:
        self._screen = screen
        self._live.update(self._drawn(screen), refresh=True)

    def tell(self, line: LogLine) -> None:
        """The table has the log already."""

    def _drawn(self, screen: Screen) -> RenderableType:
        return dashboard(screen, self._console.width, self._console.height)


class LineDisplay:
    """Lines on stdout. ``closed`` is called, in the thread that writes, when nobody reads them any more."""

    seconds = 1.0

    def __init__(self, closed: Callable[[], None]) -> None:
        self._closed = closed
        self._silent = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Lines need no end."""

    def log_room(self) -> int:
        return 0

    def show(self, screen: Screen) -> None:
        self._write(f"{datetime.now().astimezone():%H:%M:%S} status    {status_line(screen)}")

    def tell(self, line: LogLine) -> None:
        self._write(str(line))

    def _write(self, text: str) -> None:
        if self._silent:
            return
        try:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            self._silent = True
            self._closed()


class FiledDisplay:
    """Another display, whose log is kept in a file too: two of ``most_bytes`` at most. A disk's fault hides nothing."""

    def __init__(self, display: Display, path: Path, most_bytes: int = _MOST_FILE_BYTES) -> None:
        self.seconds = display.seconds
        self._display = display
        self._path = path
        self._most_bytes = most_bytes

    def __enter__(self) -> Self:
        self._display.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.__exit__(kind, error, trace)

    def log_room(self) -> int:
        return self._display.log_room()

    def show(self, screen: Screen) -> None:
        self._display.show(screen)

    def tell(self, line: LogLine) -> None:
        with contextlib.suppress(OSError):
            if self._path.exists() and self._path.stat().st_size > self._most_bytes:
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{line.at:%Y-%m-%d} {line}\n" + (f"{line.detail}\n" if line.detail else ""))
        self._display.tell(line)


class Unhurried:
    """Any display, written to by a thread: of screens the newest, of lines at most the last thousand."""

    def __init__(self, display: Display) -> None:
        self.seconds = display.seconds
        self._display = display
        self._lines: deque[LogLine] = deque(maxlen=_MOST_LINES)
        self._screen: Screen | None = None
        self._closing = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._write, name="display", daemon=True)

    def __enter__(self) -> Self:
        self._display.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits for what is still to be written."""
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join()
        self._display.__exit__(kind, error, trace)

    def log_room(self) -> int:
        return self._display.log_room()

    def show(self, screen: Screen) -> None:
        with self._news:
            self._screen = screen
            self._news.notify()

    def tell(self, line: LogLine) -> None:
        with self._news:
            self._lines.append(line)
            self._news.notify()

    def _write(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._lines or self._screen is not None or self._closing)
                lines, screen, closing = list(self._lines), self._screen, self._closing
                self._lines.clear()
                self._screen = None
            for line in lines:
                self._display.tell(line)
            if screen is not None:
                self._display.show(screen)
            if closing:
                return
