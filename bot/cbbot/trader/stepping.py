"""One synchronised step: day, breaker, exits, refit, decision, gates, size, place. In this order."""

from __future__ import annotations

from dataclasses import replace
from math import isnan

from cbbot.domain.order import Side
from cbbot.domain.own_order_id import own_order_id
from cbbot.kernel.account import position, stops, with_breaker, with_day
from cbbot.kernel.codes import (
    ALLOWED,
    BUY,
    DENIALS,
    DENY_MAX_EXPOSURE,
    EXIT_FLATTEN,
    EXIT_NONE,
    EXITS,
    FLAT,
    SIGNALS,
)
from cbbot.kernel.gates import UNLIMITED, entry, permitted
from cbbot.kernel.indicators import Reading, features
from cbbot.kernel.levels import to_price
from cbbot.kernel.lot import Lot, trailed, triggered
from cbbot.kernel.model import fit
from cbbot.kernel.params import NO_CAP
from cbbot.kernel.strategy import probability, score, signal
from cbbot.trader import account_figures, late_orders, market_state, notices, order_outcomes, refused_orders
from cbbot.trader.commands import Checkpoint, Command, Count, Place
from cbbot.trader.intent import Intent, Purpose
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import Decision, Dust, TraderState

__all__ = ["refitted", "step_at"]

Outcome = tuple[TraderState, list[Command]]


def step_at(
    rules: Rules, state: TraderState, now_ms: int, price: int, ticking: bool
) -> tuple[TraderState, tuple[Command, ...]]:
    """Step at ``price`` (ticks). Nothing happens while halted; exits do not wait for the fate of old orders."""
    if state.halted or not state.watching:
        return state, ()
    commands: list[Command] = []
    state, commands = _day_and_breaker(rules, state, now_ms, price)
    state, exits, exited = _exits(rules, state, now_ms, price)
    commands += exits
    if rules.params.refit_ms > 0 and now_ms - state.last_fit_ms >= rules.params.refit_ms:
        state, fitted = refitted(state, now_ms)
        commands += fitted
    if not exited and state.reconciled:
        state, entry = _decide(rules, state, now_ms, price, ticking)
        commands += entry
    return state, tuple(commands)


def _day_and_breaker(rules: Rules, state: TraderState, now_ms: int, price: int) -> Outcome:
    if not account_figures.known(rules, state):
        # USD_EQUITY beside the balances that come a moment later would look like a loss.
        return state, []
    equity = account_figures.equity(rules, state, price)
    marked = account_figures.marked_equity(rules, state, price)
    today = with_day(rules.params, state.account, now_ms, equity, marked)
    tested = with_breaker(rules.params, today, marked)
    commands: list[Command] = []
    if tested.breaker and not today.breaker:
        commands.append(notices.breaker(rules, tested))
    if tested is not state.account:
        commands.append(Checkpoint())
    return replace(state, account=tested), commands


def refitted(state: TraderState, now_ms: int) -> Outcome:
    """Fit the model on the newest candles; an impossible fit keeps the old one, and is not counted."""
    window = state.market.window
    model = fit(window.rows, window.closes) if len(window) else None
    changed = replace(state, model=model or state.model, last_fit_ms=now_ms)
    counted: list[Command] = [Count("fits")] if model else []
    return changed, [*counted, Checkpoint(), notices.refit(model)]


def _exits(rules: Rules, state: TraderState, now_ms: int, price: int) -> tuple[TraderState, list[Command], bool]:
    """Trail and test every lot; what triggers is closed, oldest first. Also whether anything triggered."""
    at = to_price(rules.params, price)
    lots: list[Lot] = []
    leaving: list[tuple[Lot, str]] = []
    commands: list[Command] = []
    exits = False
    for before in state.lots:
        if state.closing(before):
            lots.append(before)
            continue
        lot = trailed(rules.params, before, at)
        code = EXIT_FLATTEN if state.flattening else triggered(before, lot, at)
        exits = exits or code != EXIT_NONE
        if code == EXIT_NONE:
            state, said = refused_orders.no_longer_wanted(state, lot.id)
            commands += said
        elif not refused_orders.exit_waits(state, lot.id):
            leaving.append((lot, EXITS[code]))
        lots.append(lot)
    moved = tuple(lots) != state.lots
    state = replace(state, lots=tuple(lots)) if moved else state
    # A trail that has moved must not be forgotten: it never falls, a restart included.
    commands += [Checkpoint()] if moved or leaving else []
    for lot, reason in leaving:
        state, place = _close(rules, state, lot, reason, now_ms, price)
        commands += place
    if leaving:
        state, more = order_outcomes.after_last_lot(order_outcomes.ensure_runner(rules, state))
        commands += more
    return state, commands, exits


def _close(rules: Rules, state: TraderState, lot: Lot, reason: str, now_ms: int, price: int) -> Outcome:
    dust = state.dust_of(lot.side)
    given_up = late_orders.exit_given_up(state, lot)
    if dust.base and given_up is None:
        whole = lot._replace(
            base=lot.base + dust.base, cost=lot.cost + dust.cost, entry_fee=lot.entry_fee + dust.entry_fee
        )
        lots = tuple(whole if each.id == lot.id else each for each in state.lots)
        state, lot = replace(state, lots=lots).with_dust(lot.side, Dust()), whole
    if rules.live and lot.base * price < rules.params.min_notional_ledger:
        state, more = order_outcomes.to_dust(rules, state, lot)
        return state, list(more)
    side = Side.SELL if lot.side == BUY else Side.BUY
    base, name = _there(rules, state, lot, price), ""
    if given_up is not None and given_up.base <= base:
        # Should it take effect after all, the venue has one order under the id, and not two.
        base, name = given_up.base, given_up.client_order_id
    return _place(rules, state, Purpose.EXIT, lot.id, side, base, 0, reason, now_ms, price, name)


def _there(rules: Rules, state: TraderState, lot: Lot, price: int) -> int:
    """Base units of the lot to close: all; what the account has of it once an exit was refused for lack of base."""
    if lot.side != BUY or refused_orders.WITHOUT_BASE not in state.paused_by or state.balances is None:
        return lot.base
    free = state.balances.base - sum(intent.base for intent in state.intents if intent.side is Side.SELL)
    # Less than the venue takes cannot be sold: the whole is asked for again, the base may come back.
    return free if free < lot.base and free * price >= rules.params.min_notional_ledger else lot.base


def _place(
    rules: Rules,
    state: TraderState,
    purpose: Purpose,
    lot: int,
    side: Side,
    base: int,
    quote_units: int,
    reason: str,
    now_ms: int,
    price: int,
    given_up: str = "",
) -> Outcome:
    """Write an order down under the next id, or that of the order given up; the checkpoint stands before it is sent."""
    sequence = state.sequence if given_up else state.sequence + 1
    name = given_up or own_order_id(state.identity.bot_id, state.epoch, sequence)
    intent = Intent(name, purpose, lot, side, base, quote_units, reason, now_ms, sent_at=state.elapsed_ms)
    changed = replace(state, sequence=sequence, intents=(*state.intents, intent), last_order_ms=now_ms)
    if state.accounting and not given_up:
        # A start that does not come to its end must not leave this order for the next one to adopt.
        known = replace(state.startup, accounted=(*state.startup.accounted, name))
        changed = replace(changed, startup=known)
    # Further tries of what was refused are the same wish.
    repeat = refused_orders.is_repeat(state, purpose, lot)
    counted = [] if repeat else [Count("orders", {"mode": state.identity.mode, "side": side.value})]
    return changed, [Checkpoint(), *counted, Place(intent, price), notices.placed(rules, intent, price)]


def _decide(rules: Rules, state: TraderState, now_ms: int, price: int, ticking: bool) -> Outcome:
    reading, rows = market_state.current(rules, state.market, ticking)
    wanted, p_up, reason = _wanted(rules, state, reading, rows)
    commands: list[Command] = [Count("decisions", {"signal": SIGNALS[wanted]})]
    base = spend = 0
    if wanted != FLAT:
        base, spend, reason = _size(rules, state, wanted, now_ms, price, reading.std_ratio)
        if base == 0:
            commands.append(Count("denials", {"reason": reason}))
    decision = Decision(
        now_ms, price, wanted, p_up, _currency(rules, reading.fast), _currency(rules, reading.slow), reason
    )
    state = replace(state, decision=decision)
    if base:
        side = Side.BUY if wanted == BUY else Side.SELL
        quote_units = spend // rules.params.quote_ledger if side is Side.BUY else 0
        state, place = _place(
            rules, state, Purpose.ENTRY, state.account.next_lot, side, base, quote_units, "", now_ms, price
        )
        commands += [*place, notices.decided(rules, decision)]
    return state, commands


def _wanted(rules: Rules, state: TraderState, reading: Reading, rows: int) -> tuple[int, float | None, str]:
    """The signal, the probability behind it, and the reason while it is flat."""
    model = state.model
    if rows < rules.warm or model is None:
        return FLAT, None, "not_enough_data"
    row = features(reading, rules.params.extended)
    z = score(row, model.weights, model.mean, model.std, model.bias)
    params = rules.params
    wanted = signal(z, reading.fast, reading.slow, params.buy_logit, params.sell_logit, params.ma_filter)
    return wanted, None if isnan(z) else probability(z), "flat"


def _size(
    rules: Rules, state: TraderState, wanted: int, now_ms: int, price: int, std_ratio: float
) -> tuple[int, int, str]:
    """Base units and budget of an entry and ``entered``; or 0, 0 and what denies it."""
    params = rules.params
    denied = permitted(
        params, wanted, now_ms, price, position(state.account), stops(state.account, bool(state.paused_by))
    )
    if denied != ALLOWED:
        return 0, 0, DENIALS[denied]
    if state.outcome_unknown:
        return 0, 0, "outcome_unknown"
    if state.pending or state.startup.unaccounted:
        return 0, 0, "order_pending"
    if held := refused_orders.entries_held(state):
        return 0, 0, held
    cash = account_figures.cash(rules, state, now_ms)
    if cash is None:
        return 0, 0, "balances_stale"
    if rules.live and wanted != BUY:
        # What is sold to open a lot is base, and none that a lot owns: lots of both sides never coexist.
        cash = UNLIMITED
    equity = account_figures.equity(rules, state, price)
    # What may still be carried out late must not take the lots above the cap.
    exposure = state.account.cost_sum + late_orders.entries_notional(rules, state, price)
    sized = entry(params, wanted, price, std_ratio, equity, cash, exposure)
    if sized.denied != ALLOWED:
        return 0, 0, DENIALS[sized.denied]
    if rules.live and wanted != BUY and sized.base > _free_base(state):
        return 0, 0, "insufficient_funds"
    if rules.live and wanted == BUY and _may_exceed(rules, exposure, sized.spend):
        return 0, 0, DENIALS[DENY_MAX_EXPOSURE]
    return sized.base, sized.spend, "entered"


def _free_base(state: TraderState) -> int:
    """Base units of the account that no lot and no dust owns: what a SELL may open a lot with."""
    return state.balances.base - state.dust.base if state.balances is not None else 0


def _may_exceed(rules: Rules, exposure: int, spend: int) -> bool:
    """Whether a BUY could end above the cap: the venue fills up to the whole budget when its fee is lower than ours."""
    cap = rules.params.max_exposure_ledger
    return cap != NO_CAP and exposure + spend > cap


def _currency(rules: Rules, ticks: float) -> float | None:
    if isnan(ticks):
        return None
    return ticks * rules.params.tick_numerator / rules.params.tick_denominator
