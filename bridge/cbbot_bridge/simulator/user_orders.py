"""The customer's orders as the user channel sends them: the open ones at first, then each change with its new state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from cbbot.venue.answer_records import user_record
from cbbot.venue.venue_order import Order
from cbbot_bridge.simulator.world import World

__all__ = ["OrderFilter", "UserOrders"]

_BATCH: Final = 50


class OrderFilter(NamedTuple):
    """Which orders a connection sees: those of a portfolio, of some products or (none named) of all."""

    portfolio: str = ""
    product_ids: tuple[str, ...] = ()

    def sees(self, order: Order) -> bool:
        """Whether an order is one of them."""
        return order.portfolio_id == self.portfolio and (not self.product_ids or order.product_id in self.product_ids)


class UserOrders:
    """What has been told of the customer's orders."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen = world.exchange.last_change

    def snapshot(self, wanted: OrderFilter, now_ms: int) -> Iterator[list[dict[str, Any]]]:
        """All open orders in batches; the last has fewer orders than the others, perhaps none."""
        records = self.records(self._world.exchange.open_orders(now_ms), wanted, now_ms)
        for first in range(0, len(records) + 1, _BATCH):
            yield records[first : first + _BATCH]

    def changes(self, now_ms: int) -> list[Order]:
        """Orders as they were after each change since the last time; when too many were missed, as they are now."""
        exchange = self._world.exchange
        changes = exchange.changes(self._seen, now_ms)
        if changes is None:
            orders = list(exchange.changed_orders(self._seen))
            self._seen = exchange.last_change
            return orders
        if changes:
            self._seen = changes[-1].number
        return [change.order for change in changes]

    def records(self, orders: Iterable[Order], wanted: OrderFilter, now_ms: int) -> list[dict[str, Any]]:
        """The orders that are wanted, as records."""
        products = self._world.exchange.products
        return [
            user_record(order, products[order.product_id].instrument, now_ms) for order in orders if wanted.sees(order)
        ]
