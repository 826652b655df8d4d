"""The venue's time, estimated from samples of it.

Reads no clock itself: callers pass their monotonic reading. Against a real exchange the
venue's clock runs at our rate with an offset; against the simulator it may run hundreds of
times faster, which two samples a moment apart reveal.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["VenueClock"]

# A real clock is never off by one part in fifty; a replay is never so slow a speed-up.
_REAL_TIME_BAND = 0.02
_SHORTEST_BASELINE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class VenueClock:
    """Maps a monotonic reading (seconds) to the venue's time (ms since the epoch).

    ``rate`` is venue seconds per second of ours: 1.0 exactly against a real exchange.
    """

    anchor_monotonic: float
    anchor_ms: float
    rate: float = 1.0
    first_monotonic: float = 0.0
    first_ms: float = 0.0

    @classmethod
    def start(cls, monotonic: float, venue_ms: float) -> VenueClock:
        return cls(monotonic, venue_ms, 1.0, monotonic, venue_ms)

    def sample(self, monotonic: float, venue_ms: float) -> VenueClock:
        """A clock corrected by one more sample: the venue said ``venue_ms`` at ``monotonic``."""
        elapsed = monotonic - self.first_monotonic
        rate = self.rate
        if elapsed >= _SHORTEST_BASELINE_SECONDS:
            measured = (venue_ms - self.first_ms) / 1000.0 / elapsed
            rate = 1.0 if abs(measured - 1.0) <= _REAL_TIME_BAND else max(measured, 0.0)
        return VenueClock(monotonic, venue_ms, rate, self.first_monotonic, self.first_ms)

    def now_ms(self, monotonic: float) -> int:
        return int(self.anchor_ms + (monotonic - self.anchor_monotonic) * 1000.0 * self.rate)

    def seconds_until(self, venue_ms: int, monotonic: float) -> float:
        """Our seconds until the venue's clock shows ``venue_ms``; 0 when it already does."""
        left_ms = venue_ms - self.now_ms(monotonic)
        return max(left_ms, 0) / 1000.0 / self.rate if self.rate > 0 else 1.0
