"""An order that the account has and the state does not know, as the intent that it was. Pure.

A state may be older than the account's orders: exits go out while it cannot be saved, a newest generation may be
torn, a backup may be restored. The order says side, size and price; which lot it opened or closed follows from the
lots before it, so orders are adopted in the order in which they were placed.
"""

from __future__ import annotations

from cbbot.domain.order import Side
from cbbot.kernel.codes import BUY, EXIT_FLATTEN, EXIT_NONE, EXITS, SELL
from cbbot.kernel.levels import to_price
from cbbot.kernel.lot import Lot, triggered
from cbbot.trader.intent import Intent, Progress, Purpose
from cbbot.trader.listed_order import ListedOrder
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import TraderState

__all__ = ["adopted", "must_wait"]


def must_wait(rules: Rules, state: TraderState, order: ListedOrder) -> bool:
    """Whether an order under way must end first: what it did to the lots is needed to tell what this one did."""
    if any(intent.order_id for intent in state.intents):
        return True
    if order.problem:
        return False
    # An exit in doubt as well: that another closed its lot later shows that it came to nothing.
    return state.pending and _lot(rules, state, order) is None


def adopted(rules: Rules, state: TraderState, order: ListedOrder) -> Intent | str:
    """The intent that the order was sent for, or why that cannot be told."""
    if order.problem:
        return f"order {order.client_order_id} cannot be read: {order.problem}"
    size = f"{order.side.value} of {_size(rules, order)}"
    lot = _lot(rules, state, order)
    if lot is not None:
        return _intent(order, Purpose.EXIT, lot.id, _reason(rules, lot, order.price))
    side = BUY if order.side is Side.BUY else SELL
    opens = bool(order.quote_units) if side == BUY else bool(order.base) and not rules.settings.long_only
    if opens and all(each.side == side for each in state.lots):
        return _intent(order, Purpose.ENTRY, state.account.next_lot, "")
    return f"order {order.client_order_id}, a {size}, neither opens a lot nor closes one of those that the state has"


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


def _reason(rules: Rules, lot: Lot, ticks: int) -> str:
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
        progress=Progress.ACCEPTED,
        order_id=order.order_id,
    )


def _size(rules: Rules, order: ListedOrder) -> str:
    instrument = rules.instrument
    if order.quote_units:
        return f"{instrument.quote_text(order.quote_units)} {instrument.quote_currency}"
    return f"{instrument.base_text(order.base)} {instrument.base_currency}" if order.base else "unknown size"
