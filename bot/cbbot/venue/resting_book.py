"""Our resting orders by price, each behind the size that others showed at its price when it came.

The work of a print is what it touches: the prices that it went through, and at its own price the orders
that its size reaches. How many orders rest elsewhere does not matter, nor how many went before.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cbbot.domain.order import Side

__all__ = ["PriceQueue", "RestingSide"]

# Prices that nobody rests at any more leave the heap once they are this many times those that are left.
_STALE_SHARE = 2
_STALE_LEAST = 64


@dataclass(slots=True)
class PriceQueue:
    """One price. ``marks``: for each order, in order of time, how much of others' size goes before it, counted
    from when the queue began; ``eaten``: how much of theirs has been traded since."""

    eaten: int = 0
    marks: OrderedDict[str, int] = field(default_factory=OrderedDict)

    def ahead(self, order_id: str) -> int:
        """What others still have before an order."""
        return max(self.marks[order_id] - self.eaten, 0)

    def shown(self) -> int:
        """What others still have before our last order."""
        return max(next(reversed(self.marks.values())) - self.eaten, 0) if self.marks else 0


class RestingSide:
    """The resting BUY or SELL orders of one market."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.queues: dict[int, PriceQueue] = {}
        # Better prices have lower keys.
        self._sign = -1 if side is Side.BUY else 1
        self._heap: list[int] = []
        self._listed: set[int] = set()

    def __len__(self) -> int:
        return sum(len(queue.marks) for queue in self.queues.values())

    def add(self, order_id: str, price: int, shown: int) -> None:
        """Queue an order at its price, behind the ``shown`` size of others."""
        queue = self.queues.get(price)
        if queue is None:
            queue = self.queues[price] = PriceQueue()
            self._list(price)
        newest = next(reversed(queue.marks.values())) if queue.marks else 0
        queue.marks[order_id] = max(queue.eaten + shown, newest)

    def restore(self, price: int, queue: PriceQueue) -> None:
        """Put back a queue as it was."""
        self.queues[price] = queue
        self._list(price)

    def remove(self, order_id: str, price: int) -> None:
        """Take an order out; those behind it move up."""
        queue = self.queues[price]
        del queue.marks[order_id]
        if not queue.marks:
            del self.queues[price]

    def best(self) -> int | None:
        """The best price at which an order rests."""
        while self._heap:
            price = self._heap[0] * self._sign
            if price in self.queues:
                return price
            self._listed.discard(heapq.heappop(self._heap))
        return None

    def passed(self, price: int) -> list[str]:
        """The orders at better prices than that of a print, the best first: the print went through them."""
        found: list[str] = []
        while (best := self.best()) is not None and self._sign * best < self._sign * price:
            queue = self.queues.pop(best)
            found += queue.marks
        return found

    def met(self, price: int, size: int, leaves: Callable[[str], int]) -> list[tuple[str, int]]:
        """What a print of a size at a price gives to the orders there: others before them are served first.

        The orders stay queued; one that is filled is to be removed by the caller.
        """
        queue = self.queues.get(price)
        given: list[tuple[str, int]] = []
        if queue is None:
            return given
        for order_id, mark in queue.marks.items():
            others = min(size, max(mark - queue.eaten, 0))
            queue.eaten += others
            size -= others
            if size == 0:
                break
            part = min(size, leaves(order_id))
            given.append((order_id, part))
            size -= part
            if size == 0:
                break
        return given

    def orders(self) -> Iterator[tuple[int, PriceQueue]]:
        """Every price with its queue, in no particular order."""
        return iter(self.queues.items())

    def _list(self, price: int) -> None:
        key = price * self._sign
        if key not in self._listed:
            heapq.heappush(self._heap, key)
            self._listed.add(key)
        if len(self._heap) > _STALE_SHARE * len(self.queues) + _STALE_LEAST:
            self._listed = {price * self._sign for price in self.queues}
            self._heap = sorted(self._listed)
