"""The answer of ``GET /status``, from whatever is known so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from cbbot.contract.bot_api import BotStatus, Entries, LastDecision, ModelStatus, Refused
from cbbot.contract.settings import Settings
from cbbot.domain.instrument import Instrument
from cbbot.domain.timestamps import rfc3339
from cbbot.kernel.codes import SIGNALS
from cbbot.trader import account_figures, startup
from cbbot.trader.refused_orders import entries_held
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import Decision, TraderState
from cbbot.views.json_rows import refused_of
from cbbot.views.last_known import LastKnown

__all__ = ["About", "Moment", "phase_of", "status_of"]

Phase = Literal["starting", "reconciling", "trading", "paused", "halted"]


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
    """What changes. ``waits_for`` is empty once the loop runs; ``problem`` is anything that needs a person.

    ``failing`` says why the loop makes no progress, empty while it does. ``last_known`` counts until there is a
    ``state``; ``saved_ms`` is when what is shown was last saved.
    """

    rules: Rules | None
    state: TraderState | None
    decision: Decision | None
    waits_for: str
    failing: str
    problem: str
    price_age_seconds: float | None
    saved_ms: int | None
    clock_offset_ms: int | None
    last_known: LastKnown


def phase_of(moment: Moment) -> tuple[Phase, str]:
    """The phase and a reason in words."""
    state = moment.state
    if state is None or moment.waits_for:
        reason = moment.waits_for or "starting"
        condition = moment.last_known.condition
        return "starting", f"{reason} ({condition})" if condition else reason
    if moment.failing:
        return "halted", moment.failing
    if state.halted:
        return "halted", state.halted
    if not state.reconciled:
        return "reconciling", startup.waits_for(state.startup, state.intents)
    refused = refused_of(state) or Refused()
    paused = f"entries paused by {', '.join(sorted(state.paused_by))}" if state.paused_by else ""
    if paused or refused.exits:
        # What keeps a lot from leaving comes first.
        why = moment.problem or startup.unexplained(state) or paused
        return "paused", "; ".join(each for each in (refused.exits_in_words, why) if each)
    return "trading", moment.problem or refused.entries_in_words


def status_of(about: About, moment: Moment) -> BotStatus:
    phase, reason = phase_of(moment)
    state, known = moment.state, moment.last_known
    refused = refused_of(state) if state else known.refused
    ready = bool(state and state.reconciled and not moment.waits_for and not moment.failing)
    saved_at = rfc3339(moment.saved_ms) if moment.saved_ms is not None else None
    last_fit_ms = state.last_fit_ms if state else known.last_fit_ms
    return BotStatus.model_validate(
        {
            "bot": about.bot,
            "namespace": about.namespace,
            "product_id": about.settings.product_id,
            "mode": about.settings.mode,
            "venue": about.venue,
            "ready": ready,
            "phase": phase,
            "reason": reason,
            "epoch": state.epoch if state else known.epoch,
            "version": about.version,
            "open_lots": _known(state, len(state.lots)) if state else known.open_lots,
            "breaker_tripped": _known(state, bool(state.account.breaker)) if state else known.breaker,
            "entries": _entries(phase, moment),
            "refused": refused,
            "price_age_seconds": moment.price_age_seconds,
            "model": ModelStatus.model_validate(
                {
                    "mode": about.settings.model_mode,
                    "last_fit_at": rfc3339(last_fit_ms) if last_fit_ms >= 0 else None,
                }
            ),
            "pending_orders": _known(state, len(state.intents)) if state else known.pending_orders,
            "given_up_orders": _known(state, len(state.given_up)) if state else known.given_up_orders,
            "as_of": None if ready else saved_at,
            "last_save_at": saved_at,
            "clock_offset_ms": moment.clock_offset_ms,
            "warnings": list(about.warnings),
            "started_at": rfc3339(about.started_ms),
            "last_decision": _decision(moment.decision),
        }
        | _money(moment)
    )


def _known(state: TraderState, figure: int) -> int | None:
    return None if state.not_known else figure


def _entries(phase: Phase, moment: Moment) -> Entries:
    state = moment.state
    paused_by = sorted(state.paused_by if state else moment.last_known.paused_by)
    allowed = (
        phase == "trading"
        and state is not None
        and not state.account.breaker
        and not state.outcome_unknown
        and not entries_held(state)
    )
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


def _money(moment: Moment) -> dict[str, str | None]:
    names = ("equity_usd", "equity_marked_usd", "daily_pnl_usd", "unrealized_pnl_usd", "exposure_usd")
    rules, state, known = moment.rules, moment.state, moment.last_known
    if rules is None or state is None:
        return {
            **dict.fromkeys(names),
            "equity_usd": known.equity_usd,
            "daily_pnl_usd": known.daily_pnl_usd,
            "exposure_usd": known.exposure_usd,
            "last_price": known.last_price,
        }
    instrument: Instrument = rules.instrument
    ticks = state.market.last_price
    last_price = {"last_price": instrument.price_text(ticks) if ticks else None}
    if state.not_known:
        return {**dict.fromkeys(names), **last_price}
    figures, account = account_figures.figures(rules, state), state.account
    amounts = (figures.equity, figures.marked, account.day_realised, figures.unrealised, account.cost_sum)
    money = {
        name: None if amount is None else instrument.money_text(amount)
        for name, amount in zip(names, amounts, strict=True)
    }
    return {**money, **last_price}
