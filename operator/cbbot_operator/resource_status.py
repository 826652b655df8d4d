"""The status of a TradingBot: conditions and the trader's figures, and when it is worth writing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from pydantic import ValidationError

from cbbot.contract.tradingbot_status import TradingBotStatus
from cbbot_operator import credentials, pods
from cbbot_operator.conditions import Outcome, derive_conditions
from cbbot_operator.observed import Observed, Report
from cbbot_operator.staged_updates import images

__all__ = ["derive_status", "merge_patch", "worth_writing"]

# Figures that drift with every tick; nobody waits for them.
_DRIFTING = frozenset(
    {
        "equityUSD",
        "dailyPnLUSD",
        "unrealizedPnLUSD",
        "exposureUSD",
        "lastPrice",
        "lastDecision",
        "lastTickAt",
        "lastFitAt",
    }
)
_QUIET = timedelta(seconds=30)
_LONGEST_WARNING = 1024
_MOST_WARNINGS = 32


def derive_status(seen: Observed, outcome: Outcome, warnings: list[str]) -> dict[str, Any]:
    """The whole status. What the bot last said when it was ready stays while it does not answer or is not ready."""
    status: dict[str, Any] = {key: value for key, value in seen.status.items() if key not in ("conditions", "warnings")}
    status["observedGeneration"] = seen.generation
    status["conditions"] = derive_conditions(seen, outcome)
    status["restarts"] = pods.restarts(pods.of_component(seen.pods, "bot"))
    status["images"] = images(seen) or None
    status |= _figures(seen)
    from_bot = seen.bot_status.warnings if seen.bot_status is not None else []
    if worded := list(dict.fromkeys([*warnings, *credentials.warnings(seen), *from_bot])):
        status["warnings"] = [warning[:_LONGEST_WARNING] for warning in worded[:_MOST_WARNINGS]]
    return {key: value for key, value in status.items() if value is not None}


def _figures(seen: Observed) -> dict[str, Any]:
    report, bot = seen.report, seen.bot_status
    if report is None or bot is None:
        return {}
    if not bot.ready:
        # Its settings say the mode; everything else would be a figure.
        return {"mode": bot.mode.capitalize()}
    figures: dict[str, Any] = {
        "mode": bot.mode.capitalize(),
        "equityUSD": _two_places(bot.equity_usd),
        "dailyPnLUSD": _two_places(bot.daily_pnl_usd),
        "unrealizedPnLUSD": _two_places(bot.unrealized_pnl_usd),
        "exposureUSD": _two_places(bot.exposure_usd),
        "openLots": bot.open_lots,
        "lastPrice": bot.last_price,
        "breakerTripped": bot.breaker_tripped,
        "modelMode": bot.model.mode,
        "lastFitAt": bot.model.last_fit_at,
        "epoch": bot.epoch,
    }
    if bot.price_age_seconds is not None:
        figures["lastTickAt"] = _tick_at(report, bot.price_age_seconds)
    if bot.last_decision is not None:
        decision = bot.last_decision
        figures["lastDecision"] = {"signal": decision.signal, "reason": decision.reason, "at": decision.at}
    return _storable(figures)


def _tick_at(report: Report, age_seconds: float) -> str | None:
    try:
        return (report.at - timedelta(seconds=age_seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError):
        return None


def _storable(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Without what a status cannot hold: for one such figure the API server would refuse all of it."""
    try:
        TradingBotStatus.model_validate(figures)
    except ValidationError as error:
        bad = {each["loc"][0] for each in error.errors()}
        return {name: None if name in bad else value for name, value in figures.items()}
    return dict(figures)


def _two_places(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        amount = Decimal(text).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    except InvalidOperation:
        return None
    return f"{amount:f}" if amount.is_finite() else None


def worth_writing(
    before: Mapping[str, Any], after: Mapping[str, Any], written_at: datetime | None, now: datetime
) -> bool:
    """At once for lots, breaker, mode and conditions; drifting figures wait until the last write is 30 s old."""
    if before == after:
        return False
    if any(before.get(key) != after.get(key) for key in {*before, *after} - _DRIFTING):
        return True
    return written_at is None or now - written_at >= _QUIET


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch of the status that turns ``before`` into ``after``: null for what is gone."""
    gone: dict[str, Any] = {key: None for key in before if key not in after}
    changed = {key: value for key, value in after.items() if before.get(key) != value}
    return {"status": gone | changed}
