"""What is so and what is not: the conditions of a TradingBot, derived from what was observed. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cbbot.contract.bot_api import BotStatus
from cbbot.contract.tradingbot_status import CONDITION_TYPES
from cbbot_operator import credentials, deletion, pods
from cbbot_operator.access_mode import NEEDED_VERSION, asked_of, mode_of
from cbbot_operator.judgement import Judgement, condition, since
from cbbot_operator.keys import RECONCILE, Object
from cbbot_operator.observed import Observed
from cbbot_operator.policies import Refusal

__all__ = ["Judgement", "Outcome", "condition", "derive_conditions"]

_LONGEST_MESSAGE = 1024
_PATIENCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the reconciliation went. At most one of the first four holds it back."""

    invalid: str = ""
    refusal: Refusal | None = None
    failure: str = ""
    hands_off: bool = False
    update: str = ""
    """Why what a newer operator would change about the pods waits; of one that is not held back."""

    @property
    def clean(self) -> bool:
        return not self.invalid and self.refusal is None and not self.failure and not self.hands_off


Judge = Callable[[Observed, Outcome], Judgement]


def derive_conditions(seen: Observed, outcome: Outcome) -> list[dict[str, Any]]:
    """All conditions in a fixed order; a transition time stays while its status does."""
    before = {entry["type"]: entry for entry in seen.status.get("conditions", ())}
    now = seen.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    derived = []
    for kind in CONDITION_TYPES:
        status, reason, message = _JUDGES[kind](seen, outcome)
        old = before.get(kind)
        kept = old["lastTransitionTime"] if old is not None and old["status"] == status and since(old) else now
        derived.append(
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message[:_LONGEST_MESSAGE],
                "lastTransitionTime": kept,
                "observedGeneration": seen.generation,
            }
        )
    return derived


def _components(seen: Observed) -> list[tuple[str, Object | None]]:
    return [(component, seen.deployment(component)) for component in ("bridge", "bot")]


def _ready(seen: Observed, outcome: Outcome) -> Judgement:
    held = _held_back(outcome)
    if held is not None:
        return held
    if seen.spec is not None and seen.spec.suspend:
        return Judgement("False", "Suspended", "spec.suspend is true: no pods run, state and tokens are kept")
    for word, deployment in _components(seen):
        if not pods.is_available(deployment):
            why = _trouble(seen, word) or _what_it_says(seen, word)
            return Judgement("False", f"{word.capitalize()}NotReady", why or f"waiting for the {word}'s pod")
    report = seen.report
    if report is None:
        return Judgement("Unknown", "NotAskedYet", "the pods are ready; the bot's status has not been read yet")
    if report.status is None:
        return Judgement("Unknown", "StatusUnreadable", f"the pods are ready, but {report.failure}")
    if not report.status.ready:
        return Judgement("False", "BotNotReady", report.status.reason or report.status.phase)
    return _as_the_bot_says(seen, report.status)


def _as_the_bot_says(seen: Observed, bot: BotStatus) -> Judgement:
    """Of a ready bot: True while it manages its lots; the reason is Trading only while it may open others too."""
    if bot.phase == "halted":
        return Judgement("False", "Halted", bot.reason)
    if bot.refused is not None and bot.refused.exits:
        return Judgement("False", "ExitRefused", bot.refused.exits_in_words)
    keys = credentials.judge(seen)
    if bot.mode == "live" and keys.status == "False" and keys.reason != credentials.ROTATION_REFUSED:
        return Judgement("False", keys.reason, keys.message)
    if bot.phase == "trading" and not bot.entries.allowed:
        held = _entries_held(bot)
        return Judgement("True", held.reason, held.message)
    return Judgement("True", bot.phase.capitalize(), bot.reason)


def _trouble(seen: Observed, word: str) -> str:
    return pods.trouble(seen.deployment(word), pods.of_component(seen.pods, word), seen.warnings, seen.now)


def _held_back(outcome: Outcome) -> Judgement | None:
    if outcome.hands_off:
        return Judgement(
            "Unknown", "ReconcileDisabled", f"hands off: {RECONCILE} is disabled; nothing is changed, nobody is asked"
        )
    if outcome.invalid:
        return Judgement("False", "InvalidSpec", outcome.invalid)
    if outcome.refusal is not None:
        return Judgement("False", outcome.refusal.reason, outcome.refusal.message)
    if outcome.failure:
        return Judgement("False", "ReconcileFailed", outcome.failure)
    return None


def _what_it_says(seen: Observed, word: str) -> str:
    status = seen.bot_status
    return status.reason if word == "bot" and status is not None else ""


def _progressing(seen: Observed, outcome: Outcome) -> Judgement:
    if not outcome.clean:
        return Judgement("False", "HeldBack", "see Ready")
    if seen.spec is not None and seen.spec.suspend:
        return Judgement("False", "Suspended", "")
    waiting = [word for word, deployment in _components(seen) if not pods.is_available(deployment)]
    if waiting:
        return Judgement("True", "RollingOut", f"waiting for {' and '.join(waiting)}")
    if outcome.update:
        return Judgement("False", "UpdateWaits", f"the operator's newer pods wait: {outcome.update}")
    return Judgement("False", "RolledOut", "")


def _degraded(seen: Observed, outcome: Outcome) -> Judgement:
    held = _held_back(outcome)
    if held is not None:
        return held if outcome.hands_off else Judgement("True", held.reason, held.message)
    for word, _ in _components(seen):
        why = _trouble(seen, word)
        if why:
            return Judgement("True", f"{word.capitalize()}Failing", why)
    return _degraded_though_pods_run(seen, outcome)


def _degraded_though_pods_run(seen: Observed, outcome: Outcome) -> Judgement:
    status = seen.bot_status
    if status is not None and status.phase == "halted":
        return Judgement("True", "Halted", status.reason)
    if status is not None and status.refused is not None and status.refused.exits:
        return Judgement("True", "ExitRefused", status.refused.exits_in_words)
    keys = credentials.judge(seen)
    if keys.status == "False":
        return Judgement("True", keys.reason, keys.message)
    if seen.sharers and seen.spec is not None:
        others = ", ".join(map(str, sorted(seen.sharers)))
        message = (
            f"{others} trades {seen.spec.product.id} with the same API key: what one sells may be the other's lot; "
            "give each a key of a portfolio of its own, or another product"
        )
        return Judgement("True", "AccountShared", message)
    ready = _ready(seen, outcome)
    begun = _waiting_since(seen, rolling_out=_progressing(seen, outcome).status == "True")
    if ready.status != "True" and ready.reason != "Suspended" and begun is not None and seen.now - begun >= _PATIENCE:
        word = "NotReady" if "epoch" in seen.status else "NeverReady"
        return Judgement("True", word, f"not ready for more than 5 minutes: {ready.message}")
    return Judgement("False", "AsExpected", "")


def _waiting_since(seen: Observed, *, rolling_out: bool) -> datetime | None:
    """Since when it is waited for: the roll-out that is not over began, or what is rolled out ceased to be ready."""
    progressing, ready = condition(seen.status, "Progressing"), condition(seen.status, "Ready")
    if progressing is None or ready is None or ready["status"] == "True" or ready["reason"] == "Suspended":
        return None
    begun = [since(progressing)]
    if not rolling_out:
        begun.append(since(ready))
    elif progressing["status"] != "True":
        return None
    return max((at for at in begun if at is not None), default=None)


def _credentials_valid(seen: Observed, outcome: Outcome) -> Judgement:
    if outcome.refusal is not None and outcome.refusal.reason in ("SecretMissing", "SecretIncomplete"):
        return Judgement("False", outcome.refusal.reason, outcome.refusal.message)
    return credentials.judge(seen)


def _storage_bound(seen: Observed, outcome: Outcome) -> Judgement:
    del outcome
    if seen.claim is None:
        return Judgement("False", "ClaimMissing", "the claim of the state volume does not exist yet")
    name = seen.claim["metadata"]["name"]
    phase = seen.claim.get("status", {}).get("phase", "Pending")
    if phase == "Bound":
        return Judgement("True", "Bound", f"PersistentVolumeClaim {name}{_other_mode(seen.claim)}")
    why = pods.newest_warning(seen.warnings, name) or f"see kubectl describe pvc {name}"
    return Judgement("False", phase, f"PersistentVolumeClaim {name} is {phase}: {why}")


def _other_mode(claim: Object) -> str:
    asked, given = asked_of(claim), mode_of(claim)
    if asked == given:
        return ""
    needed = ".".join(map(str, NEEDED_VERSION))
    return f"; it is {given}: {asked} needs Kubernetes {needed}, and the cluster was older when the claim was made"


def _monitoring_ready(seen: Observed, outcome: Outcome) -> Judgement:
    if seen.spec is not None and not seen.spec.monitoring.serviceMonitor.enabled:
        return Judgement("False", "Disabled", "spec.monitoring.serviceMonitor.enabled is false")
    if not seen.monitors_known:
        return Judgement(
            "False", "ServiceMonitorCRDMissing", "the cluster has no ServiceMonitors (Prometheus Operator)"
        )
    if not outcome.clean:
        return Judgement("Unknown", "HeldBack", "see Ready")
    return Judgement(
        "True",
        "Applied",
        "ServiceMonitors for bot and bridge stand; whether a Prometheus selects them only its targets tell",
    )


def _entries_allowed(seen: Observed, outcome: Outcome) -> Judgement:
    del outcome
    status = seen.bot_status
    asked = seen.spec.entries if seen.spec is not None else "Allowed"
    if status is None:
        return Judgement("Unknown", "NoStatus", f"spec.entries is {asked}; the bot has not been heard")
    if not status.ready:
        return Judgement("Unknown", "BotNotReady", status.reason or f"the bot is {status.phase}")
    if status.entries.allowed and not status.breaker_tripped:
        return Judgement("True", "Allowed", "")
    return _entries_held(status)


def _entries_held(status: BotStatus) -> Judgement:
    if status.breaker_tripped:
        return Judgement(
            "False", "BreakerTripped", "the daily loss limit is reached: no entries until the next UTC day"
        )
    if status.refused is not None and status.refused.exits:
        return Judgement("False", "ExitRefused", status.refused.exits_in_words)
    if status.refused is not None and status.refused.entries is not None and not status.entries.paused_by:
        return Judgement("False", "EntriesRefused", status.refused.entries_in_words)
    if not status.entries.paused_by:
        return Judgement("Unknown", "BotNotTrading", status.reason or f"the bot is {status.phase}")
    return Judgement("False", "Paused", f"paused by {' and '.join(status.entries.paused_by)}; exits go on")


def _positions_open(seen: Observed, outcome: Outcome) -> Judgement:
    del outcome
    status = seen.ready_status
    if seen.deleting and deletion.has_finalizer(seen):
        verdict = deletion.judge(seen)
        return Judgement("Unknown" if status is None else _bool(status.open_lots), verdict.reason, verdict.message)
    if status is None:
        lots = seen.status.get("openLots")
        words = "" if lots is None else f"; it last had {lots} open lots"
        if seen.bot_status is not None:
            return Judgement("Unknown", "BotNotReady", f"the bot is not ready{words}")
        return Judgement("Unknown", "NoStatus", f"the bot has not been heard{words}")
    if status.open_lots:
        return Judgement("True", "LotsOpen", f"{status.open_lots} open")
    return Judgement("False", "Flat", "no open lots")


def _bool(value: object) -> str:
    return "True" if value else "False"


_JUDGES: dict[str, Judge] = {
    "Ready": _ready,
    "Progressing": _progressing,
    "Degraded": _degraded,
    "CredentialsValid": _credentials_valid,
    "StorageBound": _storage_bound,
    "MonitoringReady": _monitoring_ready,
    "EntriesAllowed": _entries_allowed,
    "PositionsOpen": _positions_open,
}
