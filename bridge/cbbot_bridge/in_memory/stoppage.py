"""A process that stands still, as after SIGSTOP: what it has to send leaves late, and what comes waits for it."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Stoppage"]


class Stoppage:
    """``monotonic`` is the loop's clock. Nothing passes in or out while it lasts; timers go on."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until = 0.0

    def stop(self, seconds: float) -> None:
        """From now on, for so long at least."""
        self._until = max(self._until, self._monotonic() + seconds)

    def end(self) -> None:
        """What waits goes on when it would have."""
        self._until = 0.0

    def seconds_left(self) -> float:
        return max(self._until - self._monotonic(), 0.0)
