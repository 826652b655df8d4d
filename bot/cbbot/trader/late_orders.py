"""Orders that may take effect after their absence was believed: what is kept, and when they are looked for. Pure.

That an order does not exist can only be believed, never known: a request may be carried out a minute after it left.
So the account's orders are listed again a while after an order was given up, and a while after a start, which may
have known nothing of one that was still on its way.
"""

from __future__ import annotations

from dataclasses import replace

from cbbot.domain.order import Side
from cbbot.kernel.lot import Lot
from cbbot.trader.intent import Intent, Purpose
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import LOOKED_FOR_AGAIN_MS, GivenUp, TraderState

__all__ = [
    "an_exit_may_appear",
    "due",
    "entries_notional",
    "exit_given_up",
    "given_up",
    "looked",
    "may_appear",
    "no_longer_given_up",
    "started",
    "wish_given_up",
]


def given_up(state: TraderState, intent: Intent) -> TraderState:
    """The state in which the order, which was believed absent, is looked for again."""
    others = no_longer_given_up(state, intent.client_order_id).given_up
    return replace(state, given_up=(*others, GivenUp(intent, state.elapsed_ms)))


def no_longer_given_up(state: TraderState, client_order_id: str) -> TraderState:
    """The state that waits for the order no more: what became of it is known."""
    if not state.given_up:
        return state
    others = tuple(each for each in state.given_up if each.intent.client_order_id != client_order_id)
    return replace(state, given_up=others)


def wish_given_up(state: TraderState, client_order_id: str) -> Intent | None:
    """What an order that was given up had been sent for."""
    return next((each.intent for each in state.given_up if each.intent.client_order_id == client_order_id), None)


def exit_given_up(state: TraderState, lot: Lot) -> Intent | None:
    """The exit of the lot that was given up, if any: the same order is to go out again, and cannot be filled twice.

    Of more or less base it would be another order, and both may be carried out.
    """
    under_way = {intent.client_order_id for intent in state.intents}
    for each in state.given_up:
        wish = each.intent
        same = wish.purpose is Purpose.EXIT and wish.lot == lot.id and wish.base <= lot.base
        if same and wish.client_order_id not in under_way:
            return wish
    return None


def an_exit_may_appear(state: TraderState) -> bool:
    """Whether an exit was given up that may have been carried out all the same."""
    return any(each.intent.purpose is Purpose.EXIT for each in state.given_up)


def entries_notional(rules: Rules, state: TraderState, ticks: int) -> int:
    """What entries that were given up may yet cost, in ledger units: a BUY its budget, a SELL its base at ``ticks``."""
    quote_ledger = rules.params.quote_ledger
    entries = [each.intent for each in state.given_up if each.intent.purpose is Purpose.ENTRY]
    return sum(each.quote_units * quote_ledger if each.side is Side.BUY else each.base * ticks for each in entries)


def started(state: TraderState) -> TraderState:
    """The state of a start: what an earlier run gave up may have left as late as now."""
    return replace(state, given_up=tuple(GivenUp(each.intent, state.elapsed_ms) for each in state.given_up))


def may_appear(state: TraderState, client_order_id: str, sequence: int) -> bool:
    """Whether an order of the account under this id is one that the state has yet to take in."""
    if state.intent(client_order_id) is not None:
        return False
    if wish_given_up(state, client_order_id) is not None:
        return True
    return state.accounting and sequence > state.startup.baseline and client_order_id not in state.startup.accounted


def due(state: TraderState) -> bool:
    """Whether the account's orders have to be listed again by now."""
    startup, now = state.startup, state.elapsed_ms
    if startup.later_looks < _passed(now - startup.began_at):
        return True
    return any(each.looks < _passed(now - each.at) for each in state.given_up)


def looked(state: TraderState) -> TraderState:
    """The state after a list that was asked for at ``startup.asked_at``; what was in it is being adopted."""
    startup = state.startup
    looks = max(startup.later_looks, _passed(startup.asked_at - startup.began_at))
    waiting = {order.client_order_id for order in startup.unaccounted}
    kept: list[GivenUp] = []
    for each in state.given_up:
        seen = replace(each, looks=max(each.looks, _passed(startup.asked_at - each.at)))
        if seen.looks < len(LOOKED_FOR_AGAIN_MS) or seen.intent.client_order_id in waiting:
            kept.append(seen)
    return replace(state, startup=replace(startup, later_looks=looks), given_up=tuple(kept))


def _passed(since_ms: int) -> int:
    return sum(since_ms >= each for each in LOOKED_FOR_AGAIN_MS)
