"""``step(rules, state, event) -> state, commands``: the trader as a machine without I/O.

No clock, no randomness, no network: every time is in an event. Commands come in the order in
which they must be executed, a checkpoint before the order that it covers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, assert_never

from cbbot.kernel.indicators import feature_count
from cbbot.trader import account_flows, clock_set_back, market_state, notices, order_outcomes, refused_orders, startup
from cbbot.trader.commands import Checkpoint, Command, Count, LookUp
from cbbot.trader.events import (
    BalancesKnown,
    CandleClosed,
    CandleForming,
    EntriesPaused,
    EntriesResumed,
    Event,
    FlattenAsked,
    HistoryLoaded,
    OrderAbsent,
    OrderAccepted,
    OrderContradicts,
    OrderFilled,
    OrderRefused,
    OrdersListed,
    OrdersNotListed,
    OrderUnknown,
    Started,
    Tick,
    TimePassed,
)
from cbbot.trader.intent import Progress
from cbbot.trader.rules import Rules
from cbbot.trader.stepping import refitted, step_at
from cbbot.trader.trader_state import Market, TraderState

__all__ = ["step", "time_of"]

ASK_AGAIN_MS: Final = 2_000
# Longer than reading balances may take.
_BALANCES_READ_MS: Final = 30_000

Outcome = tuple[TraderState, tuple[Command, ...]]


def step(rules: Rules, state: TraderState, event: Event) -> Outcome:
    """The state after ``event``, and what must now be done."""
    state, commands = _handled(rules, state, event)
    if Checkpoint() not in commands:
        return state, commands
    if state.reconciled:
        state = replace(state, accounted_ms=max(state.accounted_ms, _accounted_ms(state, time_of(rules, event))))
    # One save covers all of an event, and it comes before anything that leaves the process.
    return state, (Checkpoint(), *(command for command in commands if not isinstance(command, Checkpoint)))


def _accounted_ms(state: TraderState, now_ms: int) -> int:
    """Up to when the state has every order: while one of an earlier run may still appear, no later than the start."""
    return min(now_ms, state.startup.started_ms) if state.accounting else now_ms


def time_of(rules: Rules, event: Event) -> int:
    """When an event happened; a candle's time is its close."""
    if isinstance(event, CandleClosed):
        return event.candle.start * 1000 + rules.candle_ms
    return event.at_ms


def _handled(rules: Rules, state: TraderState, event: Event) -> Outcome:  # noqa: C901  one case an event
    # The most frequent come first.
    match event:
        case Tick():
            return _tick(rules, state, event)
        case TimePassed():
            return _time_passed(state, event)
        case BalancesKnown():
            return _balances(rules, state, event)
        case CandleForming():
            return _candle_forming(state, event)
        case CandleClosed():
            return _candle_closed(rules, state, event)
        case OrderAccepted():
            return order_outcomes.accepted(state, event)
        case OrderFilled():
            return order_outcomes.filled(rules, state, event)
        case OrderRefused():
            return order_outcomes.refused(rules, state, event)
        case OrderUnknown():
            return order_outcomes.unknown(rules, state, event)
        case OrderAbsent():
            return order_outcomes.absent(rules, state, event)
        case OrderContradicts():
            return order_outcomes.contradicted(state, event)
        case OrdersListed():
            return order_outcomes.order_ended(rules, *startup.listed(rules, state, event))
        case OrdersNotListed():
            return startup.not_listed(state, event)
        case HistoryLoaded():
            return _history(rules, state, event)
        case Started():
            return _started(rules, state, event)
        case EntriesPaused():
            return _paused(state, event)
        case EntriesResumed():
            return _resumed(rules, state, event)
        case FlattenAsked():
            return _flatten(state)
        case _:
            assert_never(event)


def _history(rules: Rules, state: TraderState, event: HistoryLoaded) -> Outcome:
    known, continued = market_state.with_history(rules, state.market, event.candles)
    state = replace(state, market=known)
    gaps, missing = market_state.gaps(rules, event.candles)
    commands: list[Command] = [notices.history(len(event.candles), continued, gaps, missing)]
    if gaps:
        commands.append(Count("gaps", times=gaps))
    if state.model is None or len(state.model.weights) != feature_count(rules.params.extended):
        state, fitted = refitted(replace(state, model=None), event.at_ms)
        commands += fitted
    return state, (*commands, Checkpoint())


def _started(rules: Rules, state: TraderState, event: Started) -> Outcome:
    """Ask after every order of an earlier run, and for those that the state may not know."""
    # The earlier process may have sent its requests as late as now.
    asked = tuple(
        replace(intent, asked_at=state.elapsed_ms, sent_ms=event.at_ms, sent_at=state.elapsed_ms)
        for intent in state.intents
    )
    # A state of an older cbbot may have lots without a runner.
    known = order_outcomes.ensure_runner(rules, replace(state, intents=asked))
    begun, listing = startup.began(rules, known, event.at_ms)
    return order_outcomes.order_ended(rules, begun, (*(LookUp(intent) for intent in asked), *listing))


def _tick(rules: Rules, state: TraderState, event: Tick) -> Outcome:
    known, accepted = market_state.accepts(state.market, event.price, event.trade)
    if not accepted and known.outlier == state.market.outlier:
        return replace(state, market=known) if known is not state.market else state, ()
    if not accepted:
        return replace(state, market=known), (Count("outliers"),)
    state = replace(state, market=market_state.nudged(rules, known, event.at_ms, event.price))
    if not rules.settings.use_tick_price:
        return state, ()
    return step_at(rules, state, event.at_ms, event.price, ticking=True)


def _candle_closed(rules: Rules, state: TraderState, event: CandleClosed) -> Outcome:
    before = state.market
    known = market_state.committed(rules, before, event.candle)
    if known is before:
        return state, ()
    state = replace(state, market=known)
    closed_ms = event.candle.start * 1000 + rules.candle_ms
    commands = _gap(rules, before, event.candle.start)
    if state.model is None:
        state, fitted = refitted(state, closed_ms)
        # Still too few candles was said at the start.
        commands = (*commands, *(fitted if state.model else ()))
    if event.late:
        return state, commands
    state = refused_orders.after_candle(state)
    if rules.settings.use_tick_price:
        return state, commands
    state = replace(state, market=replace(known, last_price=event.candle.close))
    state, stepped = step_at(rules, state, closed_ms, event.candle.close, ticking=False)
    return state, (*commands, *stepped)


def _gap(rules: Rules, before: Market, start: int) -> tuple[Command, ...]:
    missing = (start - before.last_start) * 1000 // rules.candle_ms - 1
    if before.indicators.rows == 0 or missing <= 0:
        return ()
    return Count("gaps"), notices.gap(before.last_start, start, missing)


def _candle_forming(state: TraderState, event: CandleForming) -> Outcome:
    return replace(state, market=market_state.forming(state.market, event.candle)), ()


def _balances(rules: Rules, state: TraderState, event: BalancesKnown) -> Outcome:
    """Balances from the midst of an order show half of it, and would be taken for a loss: they are left out."""
    if state.pending:
        return state, ()
    if event.at_ms <= state.last_order_ms:
        if state.elapsed_ms - state.filled_at < _BALANCES_READ_MS:
            return state, ()
        # No reading takes so long: the venue's clock was set back since the order.
        state = replace(state, last_order_ms=event.at_ms - 1)
    before = state
    state, flows = account_flows.after_balances(rules, replace(state, balances=event))
    state, commands = startup.compared_with_lots(rules, state)
    state, more = refused_orders.compared_with_balances(rules, before, state)
    return state, (*flows, *commands, *more)


def _paused(state: TraderState, event: EntriesPaused) -> Outcome:
    if event.by in state.paused_by:
        return state, ()
    changed = replace(state, paused_by=state.paused_by | {event.by})
    return changed, (Checkpoint(), notices.pause(f"entries paused by {event.by}"))


def _resumed(rules: Rules, state: TraderState, event: EntriesResumed) -> Outcome:
    if state.halted and event.by == "hand":
        return order_outcomes.halt_ended(rules, state)
    if event.by not in state.paused_by:
        return state, ()
    changed = replace(state, paused_by=state.paused_by - {event.by})
    if event.by == "hand" and state.reconciled and not state.lots and not state.pending:
        # Closing every lot has only waited for orders that were given up: what is bought from now on is to stay.
        changed = replace(changed, flattening=False)
    return changed, (Checkpoint(), notices.pause(f"entries no longer paused by {event.by}"))


def _flatten(state: TraderState) -> Outcome:
    changed = replace(state, flattening=state.may_hold_lots, paused_by=state.paused_by | {"hand"})
    if changed == state:
        return state, ()
    return changed, (Checkpoint(), notices.pause("closing every lot; entries paused by hand"))


def _time_passed(state: TraderState, event: TimePassed) -> Outcome:
    """Ask again after orders whose fate is unknown."""
    now = event.elapsed_ms
    state = replace(clock_set_back.noticed(state, event.at_ms), elapsed_ms=now)
    due = [i for i in state.intents if i.progress is Progress.UNKNOWN and now - i.asked_at >= ASK_AGAIN_MS]
    for intent in due:
        state = state.with_intent(replace(intent, asked_at=now))
    state, listing = startup.time_passed(state, event.at_ms)
    return state, (*(LookUp(intent) for intent in due), *listing)
