"""What a start finds out before entries are let go: the account's orders, their fate, and the base held. Pure.

Live, the account is asked twice for every order under the bot's ids since the state was saved. What the state does not
know is adopted, one order after the other; until the first list has come no lot is watched, because it may have been
sold already. An order can be invisible for a while, therefore the second list, unless the bridge knows that none is:
no order leaves but through it, and none of an earlier epoch since it has heard of ours. Then the base held is compared
with the lots. On paper there is no account: what was filled is in the state.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from cbbot.domain.own_order_id import id_prefix
from cbbot.kernel.codes import BUY
from cbbot.trader import adoption, late_orders, notices
from cbbot.trader.commands import Checkpoint, Command, ListOrders, LookUp
from cbbot.trader.events import OrdersListed, OrdersNotListed
from cbbot.trader.ids_used_twice import first_and_others, mark
from cbbot.trader.intent import Intent, Purpose
from cbbot.trader.listed_order import ListedOrder
from cbbot.trader.refused_orders import WITHOUT_BASE
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import LOOKED_FOR_AGAIN_MS, Dust, Startup, TraderState

__all__ = [
    "UNEXPLAINED",
    "advanced",
    "began",
    "compared_with_lots",
    "listed",
    "not_listed",
    "time_passed",
    "unexplained",
    "waits_for",
]

UNEXPLAINED: Final = "unexplained_orders"
"""Who pauses entries while the account has orders of ours that the state cannot explain."""

INVISIBLE_MS: Final = 30_000
_ASK_AGAIN_MS: Final = 2_000
# While trading goes on.
_LATER_AGAIN_MS: Final = 10_000
_LOOKS: Final = 2
# So far the clock that the state was saved by may have been ahead. A longer list costs pages, a shorter one orders.
_MARGIN_MS: Final = 86_400_000
_NEVER_SAVED_MS: Final = 7 * 86_400_000

Outcome = tuple[TraderState, tuple[Command, ...]]


def began(rules: Rules, state: TraderState, now_ms: int) -> Outcome:
    """The start is told. Live, the account's orders are asked for."""
    if not rules.live:
        later = len(LOOKED_FOR_AGAIN_MS)
        done = replace(state.startup, started_ms=now_ms, looks=_LOOKS, later_looks=later, compared=True)
        return replace(state, startup=done), ()
    begun = replace(state.startup, started_ms=now_ms, began_at=state.elapsed_ms)
    return _asking(late_orders.started(replace(state, startup=begun)))


def time_passed(state: TraderState, now_ms: int) -> Outcome:
    """Asks for the list again.

    After a failure, while an order in it cannot be read, once what was invisible at the first look must be there, and
    later.
    """
    startup = state.startup
    wanted = startup.looks == 0 or (startup.looks < _LOOKS and now_ms - startup.started_ms >= INVISIBLE_MS)
    wanted = (wanted and not state.reconciled) or any(order.problem for order in startup.unaccounted)
    if startup.started_ms < 0 or not (wanted or late_orders.due(state)):
        return state, ()
    again_ms = _ASK_AGAIN_MS if wanted else _LATER_AGAIN_MS
    return _asking(state) if state.elapsed_ms - startup.asked_at >= again_ms else (state, ())


def _asking(state: TraderState) -> Outcome:
    state = replace(state, startup=replace(state.startup, asked_at=state.elapsed_ms))
    known_ms, started_ms = state.accounted_ms, state.startup.started_ms
    # A save of the future was made by a clock that has been set back since: when it was, is not known.
    known = 0 <= known_ms <= started_ms + _MARGIN_MS
    since_ms = known_ms - _MARGIN_MS if known else started_ms - _NEVER_SAVED_MS
    oldest_ms = min((each.intent.created_ms for each in state.given_up), default=since_ms)
    since_ms = min(since_ms, oldest_ms - _MARGIN_MS) if state.given_up else since_ms
    return state, (ListOrders(id_prefix(state.identity.bot_id), max(since_ms, 0)),)


def not_listed(state: TraderState, event: OrdersNotListed) -> Outcome:
    return replace(state, startup=replace(state.startup, problem=event.reason)), ()


def listed(rules: Rules, state: TraderState, event: OrdersListed) -> Outcome:
    """A complete list: what of it the state does not know waits to be adopted, oldest first."""
    startup = state.startup
    if startup.started_ms < 0:
        return state, ()
    if state.reconciled:
        return _listed_later(rules, state, event)
    late = event.at_ms - startup.started_ms >= INVISIBLE_MS
    state, commands = _newer_than_all(state, event.orders)
    # What the bridge says of earlier epochs holds for ours only as long as none of them was newer.
    all_there = late or (event.all_visible and not commands)
    waiting = _waiting(state, event.orders)
    for order in first_and_others(state, event.orders)[0]:
        intent = state.intent(order.client_order_id)
        if intent is not None and not intent.order_id:
            state = state.with_intent(replace(intent, order_id=order.order_id))
    changed = replace(startup, unaccounted=waiting, looks=_LOOKS if all_there else max(startup.looks, 1), problem="")
    return late_orders.looked(replace(state, startup=changed, watching=not waiting)), commands


def _listed_later(rules: Rules, state: TraderState, event: OrdersListed) -> Outcome:
    """A list while trading goes on: what has taken effect late is adopted as it is at a start."""
    waiting = _waiting(state, event.orders)
    unknown = tuple(each for each in waiting if late_orders.wish_given_up(state, each.client_order_id) is None)
    state, commands = _newer_than_all(state, unknown)
    # A lot that one of these may have sold is not sold before it is known which. One that is being sold waits anyway.
    blind = any(adoption.may_have_closed_a_lot(rules, state, order) for order in unknown)
    changed = replace(state.startup, unaccounted=waiting, problem="")
    return late_orders.looked(replace(state, startup=changed, watching=not blind)), commands


def _waiting(state: TraderState, orders: tuple[ListedOrder, ...]) -> tuple[ListedOrder, ...]:
    """Those that are still to be adopted, those of the list that the state does not know among them, oldest first."""
    firsts, others = first_and_others(state, orders)
    before = [_read_anew(order, firsts) for order in state.startup.unaccounted]
    known = {order.client_order_id for order in before}
    found = [
        replace(order, found_at=state.elapsed_ms)
        for order in firsts
        if order.client_order_id not in known and late_orders.may_appear(state, order.client_order_id, order.sequence)
        if not (order.in_doubt and late_orders.wish_given_up(state, order.client_order_id))
    ]
    return tuple(sorted((*before, *found, *others), key=lambda order: (order.sequence, order.epoch)))


def _read_anew(order: ListedOrder, listed_now: Iterable[ListedOrder]) -> ListedOrder:
    """The order as the newest list has it if it could not be read before, or was in doubt."""
    if not (order.problem or order.in_doubt) or order.used_twice:
        return order
    newer = next((each for each in listed_now if each.client_order_id == order.client_order_id), order)
    return replace(newer, found_at=order.found_at)


def _newer_than_all(state: TraderState, orders: tuple[ListedOrder, ...]) -> Outcome:
    """No id is used twice: the epoch exceeds that of every order that this run has not placed."""
    placed = set(state.startup.accounted)
    newest = max((order.epoch for order in orders if order.client_order_id not in placed), default=0)
    if newest < state.epoch:
        return state, ()
    return replace(state, epoch=newest + 1), (Checkpoint(),)


def advanced(rules: Rules, state: TraderState) -> Outcome:
    """As far as the start comes by itself: adopts what can be adopted, and lets entries go once nothing is open."""
    if state.startup.looks == 0 or (state.reconciled and not state.startup.unaccounted):
        return state, ()
    commands: list[Command] = []
    while state.startup.unaccounted and not adoption.must_wait(rules, state, state.startup.unaccounted[0]):
        state, more = _next_adopted(rules, state)
        commands += more
    if state.startup.unaccounted:
        return state, tuple(commands)
    state = state if state.watching else replace(state, watching=True)
    if state.reconciled:
        return state, tuple(commands)
    if not _needed(state) and not state.startup.compared:
        state = replace(state, startup=replace(state.startup, compared=True))
    if state.pending or state.startup.looks < _LOOKS or not state.startup.compared:
        return state, tuple(commands)
    # Whether closing every lot is over could not be told before.
    over = replace(state, reconciled=True, accounted_ms=max(state.accounted_ms, state.startup.started_ms))
    over = replace(over, flattening=over.flattening and over.may_hold_lots)
    return over, (*commands, notices.reconciled())


def _next_adopted(rules: Rules, state: TraderState) -> Outcome:
    order, *later = state.startup.unaccounted
    found = adoption.adopted(rules, state, order)
    if isinstance(found, str) and order.in_doubt:
        # Perhaps there is no such order. If there is, a later list has it.
        return replace(state, startup=replace(state.startup, unaccounted=tuple(later))), ()
    state = replace(
        state,
        sequence=max(state.sequence, order.sequence),
        startup=replace(state.startup, unaccounted=tuple(later), accounted=(*state.startup.accounted, mark(order))),
    )
    state = late_orders.no_longer_given_up(state, order.client_order_id)
    if order.unfilled:
        # The lot that was to be sold has the dust that was to leave with it, until it is.
        return state if isinstance(found, str) else _with_dust(state, found), (Checkpoint(),)
    if isinstance(found, str):
        words = f"{found}; look at the account, then stop the bot and say what it was: cbbot state adopt"
        paused = replace(state, paused_by=state.paused_by | {UNEXPLAINED}, unexplained=words)
        return paused, (Checkpoint(), notices.pause(f"entries paused by {UNEXPLAINED}: {words}"))
    state = _with_dust(replace(state, intents=(*state.intents, found)), found)
    return state, (Checkpoint(), LookUp(found), notices.order(rules, found, "adopted", "not known to the state"))


def _with_dust(state: TraderState, intent: Intent) -> TraderState:
    """The state in which the lot that is sold with the dust has it."""
    lot = next((each for each in state.lots if each.id == intent.lot), None)
    if intent.purpose is not Purpose.EXIT or lot is None or intent.base <= lot.base:
        return state
    dust = state.dust_of(lot.side)
    whole = lot._replace(base=lot.base + dust.base, cost=lot.cost + dust.cost, entry_fee=lot.entry_fee + dust.entry_fee)
    lots = tuple(whole if each.id == lot.id else each for each in state.lots)
    return replace(state, lots=lots).with_dust(lot.side, Dust())


def compared_with_lots(rules: Rules, state: TraderState) -> Outcome:
    """After new balances: the account must hold the base of every lot. More is normal, people hold some too."""
    startup, balances = state.startup, state.balances
    if balances is None or state.reconciled or startup.compared or startup.looks == 0 or startup.unaccounted:
        return state, ()
    missing = _needed(state) - balances.base
    # What was filled lately may not be in the balances yet.
    if missing > 0 and balances.at_ms - max(startup.started_ms, state.last_order_ms) < INVISIBLE_MS:
        return state, ()
    if missing > 0 and late_orders.an_exit_may_appear(state):
        # It may have been sold by that: nobody is to bring it back, or to write the lot off.
        return _asking(state) if state.elapsed_ms - startup.asked_at >= _ASK_AGAIN_MS else (state, ())
    state = replace(state, startup=replace(startup, compared=True))
    if missing > 0:
        state, commands = _short(rules, state, balances.base, missing)
        state, more = advanced(rules, state)
        return state, (*commands, *more)
    return advanced(rules, state)


def _short(rules: Rules, state: TraderState, held: int, missing: int) -> Outcome:
    text, currency = rules.instrument.base_text, rules.instrument.base_currency
    words = (
        f"the account has {text(held)} {currency} available, the open lots need {text(held + missing)}: "
        f"{text(missing)} is missing (sold by hand, withdrawn, or on hold for another order). Bring it back, or "
        "stop the bot and write the lots off: cbbot state write-off"
    )
    paused = replace(state, paused_by=state.paused_by | {WITHOUT_BASE}, unexplained=words)
    return paused, (Checkpoint(), notices.pause(f"entries paused by {WITHOUT_BASE}: {words}"))


def _needed(state: TraderState) -> int:
    """The base that open lots must have in the account, and the dust that leaves with them; dust alone needs none."""
    lots = sum(lot.base for lot in state.lots if lot.side == BUY)
    return lots + state.dust.base if lots else 0


def unexplained(state: TraderState) -> str:
    """What a start has found that the state cannot explain, in words; empty once the pause for it is over."""
    return state.unexplained if state.paused_by & {UNEXPLAINED, WITHOUT_BASE} else ""


def waits_for(startup: Startup, pending: Collection[Intent]) -> str:
    """What a start waits for, in words."""
    problem = f": {startup.problem}" if startup.problem else ""
    if startup.looks == 0:
        return f"waiting for the list of the account's orders{problem}"
    if startup.unaccounted:
        return f"adopting {len(startup.unaccounted)} orders that the state does not know"
    if pending:
        names = ", ".join(intent.client_order_id for intent in pending)
        return f"waiting for the end of {len(pending)} orders of an earlier run: {names}"
    if startup.looks < _LOOKS:
        return f"waiting to list the account's orders once more, a new one can be invisible for 30 s{problem}"
    return "waiting for balances that hold the base of every lot"
