"""What the pods of bot and bridge have in common: Pod Security `restricted`, and how they are replaced."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cbbot.contract.tradingbot_pods import Process
from cbbot_operator.keys import ASKED, DEFAULT_IMAGE, TEMPLATE, UPDATED_AT, labels, selector
from cbbot_operator.render.inputs import Inputs, annotate

__all__ = ["container", "deployment", "http_probe", "secret_volume"]

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
        "securityContext": _security_context(process, inputs.inherited.pod_user),
        "containers": containers,
        "volumes": [*volumes, {"name": "tmp", "emptyDir": {}}],
    }
    if inputs.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in inputs.image_pull_secrets]
    placement = {
        "nodeSelector": process.nodeSelector,
        "tolerations": process.tolerations,
        "affinity": process.affinity,
        "topologySpreadConstraints": process.topologySpreadConstraints,
        "priorityClassName": process.priorityClassName,
        "hostAliases": [alias.model_dump() for alias in process.hostAliases],
    }
    pod |= {field: value for field, value in placement.items() if value}
    template = {
        "metadata": {
            "labels": {**process.podLabels, **labels(inputs.key.name, component)},
            "annotations": {**process.podAnnotations, **hashes},
        },
        "spec": pod,
    }
    made = {
        **inputs.head("Deployment", inputs.names.of(component), component),
        "spec": {
            "replicas": 0 if inputs.spec.suspend else 1,
            "revisionHistoryLimit": 3,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": selector(inputs.key.name, component)},
            "template": template,
        },
    }
    return annotate(made, _marks(inputs, process, template))


def _security_context(process: Process, default_user: int) -> dict[str, Any]:
    """As `restricted` wants it; who the pod runs as is the spec's or the operator's to say, 0 for the cluster's."""
    given = process.securityContext
    user = default_user if given.runAsUser is None else given.runAsUser
    ids = {
        "runAsUser": user,
        "runAsGroup": user if given.runAsGroup is None else given.runAsGroup,
        "fsGroup": user if given.fsGroup is None else given.fsGroup,
    }
    context: dict[str, Any] = {
        "runAsNonRoot": True,
        **{field: number for field, number in ids.items() if number},
        "fsGroupChangePolicy": given.fsGroupChangePolicy,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if given.supplementalGroups:
        context["supplementalGroups"] = given.supplementalGroups
    return context


def _marks(inputs: Inputs, process: Process, template: dict[str, Any]) -> dict[str, str]:
    """What tells a later operator whether it would replace the pods, and who wants that (staged_updates.py)."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:32]
    marks = {ASKED: inputs.asked, TEMPLATE: digest}
    if process.image is None:
        marks[DEFAULT_IMAGE] = str(template["spec"]["containers"][0]["image"])
    return marks | ({UPDATED_AT: inputs.updated_at} if inputs.updated_at else {})


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
