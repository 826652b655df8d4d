"""One judgement about a TradingBot, and how the last one is found in its status. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Judgement", "condition"]


class Judgement(NamedTuple):
    """``status`` is True, False or Unknown, as text."""

    status: str
    reason: str
    message: str


def condition(status: Any, kind: str) -> Any:
    """The condition of that type in a status, or None."""
    return next((entry for entry in status.get("conditions", ()) if entry["type"] == kind), None)
