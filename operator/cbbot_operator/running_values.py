"""What a bot runs on and must not be taken from under its lots: mode, venue and volume. Pure.

The values stand as annotations on the settings' ConfigMap, for a changed spec no longer says what they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cbbot.contract.tradingbot import TradingBotSpec
from cbbot_operator.keys import Names
from cbbot_operator.observed import Observed

__all__ = ["RUNNING", "changed", "running", "running_values"]

RUNNING: Final[Mapping[str, str]] = {
    "mode": "cbbot.io/mode",
    "exchange.venue": "cbbot.io/venue",
    "state.existingClaim": "cbbot.io/state-claim",
}
"""Annotations by the path of the field below ``spec``."""


def running_values(spec: TradingBotSpec, names: Names) -> dict[str, str]:
    """By path, as the spec wants them; without an existing claim the volume is our own."""
    return {
        "mode": spec.mode,
        "exchange.venue": spec.exchange.venue,
        "state.existingClaim": spec.state.existingClaim or names.state,
    }


def running(seen: Observed) -> dict[str, str]:
    """By path, as they were last applied; what is known otherwise where somebody took them away."""
    settings = seen.child("ConfigMap", seen.names.settings)
    marks = (settings["metadata"].get("annotations") or {}) if settings is not None else {}
    heard = {"mode": seen.status["mode"]} if "mode" in seen.status else {}
    return heard | {path: marks[mark] for path, mark in RUNNING.items() if mark in marks}


def changed(seen: Observed, spec: TradingBotSpec) -> list[str]:
    """The paths whose value is to be another than what runs."""
    before, after = running(seen), running_values(spec, seen.names)
    return [path for path in before if before[path] != after[path]]
