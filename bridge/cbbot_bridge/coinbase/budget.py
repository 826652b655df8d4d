"""Our own request allowance: a token bucket below Coinbase's limits.

Orders must not queue behind reads, however many of them wait: reads leave the last few tokens of the bucket alone, wait
for theirs one behind the other, and take nothing until it is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cbbot_bridge.machine_clocks import monotonic_seconds

__all__ = ["BudgetExhausted", "TokenBucket"]


class BudgetExhausted(Exception):
    """The allowance would not have been free within the time the caller had."""


class TokenBucket:
    """``rate`` requests a second on average, ``burst`` at once. Served in the order of asking, orders before reads."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = monotonic_seconds) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._filled_at = clock()
        self._reads = asyncio.Lock()
        self._reads_waiting = 0

    @property
    def left(self) -> float:
        """Requests that may leave at once."""
        self._refill()
        return max(self._tokens, 0.0)

    async def take(self, within_seconds: float, keep: float = 0.0) -> None:
        """Takes one token and waits for it if need be. ``keep`` above 0 is a read's: so many are left for orders.

        Raises:
            BudgetExhausted: the wait would be longer than ``within_seconds``; nothing was taken.
        """
        keep = min(keep, self._burst - 1)
        wait = self._wait(keep + self._reads_waiting if keep else 0.0)
        if wait > within_seconds:
            raise BudgetExhausted(f"the next free request is {wait:.1f} s away")
        if keep:
            await self._take_after_orders(within_seconds, keep)
            return
        # Taken before waiting (the level may go below zero), so that the next order queues behind us.
        self._tokens -= 1.0
        if wait:
            await asyncio.sleep(wait)

    async def _take_after_orders(self, within_seconds: float, keep: float) -> None:
        deadline = self._clock() + within_seconds
        self._reads_waiting += 1
        try:
            async with self._reads:
                while wait := self._wait(keep):
                    if self._clock() + wait > deadline:
                        raise BudgetExhausted("orders have taken what was free")
                    await asyncio.sleep(wait)
                self._tokens -= 1.0
        finally:
            self._reads_waiting -= 1

    def _wait(self, before_us: float) -> float:
        """Seconds until a token is free that is not among the ``before_us`` first ones."""
        self._refill()
        return max(0.0, (1.0 + before_us - self._tokens) / self._rate)

    def _refill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
