"""What a ready bot's word says of its lots, and when it is good enough to act on. Pure."""

from __future__ import annotations

from cbbot_operator.observed import Observed

__all__ = ["flat", "fresh_lots", "opens_no_more"]

# A figure older than this says nothing about lots that may have been opened since.
_FRESH_SECONDS = 60
# Pauses that end when somebody ends them, not by themselves.
_LASTING_PAUSES = frozenset({"hand", "resource"})


def fresh_lots(seen: Observed) -> int | None:
    """Open lots, orders that may become one counted as one; None where nothing certain was said lately."""
    report, status = seen.report, seen.ready_status
    if report is None or status is None or (seen.now - report.at).total_seconds() > _FRESH_SECONDS:
        return None
    if status.phase == "halted":
        return None  # an order was carried out that fits no lot: what is open at the exchange only a person can tell
    if status.open_lots is None or status.pending_orders is None or status.given_up_orders is None:
        return None
    return status.open_lots or min(1, status.pending_orders + status.given_up_orders)


def flat(seen: Observed) -> bool:
    """Whether a ready bot has said that nothing is open, lately and after it was asked for what is wanted now."""
    return seen.report is not None and seen.report.at >= seen.asked_at and fresh_lots(seen) == 0


def opens_no_more(seen: Observed) -> bool:
    """Whether the bot says that it is paused: otherwise it may open a lot right after it said that it has none."""
    status = seen.ready_status
    return status is not None and not _LASTING_PAUSES.isdisjoint(status.entries.paused_by)
