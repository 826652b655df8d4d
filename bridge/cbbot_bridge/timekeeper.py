"""The venue's time, kept by asking for it now and then: often at first, and of a fast venue."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from cbbot.domain.venue_clock import ClockSample, VenueClock
from cbbot.errors import CbbotError
from cbbot_bridge import translate

__all__ = ["Timekeeper"]

_LOG = logging.getLogger(__name__)

_FIRST_SECONDS = 2.0
_FIRST_INTERVAL_SECONDS = 0.25
_FAST_INTERVAL_SECONDS = 1.0
_REAL_INTERVAL_SECONDS = 10.0
_FAILED_INTERVAL_SECONDS = 1.0

_SHORTEST_BASELINE_SECONDS = 0.2
# Coinbase's public answers may come from a cache that is a second old.
_CACHED_SECONDS = 1.0


class Timekeeper:
    """``fetch`` is one read of ``GET /time``. Clocks are arguments: monotonic seconds, UNIX seconds."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[dict[str, Any]]],
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._wall = wall
        self._clock: VenueClock | None = None
        self._latest_ms = 0
        self.failures = 0

    @property
    def known(self) -> bool:
        return self._clock is not None

    @property
    def rate(self) -> float:
        """Venue seconds per second of ours; 1.0 before it is known."""
        return self._clock.rate if self._clock else 1.0

    def now_ms(self) -> int:
        """The venue's time in ms since the epoch; never less than an earlier answer. Ours before a sample."""
        if self._clock is None:
            return int(self._wall() * 1000)
        self._latest_ms = max(self._latest_ms, self._clock.now_ms(self._monotonic()))
        return self._latest_ms

    def offset_ms(self) -> int | None:
        """The venue's time minus this machine's; None before the first sample."""
        return None if self._clock is None else self.now_ms() - int(self._wall() * 1000)

    def signing_seconds(self) -> float:
        """UNIX seconds for a JWT: our clock set right by the venue's, unless the venue plays at another speed."""
        if self._clock is None or self._clock.rate != 1.0:
            return self._wall()
        return self._clock.now_ms(self._monotonic()) / 1000.0

    async def sample(self) -> None:
        """Asks the venue once.

        Raises:
            CbbotError: it could not be asked, or told no time.
        """
        asked = self._monotonic()
        venue_ms = translate.venue_ms(await self._fetch())
        sample = ClockSample.of(asked, self._monotonic(), venue_ms)
        clock = VenueClock.sampled(
            self._clock, sample, baseline_seconds=_SHORTEST_BASELINE_SECONDS, cached_seconds=_CACHED_SECONDS
        )
        if (clock.rate == 1.0) != (self.rate == 1.0):
            _LOG.info("the venue's clock runs at another rate", extra={"fields": {"rate": round(clock.rate, 3)}})
        self._clock = clock

    async def try_sample(self) -> bool:
        """As ``sample``; a failure is counted and logged, not raised."""
        try:
            await self.sample()
        except CbbotError as error:
            self.failures += 1
            _LOG.warning("cannot read the venue's time", extra={"fields": {"reason": str(error)}})
            return False
        return True

    async def run(self) -> None:
        """Samples for ever: often at first, then every second of a fast venue, every 10 s of a real one."""
        started: float | None = None
        while True:
            done = await self.try_sample()
            now = self._monotonic()
            started = now if started is None and done else started
            await asyncio.sleep(self.interval(done=done, since_first=None if started is None else now - started))

    def interval(self, *, done: bool, since_first: float | None) -> float:
        """Seconds until the next sample, by whether the newest came off and how long ago the first did."""
        if not done or since_first is None:
            return _FAILED_INTERVAL_SECONDS
        if since_first < _FIRST_SECONDS:
            return _FIRST_INTERVAL_SECONDS
        return _REAL_INTERVAL_SECONDS if self.rate == 1.0 else _FAST_INTERVAL_SECONDS
