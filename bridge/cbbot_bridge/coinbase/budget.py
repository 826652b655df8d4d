"""Our own request allowance: token buckets below Coinbase's limits.

Orders must not queue behind a backfill, so a part of the rate is theirs alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["Allowance", "BudgetExhausted", "TokenBucket"]

_FOR_ORDERS = 0.25


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

    async def take(self, within_seconds: float) -> None:
        """Takes one token, and waits for it if need be.

        Raises:
            BudgetExhausted: the wait would be longer than ``within_seconds``; nothing was taken.
        """
        self._refill()
        wait = max(0.0, (1.0 - self._tokens) / self._rate)
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


class Allowance:
    """``rate`` requests a second, of which a quarter waits for orders; orders may have any other that is free."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        of_orders = max(_FOR_ORDERS * burst, 1.0)
        self._orders = TokenBucket(_FOR_ORDERS * rate, of_orders, clock)
        self._reads = TokenBucket((1.0 - _FOR_ORDERS) * rate, max(burst - of_orders, 1.0), clock)

    @property
    def left(self) -> float:
        """Requests that may leave at once."""
        return self._orders.left + self._reads.left

    async def take(self, within_seconds: float, *, for_order: bool) -> None:
        """As :meth:`TokenBucket.take`."""
        to_spare = self._orders.left < 1.0 <= self._reads.left
        await (self._orders if for_order and not to_spare else self._reads).take(within_seconds)
