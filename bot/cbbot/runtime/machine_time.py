"""This machine's time, as a port: a simulation has another."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["MachineMs", "machine_ms"]

MachineMs = Callable[[], int]


def machine_ms() -> int:
    """UNIX milliseconds; they jump when the clock is set."""
    return int(time.time() * 1000)
