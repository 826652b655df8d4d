"""Numbers that stand for words inside the kernel, and the words."""

from __future__ import annotations

from typing import Final

__all__ = [
    "ALLOWED",
    "BUY",
    "DENIALS",
    "DENY_ADVERSE_GATE",
    "DENY_BELOW_MINIMUM",
    "DENY_BREAKER",
    "DENY_COOLDOWN",
    "DENY_EXITS_ONLY",
    "DENY_FLAT",
    "DENY_INSUFFICIENT_FUNDS",
    "DENY_LONG_ONLY",
    "DENY_MAX_EXPOSURE",
    "DENY_MAX_LOTS",
    "DENY_PAUSED",
    "DENY_PYRAMIDING_DISABLED",
    "DENY_SPACING",
    "EXITS",
    "EXIT_FLATTEN",
    "EXIT_NONE",
    "EXIT_STOP_LOSS",
    "EXIT_TAKE_PROFIT",
    "EXIT_TRAILING_STOP",
    "FLAT",
    "SCALP_EXP",
    "SCALP_LINEAR",
    "SCALP_OFF",
    "SELL",
    "SIGNALS",
]

# Signals and sides: the sign is the direction.
BUY: Final = 1
FLAT: Final = 0
SELL: Final = -1
SIGNALS: Final = {BUY: "buy", FLAT: "flat", SELL: "sell"}

# Why a decision opened nothing, in the order in which the gates are asked.
ALLOWED: Final = 0
DENY_FLAT: Final = 1
DENY_EXITS_ONLY: Final = 2
DENY_LONG_ONLY: Final = 3
DENY_BREAKER: Final = 4
DENY_PAUSED: Final = 5
DENY_COOLDOWN: Final = 6
DENY_MAX_LOTS: Final = 7
DENY_PYRAMIDING_DISABLED: Final = 8
DENY_SPACING: Final = 9
DENY_ADVERSE_GATE: Final = 10
DENY_INSUFFICIENT_FUNDS: Final = 11
DENY_BELOW_MINIMUM: Final = 12
DENY_MAX_EXPOSURE: Final = 13
DENIALS: Final = (
    "allowed",
    "flat",
    "exits_only",
    "long_only",
    "breaker",
    "paused",
    "cooldown",
    "max_lots",
    "pyramiding_disabled",
    "spacing",
    "adverse_gate",
    "insufficient_funds",
    "below_minimum",
    "max_exposure",
)

# Why a lot was closed.
EXIT_NONE: Final = 0
EXIT_TRAILING_STOP: Final = 1
EXIT_STOP_LOSS: Final = 2
EXIT_TAKE_PROFIT: Final = 3
EXIT_FLATTEN: Final = 4  # by hand, or because the TradingBot is being deleted
EXITS: Final = ("none", "trailing_stop", "stop_loss", "take_profit", "flatten")

# How the take profit of later lots is lowered.
SCALP_OFF: Final = 0
SCALP_LINEAR: Final = 1
SCALP_EXP: Final = 2
