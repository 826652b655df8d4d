"""Puts the screen where the person looks: a live table on a terminal, a line a second elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live

from cbbot_operator.local.log_lines import LogLine
from cbbot_operator.local.screen import Screen, dashboard, log_room, status_line

__all__ = ["Display", "LineDisplay", "TableDisplay"]


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
    """A table that stays in place. What it last showed stays on the terminal."""

    seconds = 0.5

    def __init__(self, console: Console) -> None:
        self._console = console
        # Refreshed by us alone: rich's own thread would fork with us when a child is started.
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def log_room(self) -> int:
        return log_room(self._console.height)

    def show(self, screen: Screen) -> None:
        self._live.update(dashboard(screen), refresh=True)

    def tell(self, line: LogLine) -> None:
        """The table has the log already."""


class LineDisplay:
    """Lines on stdout. ``closed`` is called when nobody reads them any more."""

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
