"""The venue's time, kept by asking for it now and then: often at first, and of a fast venue.

It does not go backwards when a sample corrects it a little; it stands still instead. A venue that was set
back (a simulator that was started anew) is followed, and one answer that fits nothing is asked for again
before it is believed: neither stops the clock for longer than it takes to see it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from cbbot.domain.venue_clock import FASTEST, ClockSample, VenueClock
from cbbot.errors import CbbotError
from cbbot_bridge import translate
from cbbot_bridge.machine_clocks import monotonic_seconds, unix_seconds
from cbbot_bridge.outage_log import OutageLog

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

# Seconds of ours, at the venue's rate. A correction up to the first is waited out; an answer further off
# than the second is asked for again; a time further ahead than the second was not told by this venue.
_WAITED_OUT_SECONDS = 2.0
_PLAUSIBLE_SECONDS = 60.0
_SHORTEST_INTERVAL_SECONDS = 1.0
# Samples that leave more open cannot tell a clock that runs at our rate from one that stands.
_TELLING = 0.9


class Timekeeper:
    """``fetch`` is one read of ``GET /time``. Clocks are arguments: monotonic seconds, UNIX seconds.

    ``rate_known``: what was sampled since the start tells a clock that runs from one that stands.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[dict[str, Any]]],
        monotonic: Callable[[], float] = monotonic_seconds,
        wall: Callable[[], float] = unix_seconds,
    ) -> None:
        self._fetch = fetch
        self.monotonic = monotonic
        self._wall = wall
        self._clock: VenueClock | None = None
        self._measured = False
        self.rate_known = False
        self._latest_ms = 0
        # Both clocks at the newest sample: what the wall clock has run more since, this machine slept.
        self._taken_at = (monotonic(), wall())
        self._wake = asyncio.Event()
        self.on_set_back: Callable[[], None] = lambda: None
        self._reads = OutageLog(_LOG, "cannot read the venue's time", monotonic)
        self.failures = 0
        self.set_backs = 0
        self.outliers = 0

    @property
    def known(self) -> bool:
        return self._clock is not None

    @property
    def rate(self) -> float:
        """Venue seconds per second of ours; 1.0 before it is known."""
        return self._clock.rate if self._clock else 1.0

    @property
    def pace(self) -> float:
        """The rate for waits and margins: those of a slow venue are ours."""
        return max(self.rate, 1.0)

    def now_ms(self) -> int:
        """The venue's time in ms since the epoch, ours before a sample.

        Less than an earlier answer only when the venue was set back by more than a correction.
        """
        if self._clock is None:
            return int(self._wall() * 1000)
        self._latest_ms = max(self._latest_ms, self._clock.now_ms(self.monotonic()))
        return self._latest_ms

    def seconds_until(self, venue_ms: int) -> float:
        """Seconds of ours until the venue's time is ``venue_ms``, at least so many ago when negative.

        The monotonic clock stands while the machine sleeps, the wall clock does not: the later one counts.
        """
        ran, passed = self.monotonic() - self._taken_at[0], self._wall() - self._taken_at[1]
        slept = max(passed - ran, 0.0) if self._clock is not None else 0.0
        return (venue_ms - self.now_ms()) / 1000.0 / self.pace - slept

    def offset_ms(self) -> int | None:
        """The venue's time minus this machine's; None before the first sample."""
        return None if self._clock is None else self.now_ms() - int(self._wall() * 1000)

    def signing_seconds(self) -> float:
        """UNIX seconds for a JWT: our clock set right by the venue's, unless the venue plays at another speed."""
        if self._clock is None or self._clock.rate != 1.0:
            return self._wall()
        return self._clock.now_ms(self.monotonic()) / 1000.0

    def latest_plausible_seconds(self) -> float:
        """UNIX seconds: the venue cannot have stamped anything with a later time."""
        if self._clock is None:
            return float("inf")
        rate = self.pace if self._measured else FASTEST
        return self.now_ms() / 1000.0 + _PLAUSIBLE_SECONDS * rate

    def ask_soon(self) -> None:
        """Has ``run`` take a sample now, or a second after its last: something contradicts the time."""
        self._wake.set()

    async def sample(self) -> None:
        """Asks the venue once, and once more when the answer fits nothing.

        Raises:
            CbbotError: it could not be asked, or told no time, or two that contradict each other.
        """
        sample = await self._ask()
        if self._is_far_off(sample):
            second = await self._ask()
            if not self._is_far_off(second):
                self.outliers += 1
                _LOG.warning("the venue told a wrong time", extra={"fields": {"venue_ms": sample.venue_ms}})
            elif abs(second.venue_ms - sample.venue_ms) > self._reach_ms(_PLAUSIBLE_SECONDS):
                self.outliers += 1
                raise translate.malformed(f"GET /time told {sample.venue_ms} and then {second.venue_ms}")
            sample = second
        self._take(sample)

    async def _ask(self) -> ClockSample:
        asked = self.monotonic()
        venue_ms = translate.venue_ms(await self._fetch())
        return ClockSample.of(asked, self.monotonic(), venue_ms)

    def _is_far_off(self, sample: ClockSample) -> bool:
        if self._clock is None:
            return False
        return abs(sample.venue_ms - self._clock.now_ms(sample.at)) > self._reach_ms(_PLAUSIBLE_SECONDS)

    def _reach_ms(self, seconds: float) -> float:
        return seconds * 1000.0 * self.pace

    def _take(self, sample: ClockSample) -> None:
        before = self._clock
        if before is not None and len(before.samples) > 1 and self._is_far_off(sample):
            # It was set, or goes at another speed: the next sample shows which. One says nothing of the rate.
            clock = VenueClock((sample,), before.rate)
            self.ask_soon()
        else:
            clock = VenueClock.sampled(
                before, sample, baseline_seconds=_SHORTEST_BASELINE_SECONDS, cached_seconds=_CACHED_SECONDS
            )
        if (clock.rate == 1.0) != (self.rate == 1.0):
            _LOG.info("the venue's clock runs at another rate", extra={"fields": {"rate": round(clock.rate, 3)}})
        now = self.monotonic()
        self._taken_at = (now, self._wall())
        before_ms = max(self._latest_ms, self._clock.now_ms(now)) if self._clock is not None else 0
        self._clock = clock
        self._measured = self._measured or clock.baseline >= _SHORTEST_BASELINE_SECONDS
        self.rate_known = self.rate_known or (
            clock.baseline > 0 and clock.doubt + _CACHED_SECONDS / clock.baseline <= _TELLING
        )
        behind_ms = before_ms - clock.now_ms(now)
        if behind_ms > self._reach_ms(_WAITED_OUT_SECONDS):
            self.set_backs += 1
            self._latest_ms = 0
            _LOG.warning("the venue's clock was set back", extra={"fields": {"seconds": round(behind_ms / 1000, 1)}})
            self.on_set_back()

    async def try_sample(self) -> bool:
        """As ``sample``; a failure is counted and logged, not raised."""
        try:
            await self.sample()
        except CbbotError as error:
            self.failures += 1
            self._reads.failed({"reason": str(error)})
            return False
        self._reads.worked()
        return True

    async def run(self) -> None:
        """Samples for ever: often at first, then every second of a fast venue, every 10 s of a real one."""
        started: float | None = None
        while True:
            done = await self.try_sample()
            now = self.monotonic()
            started = now if started is None and done else started
            await self._until_next(self.interval(done=done, since_first=None if started is None else now - started))

    async def _until_next(self, seconds: float) -> None:
        self._wake.clear()
        await asyncio.sleep(min(seconds, _SHORTEST_INTERVAL_SECONDS))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds - _SHORTEST_INTERVAL_SECONDS, 0.0)):
                await self._wake.wait()

    def interval(self, *, done: bool, since_first: float | None) -> float:
        """Seconds until the next sample, by whether the newest came off and how long ago the first did."""
        if not done or since_first is None:
            return _FAILED_INTERVAL_SECONDS
        if since_first < _FIRST_SECONDS:
            return _FIRST_INTERVAL_SECONDS
        return _REAL_INTERVAL_SECONDS if self.rate == 1.0 else _FAST_INTERVAL_SECONDS
