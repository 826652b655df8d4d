"""What pods and their Deployments say about themselves: why none works, how often a container restarted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from cbbot_operator.keys import Object
from cbbot_operator.last_words import last_words

__all__ = [
    "has_started",
    "is_available",
    "newest_warning",
    "of_component",
    "restarts",
    "that_may_run",
    "trouble",
    "unready_since",
    "waited_long",
    "warnings_due",
]

# A volume that is being made keeps a pod waiting for some seconds, a bot that reads its history for more.
_WARNINGS_EVERY = timedelta(minutes=1)
_PATIENCE = timedelta(seconds=20)
_PATIENCE_WITH_PROBES = timedelta(minutes=2)
_LONG_AGO = "1970-01-01T00:00:00Z"
# Waiting for these is ordinary; anything else is worth telling.
_ORDINARY = frozenset({"ContainerCreating", "PodInitializing"})
_PROBE_FAILED = "Unhealthy"
_OVER = frozenset({"Failed", "Succeeded"})


def of_component(pods: Iterable[Object], component: str) -> list[Object]:
    """The pods of bot or bridge that are not on their way out."""
    return [
        pod
        for pod in pods
        if pod["metadata"].get("labels", {}).get("app.kubernetes.io/component") == component
        and "deletionTimestamp" not in pod["metadata"]
    ]


def that_may_run(pods: Iterable[Object], component: str) -> list[Object]:
    """The pods of bot or bridge that have a process or may get one: also those on their way out."""
    return [
        pod
        for pod in pods
        if pod["metadata"].get("labels", {}).get("app.kubernetes.io/component") == component
        and _phase(pod) not in _OVER
    ]


def trouble(deployment: Object | None, pods: Sequence[Object], warnings: Sequence[Object], now: datetime) -> str:
    """Why there is no pod that works, as ``Reason: message``; empty when there is no reason to tell.

    ``warnings`` are the Kubernetes Events about the pods: of volumes and probes nothing else tells.
    """
    left = [pod for pod in pods if _phase(pod) not in _OVER]
    for pod in left:
        if found := _of_pod(pod, [each for each in warnings if _is_about(each, pod)], now):
            return found
    if found := _condition(deployment, "ReplicaFailure", "True"):
        return found
    if not left:
        # A pod that was evicted stays behind; it is news only until there is another.
        for pod in reversed(pods):
            if _phase(pod) == "Failed":
                status = pod["status"]
                return f"{status.get('reason') or 'Failed'}: {status.get('message') or 'the pod has failed'}"
    return "" if left else _condition(deployment, "Progressing", "False")


def _of_pod(pod: Object, warnings: Sequence[Object], now: datetime) -> str:
    for condition in _conditions(pod):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            waited = now - _time(condition.get("lastTransitionTime"))
            return f"Unschedulable: {condition.get('message', '')}" if waited > _PATIENCE else ""
    for status in _containers(pod):
        if found := _of_container(status):
            return found
    since = unready_since(pod)
    if since is None or now - since <= _PATIENCE:
        return ""
    serious = [each for each in warnings if each.get("reason") != _PROBE_FAILED]
    if _is_being_made(pod) and serious:
        return _words(serious)
    failing = [each for each in warnings if each.get("reason") == _PROBE_FAILED]
    return _words(failing) if failing and now - since > _PATIENCE_WITH_PROBES else ""


def _of_container(status: Any) -> str:
    state = status.get("state") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated")
    name, reason = status.get("name"), waiting.get("reason", "")
    if ended:
        return f"{ended.get('reason') or 'Error'}: container {name}: {_exit(ended)}"
    if not reason or reason in _ORDINARY:
        return ""
    # The exit of the last run says more than "back-off restarting".
    last = (status.get("lastState") or {}).get("terminated")
    return f"{reason}: container {name}: {_exit(last) if last else waiting.get('message', '')}"


def _exit(ended: Any) -> str:
    said = last_words(ended.get("message") or "")
    return f"exited with code {ended.get('exitCode')} ({ended.get('reason', 'Error')})" + (f": {said}" if said else "")


def is_available(deployment: Object | None) -> bool:
    """Whether a pod of the newest template works."""
    if deployment is None:
        return False
    status = deployment.get("status", {})
    current = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    return bool(current and status.get("availableReplicas", 0) >= 1 and status.get("updatedReplicas", 0) >= 1)


def newest_warning(warnings: Iterable[Object], about: str) -> str:
    """The newest of ``warnings`` about the object of that name, as ``Reason: message``; empty when there is none."""
    found = [each for each in warnings if each.get("involvedObject", {}).get("name") == about]
    return _words(found) if found else ""


def waited_long(pods: Iterable[Object], now: datetime) -> list[str]:
    """The names of pods that should have been ready by now: it is worth asking what Events there are about them."""
    waiting = ((pod, unready_since(pod)) for pod in pods if _phase(pod) not in _OVER)
    return [str(pod["metadata"]["name"]) for pod, since in waiting if since is not None and now - since > _PATIENCE]


def unready_since(pod: Object) -> datetime | None:
    """Since when a pod is not ready; None for one that is."""
    for condition in _conditions(pod):
        if condition.get("type") == "Ready":
            return None if condition.get("status") == "True" else _time(condition.get("lastTransitionTime"))
    created = pod["metadata"].get("creationTimestamp")
    return None if created is None else _time(created)


def warnings_due(pods: Iterable[Object], read_at: datetime | None, now: datetime) -> bool:
    """Whether the Kubernetes Events about these pods are to be read: once they are late, then once a minute."""
    return bool(waited_long(pods, now)) and (read_at is None or now - read_at >= _WARNINGS_EVERY)


def has_started(pods: Iterable[Object]) -> bool:
    """Whether a container of one of these pods runs or ever ran."""
    return any(
        "running" in (status.get("state") or {})
        or "terminated" in (status.get("state") or {})
        or status.get("restartCount")
        for pod in pods
        for status in _containers(pod)
    )


def restarts(pods: Sequence[Object]) -> int | None:
    """Restarts of the containers of these pods; None when there is no pod."""
    return sum(int(status.get("restartCount", 0)) for pod in pods for status in _containers(pod)) if pods else None


def _containers(pod: Object) -> Iterator[Any]:
    for kind in ("initContainerStatuses", "containerStatuses"):
        yield from pod.get("status", {}).get(kind) or ()


def _conditions(obj: Object | None) -> Iterable[Any]:
    return ((obj or {}).get("status") or {}).get("conditions") or ()


def _condition(deployment: Object | None, kind: str, status: str) -> str:
    for condition in _conditions(deployment):
        if condition.get("type") == kind and condition.get("status") == status:
            return f"{condition.get('reason', kind)}: {condition.get('message', '')}"
    return ""


def _phase(pod: Object) -> str:
    return str(pod.get("status", {}).get("phase", ""))


def _is_being_made(pod: Object) -> bool:
    """Whether no container has got as far as to run."""
    return not any((status.get("state") or {}).get("running") for status in _containers(pod))


def _is_about(warning: Object, pod: Object) -> bool:
    return bool(warning.get("involvedObject", {}).get("name") == pod["metadata"].get("name"))


def _words(warnings: Sequence[Object]) -> str:
    newest = max(warnings, key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""))
    return f"{newest.get('reason')}: {newest.get('message', '')}"


def _time(text: Any) -> datetime:
    return datetime.fromisoformat(text or _LONG_AGO)
