"""What pods say about themselves: why a container waits, how often it has restarted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from cbbot_operator.keys import Object

__all__ = ["of_component", "restarts", "trouble"]


_PATIENCE = timedelta(seconds=20)
_LONG_AGO = "1970-01-01T00:00:00Z"
# Waiting for these is ordinary; anything else is worth telling.
_ORDINARY = frozenset({"ContainerCreating", "PodInitializing"})


def of_component(pods: Iterable[Object], component: str) -> list[Object]:
    """The pods of bot or bridge that are not on their way out."""
    return [
        pod
        for pod in pods
        if pod["metadata"].get("labels", {}).get("app.kubernetes.io/component") == component
        and "deletionTimestamp" not in pod["metadata"]
    ]


def trouble(pods: Iterable[Object], now: datetime) -> str:
    """The first reason why a pod does not run, as ``Reason: message``; empty when there is none."""
    for pod in pods:
        for condition in pod.get("status", {}).get("conditions", ()):
            if condition.get("type") == "PodScheduled" and condition.get("status") == "False" and _old(condition, now):
                return f"Unschedulable: {condition.get('message', '')}"
        for status in _containers(pod):
            waiting = status.get("state", {}).get("waiting") or {}
            reason = waiting.get("reason", "")
            if reason and reason not in _ORDINARY:
                return f"{reason}: container {status.get('name')}: {_why(status, waiting)}"
    return ""


def _old(condition: Any, now: datetime) -> bool:
    """A volume that is being made keeps a pod unscheduled for some seconds: that is ordinary too."""
    since = datetime.fromisoformat(condition.get("lastTransitionTime") or _LONG_AGO)
    return now - since > _PATIENCE


def restarts(pods: Iterable[Object]) -> int:
    return sum(int(status.get("restartCount", 0)) for pod in pods for status in _containers(pod))


def _containers(pod: Object) -> Iterator[Any]:
    yield from pod.get("status", {}).get("containerStatuses", ())


def _why(status: Any, waiting: Any) -> str:
    """The exit of the last run says more than "back-off restarting"."""
    ended = status.get("lastState", {}).get("terminated")
    if ended:
        return f"exited with code {ended.get('exitCode')} ({ended.get('reason', 'Error')})"
    return str(waiting.get("message", ""))
