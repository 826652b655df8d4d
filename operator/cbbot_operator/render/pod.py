"""What the pods of bot and bridge have in common: Pod Security `restricted`, and how they are replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cbbot.contract.tradingbot import Process
from cbbot_operator.keys import labels, selector
from cbbot_operator.render.inputs import Inputs

__all__ = ["USER", "container", "deployment", "http_probe", "secret_volume"]

USER = 10001
"""The uid in the images' passwd; fsGroup makes volumes writable for it."""

_DEFAULT_RESOURCES: dict[str, Any] = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"memory": "512Mi"},
}


def deployment(
    inputs: Inputs,
    component: str,
    process: Process,
    hashes: Mapping[str, str],
    containers: list[dict[str, Any]],
    volumes: list[dict[str, Any]],
) -> dict[str, Any]:
    """One replica, Recreate: never two bots on one state, never two bridges on one key.

    The pod is replaced when one of ``hashes`` changes.
    """
    pod: dict[str, Any] = {
        "serviceAccountName": inputs.names.account,
        "automountServiceAccountToken": False,
        # Variables made from Services (BRIDGE_PORT=tcp://...) would be read as settings.
        "enableServiceLinks": False,
        # The kernel drops a signal that process 1 has no handler for yet: a bot told to stop while it still
        # starts would trade on until it is killed. So process 1 is the pod's own, not the bot.
        "shareProcessNamespace": True,
        "terminationGracePeriodSeconds": 60,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": containers,
        "volumes": [*volumes, {"name": "tmp", "emptyDir": {}}],
    }
    if inputs.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in inputs.image_pull_secrets]
    placement = {
        "nodeSelector": process.nodeSelector,
        "tolerations": process.tolerations,
        "affinity": process.affinity,
    }
    pod |= {field: value for field, value in placement.items() if value}
    return {
        **inputs.head("Deployment", inputs.names.of(component), component),
        "spec": {
            "replicas": 0 if inputs.spec.suspend else 1,
            "revisionHistoryLimit": 3,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": selector(inputs.key.name, component)},
            "template": {
                "metadata": {
                    "labels": labels(inputs.key.name, component),
                    "annotations": {**process.podAnnotations, **hashes},
                },
                "spec": pod,
            },
        },
    }


def container(
    name: str,
    image: str,
    process: Process,
    environment: Mapping[str, str],
    mounts: Mapping[str, str],
    *,
    read_only: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """A container without its probes. ``mounts`` is volume to path, ``read_only`` names volumes."""
    variables = [{"name": key, "value": value} for key, value in environment.items()]
    variables += [
        {"name": variable.name} | ({"value": variable.value} if variable.value else {}) for variable in process.env
    ]
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": process.imagePullPolicy,
        "env": variables,
        "resources": process.resources or _DEFAULT_RESOURCES,
        # What a process says when it will not start is told where a person looks first.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": volume, "mountPath": path} | ({"readOnly": True} if volume in read_only else {})
            for volume, path in {**mounts, "tmp": "/tmp"}.items()  # noqa: S108  the pod's own, an emptyDir
        ],
    }


def http_probe(path: str, port: int, *, period: int, failures: int, timeout: int = 3) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": port},
        "periodSeconds": period,
        "failureThreshold": failures,
        "timeoutSeconds": timeout,
    }


def secret_volume(name: str, secret: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """Files readable by the pod's group alone."""
    items = [{"key": key, "path": key} for key in keys]
    return {"name": name, "secret": {"secretName": secret, "defaultMode": 0o440, "items": items}}
