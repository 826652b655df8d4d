"""Our reading of Pod Security `restricted` refuses each of what its table forbids, so that a pass means something."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from pod_security import forbidden_by_restricted

GOOD: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "one",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            "ports": [{"containerPort": 80}],
            "livenessProbe": {"httpGet": {"path": "/", "port": 80}},
        }
    ],
    "volumes": [{"name": "tmp", "emptyDir": {}}],
}


def pod(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda good: good.update(fields)


def context(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda good: good["securityContext"].update(fields)


def container(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda good: good["containers"][0].update(fields)


def own(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda good: good["containers"][0]["securityContext"].update(fields)


FORBIDDEN = {
    "hostNetwork": pod(hostNetwork=True),
    "hostPID": pod(hostPID=True),
    "hostIPC": pod(hostIPC=True),
    "volume root: hostPath": pod(volumes=[{"name": "root", "hostPath": {"path": "/"}}]),
    "volume nfs: nfs": pod(volumes=[{"name": "nfs", "nfs": {}}]),
    "sysctl kernel.panic": context(sysctls=[{"name": "kernel.panic", "value": "1"}]),
    "container one: privileged": own(privileged=True),
    "container one: allowPrivilegeEscalation is not false": container(
        securityContext={"capabilities": {"drop": ["ALL"]}}
    ),
    "container one: runAsNonRoot is not true": context(runAsNonRoot=False),
    "container one: runAsUser is root": own(runAsUser=0),
    "container one: seccomp": own(seccompProfile={"type": "Unconfined"}),
    "container one: capabilities are not all dropped": own(capabilities={"drop": ["NET_RAW"]}),
    "container one: capabilities are added": own(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
    "container one: hostPort": container(ports=[{"containerPort": 80, "hostPort": 80}]),
    "container one: procMount": own(procMount="Unmasked"),
    "container one: AppArmor": own(appArmorProfile={"type": "Unconfined"}),
    "container one: SELinux": own(seLinuxOptions={"user": "root"}),
    "container one: Windows host process": context(windowsOptions={"hostProcess": True}),
    "container one: host of its livenessProbe": container(livenessProbe={"httpGet": {"host": "10.0.0.1"}}),
}


def test_what_meets_it_passes() -> None:
    assert forbidden_by_restricted(GOOD) == []


@pytest.mark.parametrize("why", FORBIDDEN)
def test_what_it_forbids_is_named(why: str) -> None:
    bad = copy.deepcopy(GOOD)
    FORBIDDEN[why](bad)
    assert forbidden_by_restricted(bad) == [why]


def test_init_containers_are_looked_at_too() -> None:
    bad = {**GOOD, "initContainers": [{"name": "first"}]}
    assert "container first: capabilities are not all dropped" in forbidden_by_restricted(bad)
