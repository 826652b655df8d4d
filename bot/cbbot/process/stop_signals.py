"""Signals that stop a process, and the exit code that tells of one."""

from __future__ import annotations

import signal
from typing import Final

__all__ = ["STOP_SIGNALS", "heeded_signals", "stopped_by"]

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def heeded_signals() -> list[signal.Signals]:
    """Those that are to stop this process: what a shell or ``nohup`` has it ignore stays ignored, but for SIGTERM."""
    return [number for number in STOP_SIGNALS if number == signal.SIGTERM or signal.getsignal(number) != signal.SIG_IGN]


def stopped_by(number: int) -> int:
    """The exit code of a process that a signal ended, as a shell would give it."""
    return 128 + number
