"""The venue's clock as the bridge tells it: sampled densely at first, then now and then.

A real venue's clock runs at our rate with an offset. The simulator's may run hundreds of times
faster; then a sample is old soon, and without new ones the clock stands still rather than run away.
One sample that fits nothing is asked about several times more: it was wrong, or the clock was set (ours stood still
while this machine slept, or the venue's was), or it runs at another rate. Only a clock that was set back goes back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from cbbot.domain.venue_clock import ClockSample, VenueClock
from cbbot.errors import CbbotError, Retryable
from cbbot.runtime.machine_time import MachineMs, machine_ms

__all__ = ["LiveClock"]

_LOG = logging.getLogger(__name__)

_DENSE_SECONDS: Final = 0.1
_FAST_SECONDS: Final = 1.0
_REAL_SECONDS: Final = 10.0
_BASELINE_SECONDS: Final = 0.5
_AGREEMENT: Final = 0.05
# Samples that leave more open cannot tell a clock at our rate from one that stands or runs twice as fast.
_TELLING: Final = 0.25
_TRUSTED_SECONDS: Final = 3.0
_LONGEST_START_SECONDS: Final = 20.0
# A sample that is further off than this, in our seconds beside its doubt, fits nothing.
_FITS_SECONDS: Final = 2.0
# An odd number: each half is long enough to show a rate.
_ASKED_AGAIN: Final = 7


class LiveClock:
    """``fetch`` asks for the venue's time in ms; ``monotonic`` is seconds.

    ``jumped(seconds)`` is called when the venue's clock was found to be set; ``jumps`` counts.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[int]],
        monotonic: Callable[[], float],
        jumped: Callable[[float], None] = lambda _: None,
        now_ms: MachineMs = machine_ms,
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._jumped = jumped
        self._machine_ms = now_ms
        self._clock: VenueClock | None = None
        self._synchronised = False
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
            return self._machine_ms()
        now = self._monotonic()
        if self.fast:
            now = min(now, self._clock.newest.at + _TRUSTED_SECONDS)
        return self._clock.now_ms(now)

    def now_ms(self) -> int:
        """The venue's time; before an earlier answer only when the venue's clock was set back."""
        self._latest = max(self._latest, self.estimate_ms())
        return self._latest

    def offset_ms(self) -> int:
        """The venue's time minus this machine's."""
        return self.estimate_ms() - self._machine_ms()

    async def sample(self) -> None:
        """Asks once, and several times more when the answer fits nothing.

        Raises:
            CbbotError: there was no answer, or several that agree on nothing.
        """
        sample = await self._ask()
        if not self._fits(sample):
            await self._resynchronise()
        elif self._synchronised and self._clock is not None and not self.fast:
            # Small corrections of a real clock are no other rate.
            self._clock = VenueClock((sample,), 1.0)
        else:
            self._clock = VenueClock.sampled(self._clock, sample, baseline_seconds=_BASELINE_SECONDS)

    async def _ask(self) -> ClockSample:
        asked = self._monotonic()
        venue_ms = await self._fetch()
        return ClockSample.of(asked, self._monotonic(), venue_ms)

    def _fits(self, sample: ClockSample) -> bool:
        if self._clock is None or not self._synchronised:
            return True
        allowed = (_FITS_SECONDS + sample.doubt + self._clock.newest.doubt) * max(self.rate, 1.0)
        return abs(sample.venue_ms - self._clock.now_ms(sample.at)) <= allowed * 1000

    async def _resynchronise(self) -> None:
        """Believes what several samples agree on: the old clock, or another one."""
        samples: list[ClockSample] = []
        for _ in range(_ASKED_AGAIN):
            await asyncio.sleep(_DENSE_SECONDS * 2)
            samples.append(await self._ask())
        if all(self._fits(sample) for sample in samples):
            _LOG.warning("the bridge told a wrong time once")
            return
        clock = _agreed(samples, self.rate)
        old, self._clock = self._clock, clock
        now = self._monotonic()
        seconds = (clock.now_ms(now) - (old.now_ms(now) if old is not None else 0)) / 1000
        fields = {"seconds": round(seconds, 1), "rate": round(clock.rate, 3)}
        _LOG.warning("the venue's clock was set, or this machine slept", extra={"fields": fields})
        # Standing still until the venue is there again would take as long as it was set back by.
        self._latest = 0
        self._jumped(seconds)

    async def synchronise(self) -> None:
        """Samples until the rate is known: two measurements that agree, over so long that journeys do not matter.

        Raises:
            CbbotError: the venue's time cannot be read; nothing may be traded without it.
        """
        self._synchronised = False
        started = self._monotonic()
        while self._monotonic() - started < _LONGEST_START_SECONDS:
            before = self.rate
            await self.sample()
            clock = self._clock
            measured = clock is not None and clock.baseline >= _BASELINE_SECONDS and clock.doubt <= _TELLING
            if measured and abs(self.rate - before) <= _AGREEMENT * before:
                self._synchronised = True
                return
            await asyncio.sleep(_DENSE_SECONDS)
        raise _uneven()

    async def run(self, failed: Callable[[CbbotError], None]) -> None:
        """Keeps sampling for ever."""
        while True:
            await asyncio.sleep(_FAST_SECONDS if self.fast else _REAL_SECONDS)
            try:
                await self.sample()
            except CbbotError as error:
                failed(error)


def _agreed(samples: Sequence[ClockSample], rate: float) -> VenueClock:
    """The clock that the samples tell: both halves of them must show the same rate.

    ``rate`` is the one that was known: where answers are too slow to tell another, it stays.

    Raises:
        Retryable: they do not.
    """
    middle = len(samples) // 2
    halves = [_clock_of(samples[: middle + 1], rate), _clock_of(samples[middle:], rate)]
    if any(clock.newest.venue_ms < clock.samples[0].venue_ms or clock.baseline <= 0 for clock in halves):
        raise _uneven()
    rates = [clock.rate for clock in halves]
    if abs(rates[1] - rates[0]) > _AGREEMENT * 2 * max(rates):
        raise _uneven()
    return _clock_of(samples, rate)


def _clock_of(samples: Sequence[ClockSample], rate: float) -> VenueClock:
    clock = VenueClock((samples[0],), rate)
    for sample in samples[1:]:
        clock = VenueClock.sampled(clock, sample, baseline_seconds=_BASELINE_SECONDS)
    return clock


def _uneven() -> Retryable:
    return Retryable("bridge: GET /time: the venue's clock does not run evenly")
