"""How far a backfill is: a bar on a terminal, a line a second in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cbbot.domain.timestamps import rfc3339

__all__ = ["Shown", "shown_on"]


class Shown(Protocol):
    """``done`` candles of the span have been asked for, ``left`` are to come; ``back_to`` is where it is."""

    def __call__(self, done: int, left: int, back_to: int) -> None: ...


@contextmanager
def shown_on(console: Console) -> Iterator[Shown]:
    """A way to show progress on this console."""
    if not console.is_terminal:
        yield _line_a_second(console)
        return
    columns = (TextColumn("backfill {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)

        def show(done: int, left: int, back_to: int) -> None:
            progress.update(task, completed=done, total=done + left, description=f"back to {rfc3339(back_to * 1000)}")

        yield show


def _line_a_second(console: Console) -> Shown:
    last = time.monotonic()

    def show(done: int, left: int, back_to: int) -> None:
        nonlocal last
        if time.monotonic() - last >= 1.0:
            last = time.monotonic()
            console.print(
                f"backfill: {done} of {done + left} candles, back to {rfc3339(back_to * 1000)}",
                soft_wrap=True,
                highlight=False,
            )

    return show
