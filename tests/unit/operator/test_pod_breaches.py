"""What a person may not add to the pods, on a Deployment as an API server 1.20 stored it (applied_deployment.json)."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from cbbot_operator.pod_breaches import breaches

LIVE = json.loads((Path(__file__).parent / "applied_deployment.json").read_text(encoding="utf-8"))["live"]


def with_change(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """The Deployment with one addition below its template; -1 appends to a list."""
    live: dict[str, Any] = copy.deepcopy(LIVE)
    place: Any = live["spec"]["template"]
    for step in path[:-1]:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[int(step)]
    if path[-1] == -1:
        place.append(value)
    else:
        place[path[-1]] = value
    return live


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        (("spec", "hostNetwork"), True, "hostNetwork"),
        (("spec", "hostPID"), True, "hostPID"),
        (("spec", "hostIPC"), True, "hostIPC"),
        (
            ("spec", "containers", 0, "lifecycle"),
            {"postStart": {"exec": {"command": ["sh"]}}},
            "lifecycle of container bot",
        ),
        (("spec", "containers", -1), {"name": "sidecar", "image": "x"}, "container sidecar"),
        (("spec", "initContainers"), [{"name": "first", "image": "x"}], "container first"),
        (("spec", "volumes", -1), {"name": "host", "hostPath": {"path": "/"}}, "volume host (hostPath)"),
        (("spec", "volumes", -1), {"name": "net", "nfs": {"server": "x", "path": "/"}}, "volume net (nfs)"),
        (("spec", "securityContext", "sysctls"), [{"name": "kernel.msgmax", "value": "1"}], "sysctls"),
        (("spec", "securityContext", "seLinuxOptions"), {"type": "spc_t"}, "seLinuxOptions"),
        (("spec", "securityContext", "windowsOptions"), {"hostProcess": True}, "windowsOptions"),
        (("spec", "containers", 0, "securityContext", "privileged"), True, "privileged of container bot"),
        (("spec", "containers", 0, "securityContext", "procMount"), "Unmasked", "procMount of container bot"),
        (("spec", "containers", 0, "securityContext", "runAsUser"), 0, "runAsUser of container bot"),
        (("spec", "containers", 0, "securityContext", "runAsNonRoot"), False, "runAsNonRoot of container bot"),
        (
            ("spec", "containers", 0, "securityContext", "seccompProfile"),
            {"type": "Unconfined"},
            "seccompProfile of container bot",
        ),
        (
            ("spec", "containers", 0, "securityContext", "capabilities", "add"),
            ["SYS_ADMIN"],
            "capabilities of container bot",
        ),
        (("spec", "containers", 0, "ports", 0, "hostPort"), 80, "hostPort of container bot"),
        (("spec", "containers", 0, "command"), ["sleep"], "command of container bot"),
        (("spec", "containers", 0, "workingDir"), "/tmp", "workingDir of container bot"),  # noqa: S108  a container's
        (
            ("spec", "containers", 0, "volumeMounts", -1),
            {"name": "tmp", "mountPath": "/usr/local/lib"},
            "mount /usr/local/lib of container bot",
        ),
        (("spec", "hostAliases"), [{"ip": "203.0.113.7", "hostnames": ["btc-bridge"]}], "hostAliases 203.0.113.7"),
        (
            ("spec", "containers", 0, "env", -1),
            {"name": "TAKE_PROFIT_PCT", "value": "90"},
            "variable TAKE_PROFIT_PCT of container bot",
        ),
        (
            ("spec", "containers", 0, "env", -1),
            {"name": "COINBASE_API_BASE", "value": "http://elsewhere"},
            "variable COINBASE_API_BASE of container bot",
        ),
        (
            ("metadata", "annotations", "container.apparmor.security.beta.kubernetes.io/bot"),
            "unconfined",
            "annotation container.apparmor.security.beta.kubernetes.io/bot",
        ),
    ],
)
def test_what_restricted_forbids_what_runs_beside_and_settings_past_the_spec_are_found(
    path: tuple[str | int, ...], value: Any, found: str
) -> None:
    assert breaches(with_change(path, value)) == (found,)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("metadata", "annotations", "kubectl.kubernetes.io/restartedAt"), "now"),
        (("spec", "nodeSelector"), {"disk": "fast"}),
        (("spec", "hostNetwork"), False),
        (("spec", "volumes", -1), {"name": "theirs", "emptyDir": {}}),
        (("spec", "containers", 0, "env", -1), {"name": "TZ", "value": "UTC"}),
    ],
)
def test_what_changes_no_setting_and_restricted_allows_is_left_alone(path: tuple[str | int, ...], value: Any) -> None:
    assert breaches(with_change(path, value)) == ()


def test_variables_from_elsewhere_are_found_where_none_are_ours() -> None:
    live = with_change(("spec", "containers", 0, "envFrom"), [{"configMapRef": {"name": "theirs"}}])
    (applied,) = (entry for entry in live["metadata"]["managedFields"] if entry["operation"] == "Apply")
    ours = applied["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"bot"}']
    del ours["f:envFrom"]
    assert breaches(live) == ("envFrom of container bot",)


def test_without_bookkeeping_there_is_nothing_to_compare_with() -> None:
    live = with_change(("spec", "hostNetwork"), True)
    live["metadata"]["managedFields"] = []
    assert breaches(live) == ()
