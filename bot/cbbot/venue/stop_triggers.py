"""Stop prices that wait for the last trade price to reach them."""

from __future__ import annotations

import heapq
import math
from typing import NamedTuple

__all__ = ["StopTriggers"]

_STALE_SHARE = 2
_STALE_LEAST = 64


class _Armed(NamedTuple):
    key: int
    sequence: int
    order_id: str
    up: bool


class StopTriggers:
    """The triggers of one market. An order has one at most; arming it anew moves it."""

    def __init__(self) -> None:
        self._armed: dict[str, _Armed] = {}
        self._up: list[_Armed] = []
        self._down: list[_Armed] = []

    def __len__(self) -> int:
        return len(self._armed)

    def arm(self, order_id: str, sequence: int, stop: int, *, up: bool) -> None:
        """Wait for a trade at ``stop`` or above (``up``), or at it or below."""
        armed = _Armed(stop if up else -stop, sequence, order_id, up)
        self._armed[order_id] = armed
        heap = self._up if up else self._down
        heapq.heappush(heap, armed)
        if len(heap) > _STALE_SHARE * len(self._armed) + _STALE_LEAST:
            heap[:] = sorted(item for item in heap if self._armed.get(item.order_id) == item)

    def disarm(self, order_id: str) -> None:
        """Wait no more; nothing happens if there is no such trigger."""
        self._armed.pop(order_id, None)

    def reached(self, last: int) -> list[str]:
        """The orders whose stop price a trade at ``last`` reaches, the oldest first; they are disarmed."""
        found = self._pop(self._up, last) + self._pop(self._down, -last)
        return [armed.order_id for armed in sorted(found, key=lambda armed: armed.sequence)]

    def is_quiet(self, low: int, high: int) -> bool:
        """Whether trades from ``low`` to ``high`` reach none."""
        return self._next(self._up) > high and self._next(self._down) > -low

    def _next(self, heap: list[_Armed]) -> float:
        while heap and self._armed.get(heap[0].order_id) != heap[0]:
            heapq.heappop(heap)
        return heap[0].key if heap else math.inf

    def _pop(self, heap: list[_Armed], key: int) -> list[_Armed]:
        found = []
        while heap and heap[0].key <= key:
            armed = heapq.heappop(heap)
            if self._armed.get(armed.order_id) == armed:
                del self._armed[armed.order_id]
                found.append(armed)
        return found
