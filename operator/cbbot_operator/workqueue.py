"""A de-duplicating work queue with per-key back-off, as in client-go.

A key that is waiting is not queued twice; a key that is being worked on is queued again when the
work is done, never worked on by two. A key that failed comes back after a pause that doubles.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["WorkQueue"]

K = TypeVar("K")


class WorkQueue(Generic[K]):
    """Keys to be worked on. Use it from one event loop."""

    def __init__(
        self,
        *,
        first_pause: float = 1.0,
        longest_pause: float = 300.0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._ready: asyncio.Queue[tuple[K, float]] = asyncio.Queue()
        self._waiting: set[K] = set()
        self._working: set[K] = set()
        self._again: set[K] = set()
        self._failures: dict[K, int] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._jitter = jitter

    def __len__(self) -> int:
        return self._ready.qsize()

    @property
    def retries(self) -> int:
        """Keys that wait for another try."""
        return len(self._failures)

    def add(self, key: K) -> None:
        """Ask for work on ``key``, now."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.put_nowait((key, asyncio.get_running_loop().time()))

    def add_after(self, key: K, seconds: float) -> None:
        """Ask for work on ``key`` later; an earlier appointment of the key stands."""
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        present = self._timers.get(key)
        if present is not None:
            if present.when() <= due:
                return
            present.cancel()
        if key not in self._waiting:
            self._timers[key] = loop.call_at(due, self.add, key)

    async def get(self) -> tuple[K, float]:
        """The next key and how long, in seconds, it has waited. :meth:`done` must follow."""
        key, since = await self._ready.get()
        self._waiting.discard(key)
        self._working.add(key)
        return key, asyncio.get_running_loop().time() - since

    def done(self, key: K) -> None:
        """The work on ``key`` is over, well or badly."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def retry(self, key: K) -> float:
        """Come back to ``key`` after its back-off; returns the pause in seconds."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        # Beyond 2**30 the power alone would overflow a float one day.
        pause: float = min(self._longest_pause, self._first_pause * 2.0 ** min(failures - 1, 30))
        pause *= 1 + 0.2 * self._jitter()
        self.add_after(key, pause)
        return pause

    def forget(self, key: K) -> None:
        """The work on ``key`` went well: its next failure starts the back-off anew."""
        self._failures.pop(key, None)

    def close(self) -> None:
        """Cancel every appointment."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
