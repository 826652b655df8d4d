"""What pods and Deployments say, by table: every way in which there can be no pod that works."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cbbot_operator.last_words import last_words
from cbbot_operator.pods import has_started, of_component, restarts, trouble, waited_long

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KILLED = {"name": "bot", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
RUNNING = {"name": "bot", "state": {"running": {}}, "ready": False}


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod(
    name: str = "btc-bot-1", *, unready: float | None = 60, scheduled: bool = True, **status: Any
) -> dict[str, Any]:
    """A pod of the bot; ``unready`` is for how long it has not been ready, None for one that is."""
    conditions = [
        {"type": "PodScheduled", "status": str(scheduled), "lastTransitionTime": ago(60), "message": "0/3 nodes"},
        {"type": "Ready", "status": str(unready is None), "lastTransitionTime": ago(unready or 0)},
    ]
    labels = {"app.kubernetes.io/component": "bot"}
    return {"metadata": {"name": name, "labels": labels}, "status": {"conditions": conditions, **status}}


def waiting(reason: str, message: str = "", /, **last: Any) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": message}}
    return {
        "name": "bot",
        "restartCount": 3 if last else 0,
        "state": state,
        "lastState": {"terminated": last} if last else {},
    }


def warning(reason: str, message: str, about: str = "btc-bot-1", seconds: float = 5) -> dict[str, Any]:
    return {"reason": reason, "message": message, "involvedObject": {"name": about}, "lastTimestamp": ago(seconds)}


def deployment(kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    return {"status": {"conditions": [{"type": kind, "status": status, "reason": reason, "message": message}]}}


QUOTA = deployment("ReplicaFailure", "True", "FailedCreate", 'pods "btc-bot-" is forbidden: exceeded quota: small')


@pytest.mark.parametrize(
    ("found", "pods", "warnings", "said"),
    [
        pytest.param(None, [], [], "", id="nothing yet"),
        pytest.param(QUOTA, [], [], 'FailedCreate: pods "btc-bot-" is forbidden: exceeded quota: small', id="quota"),
        pytest.param(None, [pod(scheduled=False)], [], "Unschedulable: 0/3 nodes", id="no node"),
        pytest.param(
            None,
            [pod(containerStatuses=[waiting("ImagePullBackOff", "not found: cbbot-bot:9")])],
            [],
            "ImagePullBackOff: container bot: not found: cbbot-bot:9",
            id="no image",
        ),
        pytest.param(
            None,
            [pod(containerStatuses=[waiting("CreateContainerConfigError", 'secret "coinbase" not found')])],
            [],
            'CreateContainerConfigError: container bot: secret "coinbase" not found',
            id="no secret",
        ),
        pytest.param(
            None,
            [
                pod(
                    containerStatuses=[
                        waiting("CrashLoopBackOff", "back-off", exitCode=2, message="cbbot bridge: X=*** is bad\n")
                    ]
                )
            ],
            [],
            "CrashLoopBackOff: container bot: exited with code 2 (Error): cbbot bridge: X=*** is bad",
            id="it will not start",
        ),
        pytest.param(
            None,
            [pod(containerStatuses=[KILLED])],
            [],
            "OOMKilled: container bot: exited with code 137 (OOMKilled)",
            id="it has just died",
        ),
        pytest.param(
            None,
            [pod(initContainerStatuses=[waiting("ErrImagePull", "denied")])],
            [],
            "ErrImagePull: container bot: denied",
            id="what somebody put before it",
        ),
        pytest.param(
            None,
            [pod(containerStatuses=[waiting("ContainerCreating")])],
            [
                warning("FailedAttachVolume", "Multi-Attach error for volume pvc-1", seconds=50),
                warning("FailedMount", "Unable to attach or mount volumes: [state]"),
                warning("FailedMount", "of another pod", about="eth-bot-1", seconds=1),
            ],
            "FailedMount: Unable to attach or mount volumes: [state]",
            id="the volume does not come",
        ),
        pytest.param(None, [pod(containerStatuses=[waiting("ContainerCreating")])], [], "", id="it is being made"),
        pytest.param(
            None,
            [pod(unready=10, containerStatuses=[waiting("ContainerCreating")])],
            [warning("FailedMount", "configmap not found")],
            "",
            id="the volume may still come",
        ),
        pytest.param(
            None,
            [pod(unready=121, containerStatuses=[RUNNING])],
            [warning("Unhealthy", "Readiness probe failed: connection refused")],
            "Unhealthy: Readiness probe failed: connection refused",
            id="its probes fail",
        ),
        pytest.param(
            None,
            [pod(unready=100, containerStatuses=[RUNNING])],
            [warning("Unhealthy", "Readiness probe failed: 503")],
            "",
            id="it reads its history",
        ),
        pytest.param(
            None,
            [pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")],
            [],
            "Evicted: The node was low on resource: memory.",
            id="evicted",
        ),
        pytest.param(
            None,
            [pod("old", phase="Failed", reason="Evicted", message="m"), pod("new", unready=None, phase="Running")],
            [],
            "",
            id="evicted and replaced",
        ),
        pytest.param(
            deployment("Progressing", "False", "ProgressDeadlineExceeded", "ReplicaSet has timed out progressing."),
            [],
            [],
            "ProgressDeadlineExceeded: ReplicaSet has timed out progressing.",
            id="nothing else is said",
        ),
    ],
)  # fmt: skip
def test_why_there_is_no_pod_that_works(
    found: dict[str, Any] | None, pods: list[dict[str, Any]], warnings: list[dict[str, Any]], said: str
) -> None:
    assert trouble(found, pods, warnings, NOW) == said


def test_events_are_asked_for_about_pods_that_should_be_ready_by_now() -> None:
    pods = [pod("slow"), pod("young", unready=5), pod("ready", unready=None), pod("evicted", phase="Failed")]
    assert waited_long(pods, NOW) == ["slow"]


@pytest.mark.parametrize(
    ("status", "started"),
    [
        ({"state": {"waiting": {"reason": "ContainerCreating"}}}, False),
        ({"state": {"running": {}}}, True),
        ({"state": {"terminated": {"exitCode": 1}}}, True),
        ({"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 1}, True),
    ],
)
def test_a_bot_has_run_once_its_container_has_started(status: dict[str, Any], *, started: bool) -> None:
    assert has_started([pod(containerStatuses=[status])]) is started


def test_restarts_of_no_pod_are_not_known() -> None:
    assert restarts([]) is None
    assert restarts([pod()]) == 0
    assert restarts(of_component([pod(containerStatuses=[waiting("CrashLoopBackOff", exitCode=1)])], "bot")) == 3


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("", ""),
        ("cbbot bridge: A is bad\ncbbot bridge: B is bad\n", "cbbot bridge: A is bad; cbbot bridge: B is bad"),
        ('{"event": "starting"}\n{"event": "refused", "reason": "locked"}\n', "refused: locked"),
        ('{"event": "starting"}\nTraceback:\n  here\nValueError: x\n', "Traceback:; here; ValueError: x"),
        ('{"cut', '{"cut'),
    ],
)  # fmt: skip
def test_the_last_words_are_those_for_people(log: str, said: str) -> None:
    assert last_words(log) == said


def test_long_last_words_keep_their_end() -> None:
    said = last_words("x" * 3000 + " the end")
    assert len(said) == 500
    assert said.startswith("...")
    assert said.endswith(" the end")
