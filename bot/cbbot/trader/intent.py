"""An order as it is written down before it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cbbot.domain.order import Side

__all__ = ["Intent", "Progress", "Purpose"]


class Purpose(StrEnum):
    ENTRY = "entry"
    EXIT = "exit"


class Progress(StrEnum):
    """How far an order is known to have come."""

    SENT = "sent"  # written down, and perhaps sent
    ACCEPTED = "accepted"  # the venue has it
    UNKNOWN = "unknown"  # nobody knows
    CONTRADICTED = "contradicted"  # what the venue has under its id is not ours


@dataclass(frozen=True, slots=True)
class Intent:
    """One wish to trade, under one id for ever.

    ``base`` is the size in base units of every exit and of SELL entries; a BUY entry spends
    ``quote_units`` (fee included), ``base`` is then what is expected. ``reason`` is the exit's.
    Not saved are ``asked_at``, when it was last asked after, in elapsed milliseconds; ``sent_ms`` and ``sent_at``, the
    last moment at which a request to place it can have left, on the venue's clock and in elapsed milliseconds; and
    ``repeated``, whether this process has sent it a second time.
    """

    client_order_id: str
    purpose: Purpose
    lot: int
    side: Side
    base: int
    quote_units: int
    reason: str
    created_ms: int
    progress: Progress = Progress.SENT
    order_id: str = ""
    asked_at: int = 0
    sent_ms: int = 0
    sent_at: int = 0
    repeated: bool = False
