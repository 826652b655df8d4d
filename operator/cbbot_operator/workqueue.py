"""A de-duplicating work queue with priorities and per-key back-off, as in client-go.

A key that is waiting is not queued twice; a key that is being worked on is queued again when the
work is done, never worked on by two. The more urgent of two requests for a key counts. A key that failed comes
back after a pause that doubles; only what a person did ends that pause early.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable
from enum import IntEnum
from typing import Generic, NamedTuple, TypeVar

__all__ = ["Urgency", "WorkQueue"]

K = TypeVar("K")


class Urgency(IntEnum):
    """Why a key is to be looked at; the lower number is worked on first."""

    PERSON = 0
    """Somebody changed or deleted the resource itself, or a Secret it names."""
    CHILD = 1
    """Something around it changed, or an earlier try failed."""
    RESYNC = 2
    """Nothing is known to have changed."""


class _Waiting(NamedTuple):
    urgency: Urgency
    order: int
    since: float


class WorkQueue(Generic[K]):
    """Keys to be worked on. Use it from one event loop."""

    def __init__(
        self,
        *,
        first_pause: float = 1.0,
        longest_pause: float = 300.0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        # An entry of the heap that is not the key's in _waiting has been overtaken by a more urgent one.
        self._heap: list[tuple[_Waiting, K]] = []
        self._waiting: dict[K, _Waiting] = {}
        self._working: set[K] = set()
        self._again: dict[K, Urgency] = {}
        self._failures: dict[K, int] = {}
        self._timers: dict[K, tuple[asyncio.TimerHandle, Urgency]] = {}
        self._order = itertools.count()
        self._arrived = asyncio.Semaphore(0)
        self._turn = asyncio.Lock()
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._jitter = jitter

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def retries(self) -> int:
        """Keys that wait for another try."""
        return len(self._failures)

    def add(self, key: K, urgency: Urgency = Urgency.CHILD) -> None:
        """Ask for work on ``key``: now, unless it is in the pause after a failure and no person asks."""
        if urgency is Urgency.PERSON or key not in self._failures or key not in self._timers:
            self._add(key, urgency)

    def _add(self, key: K, urgency: Urgency) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer[0].cancel()
            urgency = min(urgency, timer[1])
        if key in self._working:
            self._again[key] = min(urgency, self._again.get(key, urgency))
            return
        present = self._waiting.get(key)
        if present is not None and present.urgency <= urgency:
            return
        since = asyncio.get_running_loop().time() if present is None else present.since
        waiting = self._waiting[key] = _Waiting(urgency, next(self._order), since)
        heapq.heappush(self._heap, (waiting, key))
        if present is None:
            self._arrived.release()

    def add_after(self, key: K, seconds: float, urgency: Urgency = Urgency.RESYNC) -> None:
        """Ask for work on ``key`` later; what is arranged already stands if it comes earlier or after a failure."""
        loop = asyncio.get_running_loop()
        present = self._timers.get(key)
        if present is not None and (key in self._failures or present[0].when() <= loop.time() + seconds):
            return
        if key not in self._waiting:
            self._arrange(key, seconds, urgency)

    def _arrange(self, key: K, seconds: float, urgency: Urgency) -> None:
        present = self._timers.pop(key, None)
        if present is not None:
            present[0].cancel()
            urgency = min(urgency, present[1])
        timer = asyncio.get_running_loop().call_later(seconds, self._add, key, urgency)
        self._timers[key] = timer, urgency

    async def get(self) -> tuple[K, float]:
        """The most urgent key and how long, in seconds, it has waited. :meth:`done` must follow.

        Between two keys the event loop goes round: work that waits for nothing would keep it from hearing of more
        urgent ones until the queue is empty.
        """
        async with self._turn:
            await asyncio.sleep(0)
            await self._arrived.acquire()
        while True:
            waiting, key = heapq.heappop(self._heap)
            if self._waiting.get(key) is waiting:
                break
        del self._waiting[key]
        self._working.add(key)
        return key, asyncio.get_running_loop().time() - waiting.since

    def done(self, key: K) -> None:
        """The work on ``key`` is over, well or badly."""
        self._working.discard(key)
        urgency = self._again.pop(key, None)
        if urgency is not None:
            self.add(key, urgency)

    def retry(self, key: K) -> float:
        """Come back to ``key`` after its back-off; returns the pause in seconds."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        # Beyond 2**30 the power alone would overflow a float one day.
        pause: float = min(self._longest_pause, self._first_pause * 2.0 ** min(failures - 1, 30))
        pause *= 1 + 0.2 * self._jitter()
        self._arrange(key, pause, Urgency.CHILD)
        return pause

    def forget(self, key: K) -> None:
        """The work on ``key`` went well: its next failure starts the back-off anew."""
        self._failures.pop(key, None)

    def close(self) -> None:
        """Cancel every appointment."""
        for timer, _ in self._timers.values():
            timer.cancel()
        self._timers.clear()
