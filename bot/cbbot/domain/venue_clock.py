"""The venue's time, estimated from samples of it.

Reads no clock itself: callers pass their monotonic reading. A real exchange's clock runs at our
rate with an offset, a simulator's perhaps hundreds of times faster. Two quick samples tell them
apart only if they differ by more than the samples' journeys (and a cache on the way) can explain,
so the rate is believed to be 1 until it is shown not to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = ["FASTEST", "ClockSample", "VenueClock"]

# No venue runs faster: what looks like it is a clock that was set forward.
FASTEST: Final = 2_000_000.0

# Oldest to newest sample is the baseline of the rate; after a venue's restart it is right again within so many.
WINDOW: Final = 8
_REAL_TIME_BAND: Final = 0.02


class ClockSample(NamedTuple):
    """The venue said ``venue_ms`` at ``at`` (our monotonic seconds), give or take ``doubt`` seconds."""

    at: float
    venue_ms: int
    doubt: float

    @classmethod
    def of(cls, asked: float, answered: float, venue_ms: int) -> ClockSample:
        """A question's answer: the venue read its clock somewhere on the journey."""
        return cls((asked + answered) / 2, venue_ms, (answered - asked) / 2)


@dataclass(frozen=True, slots=True)
class VenueClock:
    """Maps a monotonic reading (seconds) to the venue's time (ms since the epoch).

    ``rate`` is venue seconds per second of ours: 1.0 exactly against a real exchange.
    """

    samples: tuple[ClockSample, ...]
    rate: float = 1.0

    @property
    def newest(self) -> ClockSample:
        return self.samples[-1]

    @property
    def doubt(self) -> float:
        """By how much the rate as it was measured may be off: what the journeys leave open."""
        return (self.samples[0].doubt + self.newest.doubt) / self.baseline if self.baseline > 0 else float("inf")

    @property
    def baseline(self) -> float:
        """Our seconds between the oldest sample and the newest."""
        return self.newest.at - self.samples[0].at

    @classmethod
    def sampled(
        cls, before: VenueClock | None, sample: ClockSample, *, baseline_seconds: float, cached_seconds: float = 0.0
    ) -> VenueClock:
        """The clock after one more sample.

        The rate is measured over at least ``baseline_seconds``; ``cached_seconds`` is how old an
        answer may be that some cache gave.
        """
        if before is None or sample.venue_ms < before.newest.venue_ms:
            # The first one; or the venue was set back, and what it did before says nothing of its rate.
            return cls((sample,), before.rate if before is not None else 1.0)
        clock = cls((*before.samples, sample)[-WINDOW:], before.rate)
        if clock.baseline < baseline_seconds:
            return clock
        oldest = clock.samples[0]
        measured = (sample.venue_ms - oldest.venue_ms) / 1000.0 / clock.baseline
        if measured > FASTEST:
            return cls((sample,), before.rate)
        doubt = (oldest.doubt + sample.doubt + cached_seconds) / clock.baseline
        if abs(measured - 1.0) > _REAL_TIME_BAND + doubt:
            return cls(clock.samples, measured)
        # They may tell that it is 1; where they tell rather what was known before, too soon to be sure, it stays.
        off = abs(measured - before.rate)
        return cls(clock.samples, before.rate if off <= doubt and off < abs(measured - 1.0) else 1.0)

    def now_ms(self, monotonic: float) -> int:
        return int(self.newest.venue_ms + (monotonic - self.newest.at) * 1000.0 * self.rate)
