"""Our own request allowance: a token bucket below Coinbase's limits.

Orders must not queue behind a backfill, so reads leave the last few tokens of the bucket alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["BudgetExhausted", "TokenBucket"]


class BudgetExhausted(Exception):
    """The allowance would not have been free within the time the caller had."""


class TokenBucket:
    """``rate`` requests a second on average, ``burst`` at once. Served in the order of asking."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._filled_at = clock()

    @property
    def left(self) -> float:
        """Requests that may leave at once."""
        self._refill()
        return max(self._tokens, 0.0)

    async def take(self, within_seconds: float, keep: float = 0.0) -> None:
        """Takes one token, leaving ``keep`` for others, and waits for it if need be.

        Raises:
            BudgetExhausted: the wait would be longer than ``within_seconds``; nothing was taken.
        """
        self._refill()
        keep = min(keep, self._burst - 1)
        wait = max(0.0, (1.0 + keep - self._tokens) / self._rate)
        if wait > within_seconds:
            raise BudgetExhausted(f"the next free request is {wait:.1f} s away")
        # Taken before waiting (the level may go below zero), so that the next caller queues behind us.
        self._tokens -= 1.0
        if wait:
            await asyncio.sleep(wait)

    def _refill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
