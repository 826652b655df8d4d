"""Two orders of the account under one of our ids: one may be ours, another is an order that nobody wished for. Pure.

A restored backup beside a clock that was behind can lead to that, or another bot under the same id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from cbbot.trader import late_orders
from cbbot.trader.listed_order import ListedOrder
from cbbot.trader.trader_state import TraderState

__all__ = ["first_and_others", "mark"]


def first_and_others(state: TraderState, orders: Iterable[ListedOrder]) -> tuple[list[ListedOrder], list[ListedOrder]]:
    """One order of every id, and the further ones of ids that the state deals with.

    The one of an id is that which the state knows, else the one that was created first. What a list tells twice is one
    order; so is what is told without the venue's id.
    """
    by_id: defaultdict[str, dict[str, ListedOrder]] = defaultdict(dict)
    for order in orders:
        by_id[order.client_order_id][order.order_id] = order
    firsts: list[ListedOrder] = []
    others: list[ListedOrder] = []
    for name, same in by_id.items():
        intent = state.intent(name)
        ours = intent.order_id if intent is not None else ""
        first, *further = sorted(same.values(), key=lambda each: (each.order_id != ours, each.created_ms))
        firsts.append(first)
        if intent is not None or name in state.startup.accounted or late_orders.may_appear(state, name, first.sequence):
            others += [replace(each, used_twice=first.order_id) for each in further if each.order_id and first.order_id]
    known = {*state.startup.accounted, *(mark(each) for each in state.startup.unaccounted)}
    return firsts, [each for each in others if mark(each) not in known]


def mark(order: ListedOrder) -> str:
    """What a further order under an id is remembered by, once it was said."""
    return f"{order.client_order_id} {order.order_id}" if order.used_twice else order.client_order_id
