"""What a run concentrates on: how often things happen in it, and which faults its sites are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["EVERYTHING", "MIXES", "Mix"]


@dataclass(frozen=True, slots=True)
class Mix:
    """Rates are per hour. ``kinds`` by site are what ``faults`` are chosen from; empty: everything there is."""

    faults: float = 200
    deaths_share: float = 0.2
    bot: float = 12
    bridge: float = 2
    people: float = 3
    exchange: float = 2
    second: float = 1
    clock: float = 1
    kinds: Mapping[str, Sequence[str]] | None = None
    changes: Sequence[str] = ()


EVERYTHING: Final = Mix()

_NO_ANSWER: Final = ("unseen", "late_effect", "timeout_after", "reset_after", "error_after", "duplicate_refused")

MIXES: Final[Mapping[str, Mix]] = {
    "everything": EVERYTHING,
    # Orders are taken, and nobody says so.
    "doubt": Mix(
        faults=300,
        deaths_share=0.0,
        bot=2,
        bridge=2,
        people=0,
        exchange=12,
        second=0,
        kinds={
            "bridge>venue.create": _NO_ANSWER,
            "bot>bridge.POST order": ("late_effect", "reset_after", "timeout_after", "frozen"),
            "bridge>venue.list_orders": ("proof_token", "truncated", "error_before"),
        },
        changes=("proof_token_on",),
    ),
    # The machine loses its power wherever something is written or an order is on its way.
    "power": Mix(
        faults=200,
        deaths_share=0.0,
        bot=30,
        bridge=1,
        people=1,
        exchange=0,
        second=0,
        kinds={
            "disk.write state": ("power_before", "power_after", "power_torn"),
            "disk.sync state": ("power_before", "power_after"),
            "disk.rename state": ("power_before", "power_after"),
            "disk.sync folder": ("power_before", "power_after"),
            "bot>bridge.POST order": ("machine_lost_power", "bot_killed"),
            "bridge>venue.create": ("machine_lost_power", "unseen"),
        },
    ),
    # The bot dies while its orders are on their way, and its starts find an account that tells late.
    "starts": Mix(
        faults=200,
        deaths_share=0.0,
        bot=20,
        bridge=6,
        people=0,
        exchange=0,
        second=0,
        kinds={
            "bot>bridge.POST order": ("bot_killed", "machine_lost_power", "late_effect"),
            "bridge>venue.create": ("bot_killed", "bridge_killed", "unseen", "seen_late", "late_effect", "pending"),
            "bridge>venue.list_orders": ("timeout_after", "proof_token", "page_twice"),
            "disk.write state": ("disk_full", "io_error"),
        },
    ),
    # The bot is started a second time, and machines' clocks are set.
    "writers": Mix(faults=60, bot=10, bridge=4, people=0, exchange=0, second=20, clock=20),
}
"""By name."""
