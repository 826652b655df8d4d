"""The simulator's clock: shows the time of the replay and runs ``speed`` times as fast as ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from cbbot.errors import BadInput

__all__ = ["SimulatedClock"]

_SHORTEST_NAP = 0.005
_LONGEST_NAP = 1.0


class SimulatedClock:
    """Venue ms since the epoch. It never goes back, and stands still while the process is down.

    With a state file the clock may not run ahead of what the file promises
    (:meth:`allow_until`): after a kill the next process starts from the promise, so no customer
    sees time go back.
    """

    def __init__(self, start_ms: int, speed: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.speed = speed
        self._monotonic = monotonic
        self._anchor_ms = start_ms
        self._anchor = monotonic()
        self._limit_ms: int | None = None
        self._moved = asyncio.Event()

    @property
    def stopped(self) -> bool:
        """Moved by hand only."""
        return self.speed == 0

    def now_ms(self) -> int:
        """The venue's time."""
        running = self._anchor_ms + int((self._monotonic() - self._anchor) * 1000 * self.speed)
        return running if self._limit_ms is None else min(running, self._limit_ms)

    def allow_until(self, limit_ms: int) -> None:
        """Let the clock run up to a time at most."""
        self._limit_ms = limit_ms

    def advance_to(self, time_ms: int) -> None:
        """Move a stopped clock.

        Raises:
            BadInput: the clock runs by itself, or the time has passed.
        """
        if not self.stopped:
            raise BadInput("the clock runs by itself; start the simulator with --speed 0 to move it by hand")
        if time_ms < self._anchor_ms:
            raise BadInput(f"{time_ms} has passed: the clock shows {self._anchor_ms}")
        self._anchor_ms = time_ms
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def wait_until(self, time_ms: int) -> None:
        """Sleep until about a venue time. May wake early: look at the clock and wait again."""
        if self.stopped:
            await self._moved.wait()
            return
        seconds = (time_ms - self.now_ms()) / 1000 / self.speed
        await asyncio.sleep(min(max(seconds, _SHORTEST_NAP), _LONGEST_NAP))
