"""Which access mode the state's claim gets: the one asked for, or the nearest that the cluster has. Pure."""

from __future__ import annotations

from typing import Final

from cbbot.contract.tradingbot import State
from cbbot_operator.keys import Object

__all__ = ["ASKED_MODE", "NEEDED_VERSION", "SINGLE_POD", "asked_of", "chosen_mode", "mode_of"]

SINGLE_POD: Final = "ReadWriteOncePod"
NEEDED_VERSION: Final = (1, 27)
"""The first Kubernetes that takes :data:`SINGLE_POD` without a feature gate."""
ASKED_MODE: Final = "cbbot.io/asked-access-mode"
"""An annotation of a claim that has another mode than was asked for: what was."""


def chosen_mode(state: State, claim: Object | None, *, single_pod_volumes: bool) -> str:
    """A claim that exists keeps its mode, also when the cluster has learned the other one since."""
    if claim is not None and asked_of(claim) == state.accessMode:
        return mode_of(claim) or state.accessMode
    return "ReadWriteOnce" if state.accessMode == SINGLE_POD and not single_pod_volumes else state.accessMode


def asked_of(claim: Object) -> str | None:
    """The mode that was asked for when the claim was made."""
    annotations = claim["metadata"].get("annotations") or {}
    return annotations.get(ASKED_MODE) or mode_of(claim)


def mode_of(claim: Object) -> str | None:
    return next(iter(claim["spec"].get("accessModes", ())), None)
