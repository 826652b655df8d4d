"""When to ask Coinbase again, and after how long. Pure but for the dice it is given."""

from __future__ import annotations

import random
from dataclasses import dataclass

from cbbot_bridge.coinbase.rest_answers import Meaning

__all__ = ["RetryPolicy"]

# A burst of 429 passes if one keeps still, and so do the 401 that Coinbase answers to good keys now and then;
# a fault that stays for four tries is an outage to report.
_TRIES = {
    Meaning.RATE_LIMITED: 7,
    Meaning.UNAUTHORIZED: 7,
    Meaning.FAILED: 4,
    Meaning.TIMED_OUT: 4,
    Meaning.UNREACHABLE: 4,
}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with full jitter, inside a total time in seconds.

    ``least_seconds``: with less than that left no order is sent, for there would be no time to hear of it.
    """

    base_seconds: float = 0.25
    cap_seconds: float = 5.0
    total_seconds: float = 12.0
    least_seconds: float = 3.0

    def again(self, meaning: Meaning, tries_made: int) -> bool:
        """Whether an answer of this meaning deserves another try after ``tries_made``."""
        return tries_made < _TRIES.get(meaning, 0)

    def delay(self, tries_made: int, dice: random.Random) -> float:
        """Seconds to wait before the next try. Never nothing: a refused connection must not spin."""
        ceiling = min(self.cap_seconds, self.base_seconds * 2 ** (tries_made - 1))
        return dice.uniform(ceiling / 4, ceiling)
