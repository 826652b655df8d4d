"""What becomes of an order: from its end back into lots, account, trades and dust."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cbbot.domain.order import Execution, Side
from cbbot.kernel.account import booked_close, booked_open, close_net
from cbbot.kernel.advance import Closed
from cbbot.kernel.codes import BUY, EXIT_NONE, EXITS, SELL
from cbbot.kernel.lot import Lot, opened, promoted, reduced
from cbbot.kernel.money import fee_up
from cbbot.trader import account_flows, late_orders, notices, refused_orders, startup
from cbbot.trader.adoption import reason_at
from cbbot.trader.commands import Checkpoint, Command, Count, Place
from cbbot.trader.events import (
    OrderAbsent,
    OrderAccepted,
    OrderContradicts,
    OrderFilled,
    OrderRefused,
    OrderUnknown,
)
from cbbot.trader.intent import Intent, Progress, Purpose
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import TRADES_KEPT, Dust, Trade, TraderState

__all__ = [
    "absent",
    "accepted",
    "after_last_lot",
    "contradicted",
    "ensure_runner",
    "filled",
    "halt_ended",
    "order_ended",
    "refused",
    "to_dust",
    "unknown",
]

_WAY_OUT: Final = "stopped: look at the account, then POST /control/resume (exits go on, entries stay paused)"

# An order may stay unseen for so long after the request that placed it.
ABSENCE_COUNTS_AFTER_MS: Final = 30_000
# Elapsed time is known to about a second, and an event may wait for as long.
_ELAPSED_STEP_MS: Final = 2_000
# The market that an older entry was decided on is gone.
ENTRY_VALID_MS: Final = 10_000
# A part of the venue's codes: it knows more than one.
_TOO_SMALL: Final = "SIZE_TOO_SMALL"

Outcome = tuple[TraderState, tuple[Command, ...]]


def accepted(state: TraderState, event: OrderAccepted) -> Outcome:
    intent = state.intent(event.client_order_id)
    if intent is None:
        return state, ()
    known = replace(intent, progress=Progress.ACCEPTED, order_id=event.order_id)
    return state.with_intent(known), (Checkpoint(),)


def unknown(rules: Rules, state: TraderState, event: OrderUnknown) -> Outcome:
    """Entries stop until every outcome is known; the order is asked after by :class:`TimePassed`."""
    intent = state.intent(event.client_order_id)
    if intent is None:
        return state, ()
    doubtful = replace(intent, progress=Progress.UNKNOWN, asked_at=state.elapsed_ms)
    if event.may_have_left:
        doubtful = replace(doubtful, sent_ms=max(intent.sent_ms, event.at_ms), sent_at=state.elapsed_ms)
    changed = state.with_intent(doubtful)
    if intent.progress is Progress.UNKNOWN:
        return changed, ()
    return changed, (Count("unknown"), Checkpoint(), notices.order(rules, intent, "unknown", event.reason))


def refused(rules: Rules, state: TraderState, event: OrderRefused) -> Outcome:
    """Nothing was placed. What was wished for is wished for again by a later step, not at once for ever."""
    intent = state.intent(event.client_order_id)
    if intent is None:
        return state, ()
    without = state.without_intent(intent.client_order_id)
    changed, said = refused_orders.refused(without, intent, event.at_ms, event.code, event.message)
    commands: tuple[Command, ...] = (Count("refusals", {"reason": event.code}), Checkpoint(), *said)
    if said:
        # Once: the tries that follow are counted, and remembered with the refusal.
        detail = f"{event.code}: {event.message}"
        commands = (*commands, notices.order(rules, intent, "refused", detail))
    lot = _too_small(rules, changed, intent, event)
    if lot is not None:
        changed, more = to_dust(rules, changed, lot)
        commands = (*commands, *more)
    return order_ended(rules, ensure_runner(rules, changed), commands)


def _too_small(rules: Rules, state: TraderState, intent: Intent, event: OrderRefused) -> Lot | None:
    """The lot whose exit was refused as too small, if it is about that small; a large one keeps its stop."""
    if intent.purpose is not Purpose.EXIT or _TOO_SMALL not in event.code.upper():
        return None
    lot = next((each for each in state.lots if each.id == intent.lot), None)
    # The venue measures at its own price, of another moment than ours.
    small = lot is not None and lot.base * state.market.last_price < 2 * rules.params.min_notional_ledger
    return lot if small else None


def to_dust(rules: Rules, state: TraderState, lot: Lot) -> Outcome:
    """The lot as dust: the venue would not take so little, so it leaves with the next exit."""
    lots = tuple(each for each in state.lots if each.id != lot.id)
    newest = lots[-1].open_ticks if lots else 0
    # The account's sums hold the dust as they held the lot.
    account = state.account._replace(lots=state.account.lots - 1, last_entry_ticks=newest)
    changed = replace(state, lots=lots, account=account).with_dust(lot.side, state.dust_of(lot.side).plus(lot))
    changed = changed.without_refused_exit(lot.id)
    return changed, (Checkpoint(), notices.dust(rules, lot))


def absent(rules: Rules, state: TraderState, event: OrderAbsent) -> Outcome:
    """A look that found nothing counts only when it was complete and late enough; then the wish is forgotten.

    Never for an order that the venue has confirmed: that there was one is known.
    """
    intent = state.intent(event.client_order_id)
    if intent is None:
        return state, ()
    waited = event.at_ms - max(intent.created_ms, intent.sent_ms)
    if waited < 0:
        # The venue's clock was set back, and takes as long as that to come here again: ours tells what was waited.
        waited = state.elapsed_ms - intent.sent_at - _ELAPSED_STEP_MS
    if not event.complete or (rules.live and (intent.order_id or waited < ABSENCE_COUNTS_AFTER_MS)):
        doubtful = replace(intent, progress=Progress.UNKNOWN, asked_at=state.elapsed_ms)
        return _sent_again(rules, state.with_intent(doubtful), doubtful, event.at_ms)
    notice = notices.order(rules, intent, "absent", "a complete look found no such order; it was never placed")
    without = state.without_intent(intent.client_order_id)
    if rules.live:
        # What is carried out later than anybody waits for is found when the account's orders are listed again.
        without = late_orders.given_up(without, intent)
    return order_ended(rules, ensure_runner(rules, without), (Checkpoint(), notice))


def _sent_again(rules: Rules, state: TraderState, intent: Intent, now_ms: int) -> Outcome:
    """The order under its own id once more: if the venue has it, it says so at once, and if not, it takes it now."""
    entry = intent.purpose is Purpose.ENTRY
    stale = now_ms - intent.created_ms > ENTRY_VALID_MS or state.paused_by or state.account.breaker
    if not rules.live or state.halted or intent.repeated or intent.order_id or (entry and stale):
        return state, ()
    if not state.watching:
        # A later order may have done what this one was to do: the state that this start has read may be an old one.
        return state, ()
    again = replace(intent, repeated=True)
    notice = notices.order(rules, again, "sent_again", "a look found no such order yet; the same id ends the doubt")
    return state.with_intent(again), (Checkpoint(), Place(again, state.market.last_price), notice)


def contradicted(state: TraderState, event: OrderContradicts) -> Outcome:
    reason = f"order {event.client_order_id} at the venue is not ours: {event.detail}; {_WAY_OUT}"
    intent = state.intent(event.client_order_id)
    if intent is not None:
        state = state.with_intent(replace(intent, progress=Progress.CONTRADICTED))
    return replace(state, halted=reason), (Checkpoint(), notices.halt(reason))


def halt_ended(rules: Rules, state: TraderState) -> Outcome:
    """A person has looked at the account: exits go on, the orders that were not ours are forgotten.

    Entries stay paused by hand: what was found may be a reason not to buy.
    """
    ours = tuple(intent for intent in state.intents if intent.progress is not Progress.CONTRADICTED)
    free = replace(state, halted="", intents=ours, paused_by=state.paused_by | {"hand"})
    said = notices.pause("no longer halted, by hand: exits go on, entries stay paused by hand")
    return order_ended(rules, ensure_runner(rules, free), (Checkpoint(), said))


def filled(rules: Rules, state: TraderState, event: OrderFilled) -> Outcome:
    """Book what was really filled. An answer that comes twice finds no intent and changes nothing."""
    intent = state.intent(event.client_order_id)
    if intent is None:
        return state, ()
    rest = late_orders.no_longer_given_up(state.without_intent(intent.client_order_id), intent.client_order_id)
    rest = replace(rest, last_order_ms=event.at_ms)
    execution = event.execution
    if execution.base == 0:
        notice = notices.order(rules, intent, "unfilled", "the order ended without a fill")
        rest, said = refused_orders.refused(rest, intent, event.at_ms, "unfilled", "the order ended without a fill")
        return order_ended(rules, ensure_runner(rules, rest), (Checkpoint(), notice, *said))
    rest = account_flows.after_fill(rest, intent.side, execution, _fee(rules, execution))
    rest, said = refused_orders.went_through(rest, intent)
    settle = _opened if intent.purpose is Purpose.ENTRY else _closed
    booked, commands = settle(rules, rest, intent, execution)
    return order_ended(rules, booked, (*commands, *said))


def order_ended(rules: Rules, state: TraderState, commands: tuple[Command, ...]) -> Outcome:
    """The end of an order: a last lot may have gone, and a start may go on."""
    state, more = after_last_lot(state)
    state, further = startup.advanced(rules, state)
    return state, (*commands, *more, *further)


def after_last_lot(state: TraderState) -> Outcome:
    """Without what ends with the last lot: closing every lot, and the pause because their base is missing.

    An entry under way may still become a lot, which then has to be closed as well, and so may an order that a start
    has yet to find.
    """
    if state.lots or state.entering:
        return state, ()
    if state.flattening and not state.may_hold_lots:
        state = replace(state, flattening=False)
    if refused_orders.WITHOUT_BASE not in state.paused_by:
        return state, ()
    free = replace(state, paused_by=state.paused_by - {refused_orders.WITHOUT_BASE})
    return free, (
        Checkpoint(),
        notices.pause(f"no lot is left: entries no longer paused by {refused_orders.WITHOUT_BASE}"),
    )


def _fee(rules: Rules, execution: Execution) -> int:
    if execution.commission is not None:
        return execution.commission
    return fee_up(execution.value, rules.params.fee_rate)


def _opened(rules: Rules, state: TraderState, intent: Intent, execution: Execution) -> Outcome:
    side = BUY if intent.side is Side.BUY else SELL
    fee = _fee(rules, execution)
    lot = opened(
        rules.params,
        intent.lot,
        side,
        intent.created_ms,
        execution.price,
        execution.base,
        execution.value,
        fee,
        len(state.lots),
    )
    changed = replace(state, lots=(*state.lots, lot), account=booked_open(state.account, lot))
    return changed, (Count("trades", {"result": "open"}), Checkpoint(), notices.fill(rules, intent, execution, fee))


def _closed(rules: Rules, state: TraderState, intent: Intent, execution: Execution) -> Outcome:
    lot = next((each for each in state.lots if each.id == intent.lot), None)
    if lot is None:
        reason = f"order {intent.client_order_id} closed lot {intent.lot}, which is not open; {_WAY_OUT}"
        return replace(state, halted=reason), (Checkpoint(), notices.halt(reason))
    sold = min(execution.base, lot.base)
    remainder, cost, entry_fee = (
        reduced(lot, sold) if sold < lot.base else (lot._replace(base=0), lot.cost, lot.entry_fee)
    )
    part = lot._replace(base=sold, cost=cost, entry_fee=entry_fee)
    exit_fee = _fee(rules, execution)
    net = close_net(part, execution.value, exit_fee)
    reason_code = EXITS.index(intent.reason)
    if reason_code == EXIT_NONE:
        reason_code = EXITS.index(reason_at(rules, lot, execution.price))
    done = Closed(part, intent.created_ms, execution.price, execution.value, exit_fee, net, reason_code)
    lots, dust, remains = _what_remains(rules, state, lot, remainder, execution.price)
    lots = _with_runner(rules, state, lots)
    newest = lots[-1].open_ticks if lots else 0
    account = booked_close(state.account, part, not remains, net, intent.created_ms, reason_code, newest)
    number = state.trade_count + 1
    changed = replace(
        state,
        lots=lots,
        account=account,
        trades=(*state.trades, Trade(number, done))[-TRADES_KEPT:],
        trade_count=number,
    ).with_dust(lot.side, dust)
    won = "win" if net > 0 else "loss"
    commands = (Count("trades", {"result": won}), Checkpoint(), notices.exited(rules, number, done, changed.account))
    return changed, commands


def _what_remains(
    rules: Rules, state: TraderState, lot: Lot, remainder: Lot, price: int
) -> tuple[tuple[Lot, ...], Dust, bool]:
    """The lots and the dust after a close. What is too small to sell waits as dust for the next exit."""
    others = tuple(each for each in state.lots if each.id != lot.id)
    dust = state.dust_of(lot.side)
    if remainder.base == 0:
        return others, dust, False
    if remainder.base * price >= rules.params.min_notional_ledger:
        return tuple(remainder if each.id == lot.id else each for each in state.lots), dust, True
    return others, dust.plus(remainder), False


def ensure_runner(rules: Rules, state: TraderState) -> TraderState:
    """The state with a runner among its lots, also after the exit of the newest came to nothing."""
    lots = _with_runner(rules, state, state.lots)
    return state if lots is state.lots else replace(state, lots=lots)


def _with_runner(rules: Rules, state: TraderState, lots: tuple[Lot, ...]) -> tuple[Lot, ...]:
    """Without a runner the newest lot that is not itself being closed becomes one."""
    if any(lot.runner for lot in lots):
        return lots
    for index in range(len(lots) - 1, -1, -1):
        if not state.closing(lots[index]):
            return (*lots[:index], promoted(rules.params, lots[index]), *lots[index + 1 :])
    return lots
