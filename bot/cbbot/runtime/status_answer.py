"""The answer of ``GET /status``, from whatever is known so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from cbbot.contract.bot_api import BotStatus, Entries, LastDecision, ModelStatus
from cbbot.contract.settings import Settings
from cbbot.domain.instrument import Instrument
from cbbot.domain.timestamps import rfc3339
from cbbot.kernel.codes import SIGNALS
from cbbot.trader import account_figures
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import Decision, TraderState

__all__ = ["About", "Moment", "phase_of", "status_of"]

Phase = Literal["starting", "reconciling", "trading", "paused", "halted"]
_NOTHING: Final = "0"


@dataclass(slots=True)
class About:
    """What does not change while the process runs; ``warnings`` may grow during the start."""

    settings: Settings
    bot: str
    namespace: str
    venue: str
    version: str
    started_ms: int
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Moment:
    """What changes. ``waits_for`` is empty once the loop runs; ``problem`` is anything that needs a person."""

    rules: Rules | None
    state: TraderState | None
    decision: Decision | None
    waits_for: str
    problem: str
    price_age_seconds: float | None
    saved_ms: int | None
    clock_offset_ms: int


def phase_of(moment: Moment) -> tuple[Phase, str]:
    """The phase and a reason in words; ``ready`` means every order of an earlier run is accounted for."""
    state = moment.state
    if state is None or moment.waits_for:
        return "starting", moment.waits_for or "starting"
    if state.halted:
        return "halted", state.halted
    if not state.reconciled:
        return "reconciling", f"waiting for the end of {len(state.intents)} orders of an earlier run"
    if state.paused_by:
        return "paused", moment.problem or f"entries paused by {', '.join(sorted(state.paused_by))}"
    return "trading", moment.problem


def status_of(about: About, moment: Moment) -> BotStatus:
    phase, reason = phase_of(moment)
    state, rules = moment.state, moment.rules
    return BotStatus.model_validate(
        {
            "bot": about.bot,
            "namespace": about.namespace,
            "product_id": about.settings.product_id,
            "mode": about.settings.mode,
            "venue": about.venue,
            "ready": bool(state and state.reconciled and not moment.waits_for),
            "phase": phase,
            "reason": reason,
            "epoch": state.epoch if state else 0,
            "version": about.version,
            "open_lots": len(state.lots) if state else 0,
            "breaker_tripped": bool(state and state.account.breaker),
            "entries": _entries(phase, state),
            "price_age_seconds": moment.price_age_seconds,
            "model": ModelStatus.model_validate(
                {
                    "mode": about.settings.model_mode,
                    "last_fit_at": rfc3339(state.last_fit_ms) if state and state.last_fit_ms >= 0 else None,
                }
            ),
            "pending_orders": len(state.intents) if state else 0,
            "last_save_at": rfc3339(moment.saved_ms) if moment.saved_ms is not None else None,
            "clock_offset_ms": moment.clock_offset_ms,
            "warnings": list(about.warnings),
            "started_at": rfc3339(about.started_ms),
            "last_decision": _decision(moment.decision),
        }
        | _money(rules, state)
    )


def _entries(phase: Phase, state: TraderState | None) -> Entries:
    paused_by = sorted(state.paused_by) if state else []
    allowed = phase == "trading" and state is not None and not state.account.breaker and not state.outcome_unknown
    return Entries(allowed=allowed, paused_by=paused_by)


def _decision(decision: Decision | None) -> LastDecision | None:
    if decision is None:
        return None
    return LastDecision.model_validate(
        {
            "signal": SIGNALS[decision.signal],
            "p_up": decision.p_up,
            "reason": decision.reason,
            "at": rfc3339(decision.at_ms),
        }
    )


def _money(rules: Rules | None, state: TraderState | None) -> dict[str, str | None]:
    names = ("equity_usd", "equity_marked_usd", "daily_pnl_usd", "unrealized_pnl_usd", "exposure_usd")
    if rules is None or state is None:
        return {**dict.fromkeys(names, _NOTHING), "last_price": None}
    instrument: Instrument = rules.instrument
    ticks = state.market.last_price
    amounts = (
        account_figures.equity(rules, state, ticks),
        account_figures.marked_equity(rules, state, ticks) if ticks else account_figures.equity(rules, state, ticks),
        state.account.day_realised,
        account_figures.unrealised(state, ticks) if ticks else 0,
        state.account.cost_sum,
    )
    money = {name: instrument.money_text(amount) for name, amount in zip(names, amounts, strict=True)}
    return {**money, "last_price": instrument.price_text(ticks) if ticks else None}
