"""The clocks of the machine that the bridge runs on: an argument of whatever measures time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["MachineClocks", "monotonic_seconds", "unix_seconds"]


def monotonic_seconds() -> float:
    """Seconds that nobody sets."""
    return time.monotonic()


def unix_seconds() -> float:
    """Seconds since the epoch, as well as this machine knows them."""
    return time.time()


@dataclass(frozen=True, slots=True)
class MachineClocks:
    """``monotonic`` must agree with the event loop's own clock, which times waits."""

    monotonic: Callable[[], float] = monotonic_seconds
    wall: Callable[[], float] = unix_seconds
