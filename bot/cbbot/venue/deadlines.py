"""What is due at a time: balances to post, edits and cancels to take effect, orders to expire."""

from __future__ import annotations

import heapq
from enum import IntEnum
from typing import NamedTuple

__all__ = ["Deadline", "Deadlines", "Due"]


class Due(IntEnum):
    """What is due; of the same time the lower comes first."""

    POST = 0
    EDIT = 1
    CANCEL = 2
    EXPIRE = 3


class Deadline(NamedTuple):
    """``sequence`` is the fill's for POST, else the order's, whose id is ``order_id``."""

    time_ms: int
    due: Due
    sequence: int
    order_id: str


class Deadlines:
    """Deadlines in order of time. Nothing is taken out early: the caller sees whether a cause has gone."""

    def __init__(self) -> None:
        self._heap: list[Deadline] = []

    def add(self, deadline: Deadline) -> None:
        heapq.heappush(self._heap, deadline)

    def none_by(self, now_ms: int) -> bool:
        """Whether nothing is due by now."""
        return not self._heap or self._heap[0].time_ms > now_ms

    def next_by(self, now_ms: int) -> Deadline | None:
        """Take out the next one that is due by now; None if there is none."""
        if self.none_by(now_ms):
            return None
        return heapq.heappop(self._heap)
