"""Why a decision opened no lot, in words for people."""

from __future__ import annotations

from typing import Final

__all__ = ["REASON_WORDS", "reason_words"]

REASON_WORDS: Final = {
    "entered": "an order was placed",
    "not_enough_data": "too few candles, or no model yet",
    "flat": "no signal: the probability or the moving averages say neither buy nor sell",
    "exits_only": "the signal is against the open lots, and only closes them",
    "long_only": "a sell signal, and only long lots are allowed",
    "breaker": "the daily loss limit is reached: no new lots today",
    "paused": "entries are paused",
    "cooldown": "too soon after a loss",
    "max_lots": "as many lots are open as are allowed",
    "pyramiding_disabled": "a lot is open, and adding to it is turned off",
    "spacing": "too soon after the last entry",
    "adverse_gate": "the price has not moved far enough against the last entry",
    "insufficient_funds": "not enough cash, or base to sell",
    "below_minimum": "the order would be smaller than the venue takes",
    "max_exposure": "the open lots would cost more than is allowed",
    "outcome_unknown": "what became of an order is not known yet",
    "order_pending": "an order is under way",
    "exit_refused": "the exit of a lot is refused",
    "entries_refused": "the venue refused an entry a short time ago",
    "balances_stale": "the account's balances are not known, or too old",
}
"""In the order in which a decision asks."""


def reason_words(reason: str) -> str:
    """The words; a reason without any is given as it is."""
    return REASON_WORDS.get(reason, reason.replace("_", " "))
