"""What Coinbase writes where a reason could stand and there is none: each of its enumerations has a word of its own."""

from __future__ import annotations

from typing import Final

__all__ = ["SILENT_REASONS"]

SILENT_REASONS: Final = frozenset(
    {
        "",
        "unknown",
        "UNKNOWN",
        "UNKNOWN_FAILURE_REASON",
        "UNKNOWN_PREVIEW_FAILURE_REASON",
        "UNKNOWN_CANCEL_FAILURE_REASON",
        "UNKNOWN_EDIT_ORDER_FAILURE_REASON",
    }
)
