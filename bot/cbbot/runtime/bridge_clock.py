"""The venue's clock as the bridge tells it: sampled densely at first, then now and then, never backwards.

A real venue's clock runs at our rate with an offset. The simulator's may run hundreds of times
faster; then a sample is old soon, and without new ones the clock stands still rather than run away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from cbbot.domain.venue_clock import ClockSample, VenueClock
from cbbot.errors import CbbotError, Retryable

__all__ = ["LiveClock"]

_DENSE_SECONDS: Final = 0.1
_FAST_SECONDS: Final = 1.0
_REAL_SECONDS: Final = 10.0
_BASELINE_SECONDS: Final = 0.5
_AGREEMENT: Final = 0.05
_TRUSTED_SECONDS: Final = 3.0
_LONGEST_START_SECONDS: Final = 10.0


class LiveClock:
    """``fetch`` asks for the venue's time in ms; ``monotonic`` is seconds."""

    def __init__(self, fetch: Callable[[], Awaitable[int]], monotonic: Callable[[], float]) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
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
            now = min(now, self._clock.newest.at + _TRUSTED_SECONDS)
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
        asked = self._monotonic()
        venue_ms = await self._fetch()
        sample = ClockSample.of(asked, self._monotonic(), venue_ms)
        self._clock = VenueClock.sampled(self._clock, sample, baseline_seconds=_BASELINE_SECONDS)

    async def synchronise(self) -> None:
        """Samples until the rate is known: two measurements that agree.

        Raises:
            CbbotError: the venue's time cannot be read; nothing may be traded without it.
        """
        started = self._monotonic()
        while self._monotonic() - started < _LONGEST_START_SECONDS:
            before = self.rate
            await self.sample()
            measured = self._clock is not None and self._clock.baseline >= _BASELINE_SECONDS
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
