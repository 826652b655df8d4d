"""When a TradingBot that is being deleted may go: its open lots are real money.

Pure. The finalizer stands on Live bots whose ``deletionPolicy`` is not Orphan, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cbbot_operator import credentials, pods
from cbbot_operator.keys import FINALIZER, FORCE_DELETE, RECONCILE, Object
from cbbot_operator.known_lots import fresh_lots, opens_no_more
from cbbot_operator.observed import Observed, Report, api_key_secret
from cbbot_operator.running_values import running

__all__ = [
    "FORCED",
    "Verdict",
    "hands_off",
    "has_finalizer",
    "has_run",
    "judge",
    "may_have_lots",
    "trades_live",
    "wants_finalizer",
]

FORCED = "ForcedDelete"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the finalizer goes, why, and whether the bot is asked to close its lots."""

    release: bool
    reason: str
    message: str
    flatten: bool = False


def has_finalizer(seen: Observed) -> bool:
    return FINALIZER in seen.metadata.get("finalizers", ())


def wants_finalizer(seen: Observed) -> bool:
    spec = seen.spec
    return spec is not None and spec.mode == "Live" and spec.deletionPolicy != "Orphan"


def hands_off(seen: Observed) -> bool:
    """Whether a person has told the operator to leave the TradingBot alone."""
    return seen.annotations.get(RECONCILE) == "disabled"


def trades_live(seen: Observed) -> bool:
    """Whether what runs, or last ran, may trade real money: the spec may have been changed since, and so may the
    ConfigMap that says with what the bot was started.
    """
    said = (running(seen).get("mode"), seen.status.get("mode"), seen.spec.mode if seen.spec is not None else None)
    return "Live" in said or not any(said)


def has_run(seen: Observed) -> bool:
    """Whether a bot ever ran for this TradingBot: it has been heard, or its container has started."""
    if "epoch" in seen.status or seen.bot_status is not None:
        return True
    return pods.has_started(pods.of_component(seen.pods, "bot"))


def may_have_lots(seen: Observed) -> bool:
    """Whether a bot has run, or has a volume, on which an earlier one may have left lots."""
    claims = (seen.child("PersistentVolumeClaim", seen.names.state), seen.existing_claim)
    return has_run(seen) or any(claim is not None and _has_a_volume(claim) for claim in claims)


def _has_a_volume(claim: Object) -> bool:
    return bool(claim.get("spec", {}).get("volumeName")) or claim.get("status", {}).get("phase") == "Bound"


def judge(seen: Observed) -> Verdict:
    """What to do with a TradingBot that is being deleted and carries our finalizer."""
    if seen.annotations.get(FORCE_DELETE) == "true":
        return Verdict(True, FORCED, f"let go because of the annotation {FORCE_DELETE}")
    if seen.namespace_terminating:
        return Verdict(True, "NamespaceTerminating", "let go: the namespace is being deleted, bot and bridge are gone")
    if hands_off(seen):
        message = f"held: {RECONCILE} is disabled; remove that annotation, or annotate {FORCE_DELETE}=true to let it go"
        return Verdict(False, "ReconcileDisabled", message)
    if seen.spec is not None and (seen.spec.deletionPolicy == "Orphan" or not trades_live(seen)):
        return Verdict(True, "DeletionAllowed", "let go: paper trading, or deletionPolicy Orphan")
    if not may_have_lots(seen):
        return Verdict(True, "NeverRan", "let go: no bot was ever started for it")
    lots = _known_lots(seen)
    if lots == 0 and opens_no_more(seen):
        return Verdict(True, "Flat", "let go: no lots are open")
    if lots == 0:
        message = f"no lots are open: it goes once the bot has paused entries; or annotate {FORCE_DELETE}=true"
        return Verdict(False, "PausingEntries", message)
    return _held(seen, lots)


def _known_lots(seen: Observed) -> int | None:
    """Open lots, orders that may become one counted as one; None when no ready bot has told since the deletion."""
    if seen.report is None or not _asked_since(seen, seen.report) or not _is_the_one(seen):
        return None
    if len(pods.that_may_run(seen.pods, "bot")) > 1:
        return None
    return fresh_lots(seen)


def _is_the_one(seen: Observed) -> bool:
    """Whether the bot that answers trades what the lots are of: not paper, nor another product."""
    status, spec = seen.bot_status, seen.spec
    return status is not None and status.mode == "live" and (spec is None or status.product_id == spec.product.id)


def _asked_since(seen: Observed, report: Report) -> bool:
    """Whether the bot was asked after the deletion: a lot may have been opened between its word and the request."""
    # Kubernetes cuts the time of the request to whole seconds, and its clock need not be ours.
    deleted_at = datetime.fromisoformat(seen.metadata["deletionTimestamp"]) + timedelta(seconds=1)
    return report.at >= max(deleted_at, seen.asked_at)


def _held(seen: Observed, lots: int | None) -> Verdict:
    spec = seen.spec
    policy = spec.deletionPolicy if spec else "Refuse"
    count = _unknown(seen) if lots is None else _counted(seen, lots)
    force = f"annotate {FORCE_DELETE}=true to delete it regardless"
    if policy == "Refuse":
        return Verdict(
            False,
            "DeletionRefused",
            f"{count} and deletionPolicy is Refuse: make it Flatten to close them, Orphan to leave them, or {force}",
        )
    if spec is not None and spec.suspend:
        return Verdict(
            False, "FlattenNeedsBot", f"{count}: set suspend to false so that the bot can close them, or {force}"
        )
    keys = api_key_secret(spec) if spec else None
    if keys is not None and seen.secrets.get(keys) is None:
        return Verdict(False, "FlattenNeedsKeys", f"{count}: Secret {keys} is missing, the bot cannot sell, or {force}")
    judged = credentials.judge(seen)
    if judged.reason in ("Invalid", "MayNotTrade"):
        return Verdict(False, "FlattenNeedsKeys", f"{count}: {judged.message}, the bot cannot sell, or {force}")
    if lots is None:
        return Verdict(False, "FlattenWaits", f"{count}: waiting for it, or {force}", flatten=True)
    return Verdict(False, "Flattening", f"{_counted(seen, lots)}: the bot closes them", flatten=True)


def _unknown(seen: Observed) -> str:
    status = seen.bot_status
    if seen.spec is not None and seen.spec.suspend:
        return "the bot is suspended, its lots are unknown until it runs"
    if seen.deployment("bot") is None:
        return "no bot runs that could tell its lots"
    if (several := len(pods.that_may_run(seen.pods, "bot"))) > 1:
        return f"{several} pods of the bot may run, which of them answers is not known, nor are its lots"
    if status is not None and status.ready and status.phase == "halted":
        return f"the bot is halted ({status.reason}), its lots are not certain"
    if seen.report is not None and status is not None and status.ready and not _asked_since(seen, seen.report):
        return "the bot has not been asked since the deletion, its lots are unknown"
    if status is not None and status.ready and not _is_the_one(seen):
        return f"a {status.mode} bot of {status.product_id} answers, the lots are unknown"
    if status is None or status.ready:
        return "the bot does not answer, its lots are unknown"
    return f"the bot is not ready, its lots are unknown ({status.reason or status.phase})"


def _counted(seen: Observed, lots: int) -> str:
    status = seen.ready_status
    if status is not None and not status.open_lots and not status.pending_orders:
        return "no lot is open, but an order that was given up may still be carried out for up to five minutes"
    return "1 lot is open" if lots == 1 else f"{lots} lots are open"
