"""When a newer operator's own changes reach the pods: one bot at a time, and never while an order is in flight.

A newer operator would render other pods than the one before it: another default image, another field. Applied at once
that restarts every bot there is. What a person asked for is applied at once all the same, to that person's bot alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from cbbot_operator import pods
from cbbot_operator.judgement import condition
from cbbot_operator.keys import ASKED, DEFAULT_IMAGE, TEMPLATE, UPDATED_AT, Key, Object
from cbbot_operator.observed import Observed
from cbbot_operator.render.inputs import defaults_in
from cbbot_operator.wanted import Wanted

__all__ = ["StagedUpdates", "default_image", "hindrance", "images", "is_unasked", "unproven_since"]

# A figure older than this says nothing about an order that may have been placed since.
_FRESH = timedelta(seconds=5)
# A pod that was replaced may answer for as long after it was told to stop.
_PROVEN_AFTER = timedelta(seconds=10)
_PATIENCE_OVER = frozenset({"NotReady", "NeverReady", "BotFailing", "BridgeFailing"})


def default_image(seen: Observed, component: str, newest: str) -> str:
    """The image where the spec names none: the operator's, or with ``Pinned`` the one that the component has."""
    if seen.spec is None or seen.spec.bot.imagePolicy != "Pinned":
        return newest
    return _marks(seen.deployment(component)).get(DEFAULT_IMAGE, newest)


def is_unasked(seen: Observed, wanted: Wanted) -> bool:
    """Whether putting ``wanted`` would replace pods that run although nobody has asked for another."""
    if wanted.inputs.spec.suspend:
        return False  # there are to be no pods
    replaced = [name for name, template in wanted.templates.items() if _would_replace(seen, name, template)]
    return bool(replaced) and not any(
        _must_go(seen, name) or _is_asked_for(seen, name, wanted.asked) for name in wanted.templates
    )


def _would_replace(seen: Observed, name: str, template: str) -> bool:
    present = seen.child("Deployment", name)
    if present is None or not present["spec"].get("replicas", 1):
        return False  # there is no pod to be replaced
    return _marks(present).get(TEMPLATE) != template


def _must_go(seen: Observed, name: str) -> bool:
    """Whether somebody has added what no pod of ours may have."""
    state = seen.states.get(("Deployment", name))
    return state is not None and bool(state.breaches)


def _is_asked_for(seen: Observed, name: str, asked: str) -> bool:
    before = _marks(seen.child("Deployment", name)).get(ASKED)
    if before is None or defaults_in(before) != defaults_in(asked):  # another operator has made it
        return seen.status.get("observedGeneration") != seen.generation
    return before != asked


def hindrance(seen: Observed) -> str:
    """Why its pods may not be replaced at this moment; "" when they may."""
    if _has_failed_for_long(seen):
        return ""  # nothing trades that could be disturbed
    status, report = seen.ready_status, seen.report
    if status is None or report is None or seen.now - report.at > _FRESH:
        return "the bot has not just said that it is ready"
    return "" if status.pending_orders == 0 else "an order is in flight"


def _has_failed_for_long(seen: Observed) -> bool:
    degraded = condition(seen.status, "Degraded")
    return degraded is not None and degraded["status"] == "True" and degraded["reason"] in _PATIENCE_OVER


def unproven_since(seen: Observed) -> str:
    """Since when its pods are ones that replaced others and have not proven themselves; "" when they have."""
    mark = _marks(seen.deployment("bot")).get(UPDATED_AT, "")
    return "" if mark and _is_proven(seen, datetime.fromisoformat(mark)) else mark


def _is_proven(seen: Observed, since: datetime) -> bool:
    report = seen.report
    if seen.ready_status is None or report is None or report.at - since < _PROVEN_AFTER:
        return False
    return all(pods.is_available(seen.deployment(component)) for component in ("bot", "bridge"))


def _marks(deployment: Object | None) -> dict[str, str]:
    return dict(deployment["metadata"].get("annotations") or {}) if deployment is not None else {}


class StagedUpdates:
    """Whose turn it is. A bot whose new pods never become ready keeps the turn: the others stay as they are."""

    def __init__(self) -> None:
        self._looked: set[Key] = set()
        self._unproven: set[Key] = set()

    def begin(self, key: Key) -> None:
        """It is about to be looked at. One that cannot be, or is a person's to look after, holds up nobody."""
        self._looked.add(key)

    def note(self, seen: Observed) -> None:
        """Take in how one TradingBot stands."""
        waited_for = unproven_since(seen) and not (seen.spec is not None and seen.spec.suspend)
        (self._unproven.add if waited_for else self._unproven.discard)(seen.key)

    def forget(self, key: Key) -> None:
        """It is gone, or a person looks after it: nobody waits for it."""
        self._unproven.discard(key)

    def is_unproven(self, key: Key) -> bool:
        return key in self._unproven

    def why_not(self, seen: Observed, everyone: Sequence[Key]) -> str:
        """Why the pods of ``seen`` are not replaced now; "" when they may be. ``everyone`` are all there are."""
        others = self._unproven - {seen.key}
        if others:
            return f"{min(others)} was updated and is not ready yet"
        if not self._looked.issuperset(everyone):
            return "the operator has not looked at every TradingBot yet"
        return hindrance(seen)

    def take(self, seen: Observed) -> str:
        """Its pods are being replaced; the time that stands on them until they have proven themselves.

        One that did not work before either is not waited for: it would hold up those that do.
        """
        if _has_failed_for_long(seen):
            return ""
        self._unproven.add(seen.key)
        return seen.now.isoformat()


def images(seen: Observed) -> dict[str, Any]:
    """The status of the images of the pods as they stand."""
    spec = seen.spec
    if spec is None:
        return {}
    named = {"bot": spec.bot.image, "bridge": spec.bridge.image}
    found = {part: image or _marks(seen.deployment(part)).get(DEFAULT_IMAGE) for part, image in named.items()}
    return {part: image for part, image in found.items() if image is not None}
