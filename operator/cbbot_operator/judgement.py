"""One judgement about a TradingBot, and how the last one is found in its status. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

__all__ = ["Judgement", "condition", "since"]


class Judgement(NamedTuple):
    """``status`` is True, False or Unknown, as text."""

    status: str
    reason: str
    message: str


def condition(status: Any, kind: str) -> Any:
    """The condition of that type in a status, or None."""
    return next((entry for entry in status.get("conditions", ()) if entry["type"] == kind), None)


def since(entry: Any) -> datetime | None:
    """When the condition last changed; None where somebody wrote a time there that the API server takes and is none."""
    try:
        found = datetime.fromisoformat(entry["lastTransitionTime"])
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
