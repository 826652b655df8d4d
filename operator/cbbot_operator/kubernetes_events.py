"""Kubernetes Events: one for every condition that changed, none for a retry. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cbbot.contract.tradingbot import KIND
from cbbot_operator.judgement import condition
from cbbot_operator.kinds import KINDS
from cbbot_operator.observed import Observed

__all__ = ["changes", "event"]

_REPORTED = ("Ready", "Degraded", "CredentialsValid", "StorageBound", "EntriesAllowed", "PositionsOpen")
_BAD = {"Ready": "False", "Degraded": "True", "CredentialsValid": "False"}
# Changes of lots are the bot's trade, not the cluster's news; these reasons are news.
_POSITION_NEWS = frozenset(
    {"DeletionRefused", "Flattening", "FlattenNeedsBot", "FlattenNeedsKeys", "FlattenWaits", "ReconcileDisabled"}
)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Type (Normal, Warning), reason and message of every Event that the change of status deserves."""
    events = []
    ready = condition(after, "Ready") or {}
    for kind in _REPORTED:
        old, new = condition(before, kind), condition(after, kind)
        if new is None or (old is not None and (old["status"], old["reason"]) == (new["status"], new["reason"])):
            continue
        if kind == "PositionsOpen":
            # What holds a deletion is told also while the lots are not known.
            if new["reason"] in _POSITION_NEWS:
                events.append(("Warning", new["reason"], f"{kind}={new['status']}: {new['message']}"))
            continue
        if new["status"] == "Unknown" or (old is None and kind != "Ready" and _BAD.get(kind) != new["status"]):
            continue
        if kind == "Ready" and old is not None and old["status"] == new["status"] == "True":
            continue  # trading or paused: EntriesAllowed tells it
        if kind != "Ready" and _BAD.get(kind) == new["status"] and new["reason"] == ready.get("reason"):
            continue  # Ready tells it already
        expected = kind == "Ready" and (new["reason"] == "Suspended" or _is_rolling_out(after))
        level = "Warning" if _BAD.get(kind) == new["status"] and not expected else "Normal"
        events.append((level, new["reason"], f"{kind}={new['status']}: {new['message']}".removesuffix(": ")))
    return events


def _is_rolling_out(status: Mapping[str, Any]) -> bool:
    return (condition(status, "Progressing") or {}).get("status") == "True"


def event(seen: Observed, level: str, reason: str, message: str) -> dict[str, Any]:
    """An Event about the TradingBot."""
    now = seen.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        **KINDS["Event"].head(),
        "metadata": {"generateName": f"{seen.key.name}.", "namespace": seen.key.namespace},
        "involvedObject": {
            **KINDS[KIND].head(),
            "name": seen.key.name,
            "namespace": seen.key.namespace,
            "uid": seen.uid,
        },
        "type": level,
        "reason": reason,
        "message": message[:1000],
        "source": {"component": "cbbot-operator"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
