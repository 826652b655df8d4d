"""Signals that stop a process, and the exit code that tells of one."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop  # for the type alone: --help must not wait for it

__all__ = ["STOP_SIGNALS", "handled_stops", "heeded_signals", "stopped_by"]

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def heeded_signals() -> list[signal.Signals]:
    """Those that are to stop this process: what a shell or ``nohup`` has it ignore stays ignored, but for SIGTERM."""
    return [number for number in STOP_SIGNALS if number == signal.SIGTERM or signal.getsignal(number) != signal.SIG_IGN]


@contextmanager
def handled_stops(loop: AbstractEventLoop, handle: Callable[[signal.Signals], object]) -> Iterator[None]:
    """Within the block ``handle`` is called in the loop with every signal that is to stop this process."""
    heeded = heeded_signals()
    for number in heeded:
        loop.add_signal_handler(number, handle, number)
    try:
        yield
    finally:
        for number in heeded:
            loop.remove_signal_handler(number)


def stopped_by(number: int) -> int:
    """The exit code of a process that a signal ended, as a shell would give it."""
    return 128 + number
