"""The venue's clock as the bridge tells it: sampled densely at first, then now and then, never backwards.

A real venue's clock runs at our rate with an offset. The simulator's may run hundreds of times
faster; then a sample is old soon, and without new ones the clock stands still rather than run away.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from cbbot.domain.venue_clock import VenueClock
from cbbot.errors import CbbotError, Retryable

__all__ = ["LiveClock"]

_DENSE_SECONDS: Final = 0.1
_FAST_SECONDS: Final = 1.0
_REAL_SECONDS: Final = 10.0
_WINDOW: Final = 8
_BASELINE_SECONDS: Final = 0.5
_REAL_TIME_BAND: Final = 0.02
_AGREEMENT: Final = 0.05
_TRUSTED_SECONDS: Final = 3.0
_LONGEST_START_SECONDS: Final = 10.0


class _Sample(NamedTuple):
    """``at`` is the middle of the question's journey, ``doubt`` half its length, in seconds."""

    at: float
    venue_ms: int
    doubt: float


class LiveClock:
    """``fetch`` asks for the venue's time in ms; ``monotonic`` is seconds."""

    def __init__(self, fetch: Callable[[], Awaitable[int]], monotonic: Callable[[], float]) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._samples: deque[_Sample] = deque(maxlen=_WINDOW)
        self._clock: VenueClock | None = None
        self._latest = 0

    @property
    def rate(self) -> float:
        """Venue seconds per second of ours."""
        return self._clock.rate if self._clock else 1.0

    @property
    def fast(self) -> bool:
        """Whether the venue plays history faster than life."""
        return self.rate != 1.0

    def estimate_ms(self) -> int:
        """The venue's time as well as it is known; it may step back when a sample corrects it."""
        if self._clock is None:
            return int(time.time() * 1000)
        now = self._monotonic()
        if self.fast:
            now = min(now, self._clock.anchor_monotonic + _TRUSTED_SECONDS)
        return self._clock.now_ms(now)

    def now_ms(self) -> int:
        """The venue's time, never before an earlier answer."""
        self._latest = max(self._latest, self.estimate_ms())
        return self._latest

    def offset_ms(self) -> int:
        """The venue's time minus this machine's."""
        return self.estimate_ms() - int(time.time() * 1000)

    async def sample(self) -> None:
        """Asks once.

        Raises:
            CbbotError: there was no answer.
        """
        before = self._monotonic()
        venue_ms = await self._fetch()
        after = self._monotonic()
        sample = _Sample((before + after) / 2, venue_ms, (after - before) / 2)
        if self._samples and venue_ms < self._samples[-1].venue_ms:
            self._samples.clear()  # it was set back: what it did before says nothing of its rate
        self._samples.append(sample)
        self._clock = VenueClock(sample.at, float(venue_ms), self._measured_rate())

    def _measured_rate(self) -> float:
        oldest, newest = self._samples[0], self._samples[-1]
        baseline = newest.at - oldest.at
        if baseline < _BASELINE_SECONDS:
            return self.rate
        measured = (newest.venue_ms - oldest.venue_ms) / 1000.0 / baseline
        band = _REAL_TIME_BAND + (newest.doubt + oldest.doubt) / baseline
        return 1.0 if abs(measured - 1.0) <= band else max(measured, 0.0)

    async def settle(self) -> None:
        """Samples until the rate is known: two measurements that agree.

        Raises:
            CbbotError: the venue's time cannot be learnt; nothing may be traded without it.
        """
        started = self._monotonic()
        while self._monotonic() - started < _LONGEST_START_SECONDS:
            before = self.rate
            await self.sample()
            measured = self._samples[-1].at - self._samples[0].at >= _BASELINE_SECONDS
            if measured and abs(self.rate - before) <= _AGREEMENT * before:
                return
            await asyncio.sleep(_DENSE_SECONDS)
        raise Retryable("bridge: GET /time: the venue's clock does not run evenly")

    async def run(self, failed: Callable[[CbbotError], None]) -> None:
        """Keeps sampling for ever."""
        while True:
            await asyncio.sleep(_FAST_SECONDS if self.fast else _REAL_SECONDS)
            try:
                await self.sample()
            except CbbotError as error:
                failed(error)
