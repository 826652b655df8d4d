"""How far a run is: a bar on a terminal, a line every 10 s in a log and ever fewer, nothing for a run of a moment."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

__all__ = ["Watch"]

_PATIENCE_SECONDS = 0.5
_LINE_SECONDS = 10.0
# Of a run of hours a line every 10 s would be thousands: a tenth of what it has taken so far is between two of them.
_LINE_SHARE = 0.1


class Watch(AbstractContextManager["Watch"]):
    """Call it with how much of ``total`` is done."""

    def __init__(self, stream: TextIO, name: str, total: int, unit: str = "candles") -> None:
        self._stream = stream
        self._name = name
        self._total = total
        self._unit = unit
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._began = time.monotonic()
        self._next = self._began + (_PATIENCE_SECONDS if stream.isatty() else _LINE_SECONDS)

    def __call__(self, done: int) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done)
        elif time.monotonic() >= self._next:
            if self._stream.isatty():
                self._start(done)
            else:
                now = time.monotonic()
                self._next = now + max(_LINE_SECONDS, _LINE_SHARE * (now - self._began))
                print(f"{self._name}: {done:,} of {self._total:,} {self._unit}", file=self._stream, flush=True)

    def _start(self, done: int) -> None:
        # 0.1 s that a run of half a second must not pay.
        from rich.console import Console  # noqa: PLC0415 - see above
        from rich.progress import (  # noqa: PLC0415 - see above
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(file=self._stream), transient=True)
        self._task = self._bar.add_task(self._name, total=self._total, completed=done)
        self._bar.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
