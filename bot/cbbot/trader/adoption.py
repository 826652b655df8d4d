"""An order that the account has and the state does not know, as the intent that it was. Pure.

A state may be older than the account's orders: exits go out while it cannot be saved, a newest generation may be
torn, a backup may be restored. The order says side, size and price; which lot it opened or closed follows from the
lots before it, so orders are adopted in the order in which they were placed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cbbot.domain.order import Side
from cbbot.kernel.codes import BUY, EXIT_FLATTEN, EXIT_NONE, EXITS, SELL
from cbbot.kernel.levels import to_price
from cbbot.kernel.lot import Lot, triggered
from cbbot.trader import late_orders
from cbbot.trader.intent import Intent, Progress, Purpose
from cbbot.trader.listed_order import ListedOrder
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import TraderState

__all__ = ["adopted", "may_have_closed_a_lot", "must_wait", "reason_at"]

# Of a new order the venue may say for seconds that it is filled, and not yet what of it.
_READABLE_WITHIN_MS: Final = 30_000


def must_wait(rules: Rules, state: TraderState, order: ListedOrder) -> bool:
    """Whether an order under way must end first: what it did to the lots is needed to tell what this one did.

    One that cannot be read may become readable.
    """
    if order.used_twice:
        return False
    wish = late_orders.wish_given_up(state, order.client_order_id)
    if wish is not None and not order.problem:
        # Which lot it is about is known.
        return state.entering if wish.purpose is Purpose.ENTRY else any(i.lot == wish.lot for i in state.intents)
    if any(intent.order_id for intent in state.intents):
        return True
    if order.problem:
        return state.elapsed_ms - order.found_at < _READABLE_WITHIN_MS
    # An exit in doubt as well: that another closed its lot later shows that it came to nothing.
    return state.pending and _lot(rules, state, order) is None


def may_have_closed_a_lot(rules: Rules, state: TraderState, order: ListedOrder) -> bool:
    """Whether a lot that nothing else is closing may have been closed by the order."""
    return not order.problem and _lot(rules, state, order) is not None


def adopted(rules: Rules, state: TraderState, order: ListedOrder) -> Intent | str:
    """The intent that the order was sent for, or why that cannot be told."""
    if order.used_twice:
        return (
            f"order {order.client_order_id} is an id used twice: the venue has {order.order_id} under it as well as "
            f"{order.used_twice}, which alone is booked"
        )
    if order.problem:
        return f"order {order.client_order_id} cannot be read: {order.problem}"
    size = f"{order.side.value} of {_size(rules, order)}"
    wish = late_orders.wish_given_up(state, order.client_order_id)
    if wish is not None and wish.purpose is Purpose.EXIT:
        return _as_wished(state, order, wish) or (
            f"order {order.client_order_id}, a {size} for lot {wish.lot}, was carried out long after it had left, "
            "and the lot is not open any more"
        )
    lot = _lot(rules, state, order)
    if lot is not None and wish is None:
        # At which price it is executed, is often not known yet.
        reason = reason_at(rules, lot, order.price) if order.price else EXITS[EXIT_NONE]
        return _intent(order, Purpose.EXIT, lot.id, reason)
    side = BUY if order.side is Side.BUY else SELL
    opens = bool(order.quote_units) if side == BUY else bool(order.base) and not rules.settings.long_only
    if opens and all(each.side == side for each in state.lots):
        if wish is not None:
            return replace(wish, lot=state.account.next_lot, progress=Progress.ACCEPTED, order_id=order.order_id)
        return _intent(order, Purpose.ENTRY, state.account.next_lot, "")
    return f"order {order.client_order_id}, a {size}, neither opens a lot nor closes one of those that the state has"


def _as_wished(state: TraderState, order: ListedOrder, wish: Intent) -> Intent | None:
    """The exit that was given up, if its lot still has what it sells."""
    lot = next((each for each in state.lots if each.id == wish.lot), None)
    if lot is None or order.side is not wish.side or order.base not in (wish.base, 0):
        return None
    if wish.base > lot.base and wish.base != lot.base + state.dust_of(lot.side).base:
        return None
    return replace(wish, progress=Progress.ACCEPTED, order_id=order.order_id)


def _lot(rules: Rules, state: TraderState, order: ListedOrder) -> Lot | None:
    """The lot that the order closes: the one of its size; of several the one whose level its price has reached."""
    if not order.base:
        return None
    closes = BUY if order.side is Side.SELL else SELL
    open_ = [lot for lot in state.lots if lot.side == closes and not state.closing(lot)]
    dust = state.dust_of(closes).base
    same = [lot for lot in open_ if order.base in (lot.base, lot.base + dust)]
    if same:
        return next((lot for lot in same if _level(rules, lot, order.price) != EXIT_NONE), same[0])
    # Less than the lot is sold when the account holds less.
    larger = [lot for lot in open_ if order.base < lot.base]
    return larger[0] if len(larger) == 1 else None


def reason_at(rules: Rules, lot: Lot, ticks: int) -> str:
    """Why a lot was sold at a price, as far as the price tells."""
    code = _level(rules, lot, ticks)
    return EXITS[code if code != EXIT_NONE else EXIT_FLATTEN]


def _level(rules: Rules, lot: Lot, ticks: int) -> int:
    return triggered(lot, lot, to_price(rules.params, ticks)) if ticks else EXIT_NONE


def _intent(order: ListedOrder, purpose: Purpose, lot: int, reason: str) -> Intent:
    return Intent(
        client_order_id=order.client_order_id,
        purpose=purpose,
        lot=lot,
        side=order.side,
        base=order.base,
        quote_units=order.quote_units,
        reason=reason,
        created_ms=order.created_ms,
        progress=Progress.UNKNOWN if order.in_doubt else Progress.ACCEPTED,
        order_id=order.order_id,
        sent_ms=order.sent_ms,
        sent_at=order.found_at,
    )


def _size(rules: Rules, order: ListedOrder) -> str:
    instrument = rules.instrument
    if order.quote_units:
        return f"{instrument.quote_text(order.quote_units)} {instrument.quote_currency}"
    return f"{instrument.base_text(order.base)} {instrument.base_currency}" if order.base else "unknown size"
