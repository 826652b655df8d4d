"""What each gate said of a decision, with the figures it compared. For people: the decision itself is the kernel's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cbbot.contract.bot_api import GateVerdict
from cbbot.domain.decimals import plain
from cbbot.kernel.account import position
from cbbot.kernel.codes import BUY, FLAT, SIGNALS
from cbbot.kernel.gates import adverse_pct
from cbbot.kernel.levels import to_price
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import Decision, TraderState

__all__ = ["gate_verdicts"]

Figures = Callable[[Rules, TraderState, Decision], str]


def _exits_only(_: Rules, state: TraderState, decision: Decision) -> str:
    held = position(state.account)
    whose = f"{held.lots} open lots, of the side {SIGNALS[held.side]}" if held.lots else "no open lots"
    return f"{whose}; the signal is {SIGNALS[decision.signal]}"


def _long_only(rules: Rules, _: TraderState, decision: Decision) -> str:
    allowed = "only buys may open a lot" if rules.settings.long_only else "both sides may open a lot"
    return f"LONG_ONLY: {allowed}; the signal is {SIGNALS[decision.signal]}"


def _breaker(rules: Rules, state: TraderState, _: Decision) -> str:
    tripped = "reached" if state.account.breaker else "not reached"
    return f"the day's loss limit, {plain(rules.settings.max_daily_loss_pct)} %, is {tripped}"


def _paused(_: Rules, state: TraderState, __: Decision) -> str:
    return f"paused by {', '.join(sorted(state.paused_by)) or 'nobody'}"


def _cooldown(rules: Rules, state: TraderState, decision: Decision) -> str:
    last, wanted = state.account.last_loss_ms, plain(rules.settings.entry_cooldown_sec)
    passed = "no stop so far" if last < 0 else f"{(decision.at_ms - last) / 1000:.0f} s since the last stop"
    return f"{passed}; {wanted} s are wanted"


def _max_lots(rules: Rules, state: TraderState, _: Decision) -> str:
    return f"{position(state.account).lots} of at most {rules.params.max_lots} lots"


def _pyramiding(rules: Rules, state: TraderState, _: Decision) -> str:
    allowed = "may" if rules.settings.allow_pyramiding else "may not"
    return f"{position(state.account).lots} open lots; more {allowed} be added"


def _spacing(rules: Rules, state: TraderState, decision: Decision) -> str:
    passed = (decision.at_ms - position(state.account).last_add_ms) / 1000
    return f"{passed:.0f} s since the last entry; {plain(rules.settings.pyramid_min_seconds_between)} s are wanted"


def _adverse(rules: Rules, state: TraderState, decision: Decision) -> str:
    held, params = position(state.account), rules.params
    needed = adverse_pct(params, max(decision.at_ms - held.last_add_ms, 0))
    level = to_price(params, held.last_entry_ticks) * (1.0 - decision.signal * needed / 100.0)
    price, last = rules.instrument.price_text(decision.price), rules.instrument.price_text(held.last_entry_ticks)
    away = "below" if decision.signal == BUY else "above"
    return f"price {price}; at {level:.10g} or {away} it adds ({needed:.3g} % from the last entry at {last})"


def _exposure(rules: Rules, state: TraderState, _: Decision) -> str:
    cap = rules.settings.max_exposure_usd
    cost = rules.instrument.money_text(position(state.account).exposure)
    return f"the open lots cost {cost}; at most {'any sum' if cap is None else plain(cap)}"


def _minimum(rules: Rules, _: TraderState, __: Decision) -> str:
    return f"an order of {plain(rules.settings.order_min_usd)} or more, and not below the venue's minimum"


def _cash(rules: Rules, _: TraderState, __: Decision) -> str:
    return f"{plain(rules.settings.risk_per_trade_pct)} % of the equity, or the smallest order, has to be there in cash"


def _orders(_: Rules, state: TraderState, __: Decision) -> str:
    return f"{len(state.intents)} orders under way"


def _refused(_: Rules, state: TraderState, __: Decision) -> str:
    lots = ", ".join(str(each.lot) for each in state.refused_exits)
    return f"refused exits of lots: {lots or 'none'}; refused entries: {'yes' if state.refused_entries else 'none'}"


_WHEN_DENIED: Final = frozenset(
    {"outcome_unknown", "order_pending", "exit_refused", "entries_refused", "balances_stale"}
)
"""Gates that are told of only when they deny."""
_FIRST: Final[dict[str, Figures]] = {
    "exits_only": _exits_only,
    "long_only": _long_only,
    "breaker": _breaker,
    "paused": _paused,
    "cooldown": _cooldown,
}
_OF_ADDS: Final[dict[str, Figures]] = {
    "max_lots": _max_lots,
    "pyramiding_disabled": _pyramiding,
    "spacing": _spacing,
    "adverse_gate": _adverse,
}
_LAST: Final[dict[str, Figures]] = {
    "outcome_unknown": _orders,
    "order_pending": _orders,
    "exit_refused": _refused,
    "entries_refused": _refused,
    "balances_stale": _cash,
    "insufficient_funds": _cash,
    "below_minimum": _minimum,
    "max_exposure": _exposure,
}


def gate_verdicts(rules: Rules, state: TraderState, decision: Decision) -> list[GateVerdict]:
    """The signal and every gate that was asked. ``state`` is the one in which it was decided, or right after."""
    signal = GateVerdict(gate="signal", passed=decision.signal != FLAT, figures=_signal(rules, decision))
    verdicts = [signal]
    if decision.signal == FLAT:
        return verdicts
    # An order of this very decision is under way already, and a first lot was no add.
    asked = {**_FIRST, **(_OF_ADDS if position(state.account).lots else {}), **_LAST}
    if decision.reason not in asked and decision.reason != "entered":
        return [*verdicts, GateVerdict(gate=decision.reason, passed=False, figures="")]
    for gate, figures in asked.items():
        denied = gate == decision.reason
        if gate in _WHEN_DENIED and not denied:
            continue
        verdicts.append(GateVerdict(gate=gate, passed=not denied, figures=figures(rules, state, decision)))
        if denied:
            break
    return verdicts


def _signal(rules: Rules, decision: Decision) -> str:
    if decision.p_up is None:
        return "no probability yet: too few candles, or no model"
    settings = rules.settings
    bounds = f"buy above {plain(settings.buy_threshold)}, sell below {plain(settings.sell_threshold)}"
    said = f"{SIGNALS[decision.signal]}: probability of a rise {decision.p_up:.4f} ({bounds})"
    if decision.fast is None or decision.slow is None or not settings.use_ma_filter:
        return said
    which = "above" if decision.fast > decision.slow else "not above"
    return f"{said}; fast average {decision.fast:.10g} {which} the slow one, {decision.slow:.10g}"
