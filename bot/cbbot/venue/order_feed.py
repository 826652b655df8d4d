"""What changed: every change of an order, numbered from 1 on."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cbbot.venue.venue_order import Order

__all__ = ["Change", "OrderFeed"]

_KEPT = 10_000


class Change(NamedTuple):
    """One change: the whole order as it was after it."""

    number: int
    time_ms: int
    order: Order


class OrderFeed:
    """The newest 10,000 changes, and when each order was changed last."""

    def __init__(self) -> None:
        self.number = 0
        self._changes: deque[Change] = deque(maxlen=_KEPT)
        self._newest: OrderedDict[str, int] = OrderedDict()

    def append(self, order: Order, time_ms: int) -> None:
        self.number += 1
        self._changes.append(Change(self.number, time_ms, order))
        self._newest[order.order_id] = self.number
        self._newest.move_to_end(order.order_id)

    def resume(self, number: int, order_ids: Iterable[str]) -> None:
        """Count on from a number that was written down; the changes themselves are not kept."""
        self.number = number
        self._newest = OrderedDict.fromkeys(order_ids, number)

    def after(self, number: int, now_ms: int) -> list[Change] | None:
        """The changes since a number, up to the first whose order cannot be seen yet; None if some are dropped."""
        missed = self.number - number
        if missed > len(self._changes):
            return None
        found: list[Change] = []
        for place in range(len(self._changes) - missed, len(self._changes)):
            if not self._changes[place].order.is_shown(now_ms):
                break
            found.append(self._changes[place])
        return found

    def newest_shown(self, now_ms: int) -> int:
        """The number of the last change before the first that cannot be seen yet."""
        hidden = (change.number for change in self._changes if not change.order.is_shown(now_ms))
        return min(hidden, default=self.number + 1) - 1

    def changed_since(self, number: int) -> Iterator[str]:
        """Ids of the orders that were changed since, in order of their newest change."""
        found = []
        for order_id, newest in reversed(self._newest.items()):
            if newest <= number:
                break
            found.append(order_id)
        return reversed(found)
