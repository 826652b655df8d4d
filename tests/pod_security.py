"""The profile `restricted` of Kubernetes' Pod Security Standards, read from its table and not from our code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["forbidden_by_restricted"]

_VOLUMES: Final = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
_SECCOMP: Final = ("RuntimeDefault", "Localhost")
_SELINUX: Final = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_SYSCTLS: Final = frozenset(
    {
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
    }
)  # fmt: skip


def forbidden_by_restricted(pod: Mapping[str, Any]) -> list[str]:
    """What an admission that enforces the profile would refuse in a pod's spec, in words."""
    return [*_of_pod(pod), *(why for container in _containers(pod) for why in _of_container(container, pod))]


def _containers(pod: Mapping[str, Any]) -> list[Any]:
    return [one for kind in ("initContainers", "containers", "ephemeralContainers") for one in pod.get(kind) or ()]


def _of_pod(pod: Mapping[str, Any]) -> Iterator[str]:
    context = pod.get("securityContext") or {}
    yield from (field for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field))
    for volume in pod.get("volumes") or ():
        yield from (f"volume {volume['name']}: {kind}" for kind in volume.keys() - _VOLUMES - {"name"})
    for sysctl in context.get("sysctls") or ():
        if sysctl["name"] not in _SYSCTLS:
            yield f"sysctl {sysctl['name']}"


def _of_container(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterator[str]:
    name, own = container["name"], container.get("securityContext") or {}
    context = {**(pod.get("securityContext") or {}), **own}
    capabilities = own.get("capabilities") or {}
    wrong = {
        "privileged": own.get("privileged"),
        "allowPrivilegeEscalation is not false": own.get("allowPrivilegeEscalation") is not False,
        "runAsNonRoot is not true": context.get("runAsNonRoot") is not True,
        "runAsUser is root": context.get("runAsUser") == 0,
        "seccomp": (context.get("seccompProfile") or {}).get("type") not in _SECCOMP,
        "capabilities are not all dropped": "ALL" not in (capabilities.get("drop") or ()),
        "capabilities are added": set(capabilities.get("add") or ()) - {"NET_BIND_SERVICE"},
        "hostPort": any(port.get("hostPort") for port in container.get("ports") or ()),
        "procMount": own.get("procMount", "Default") != "Default",
        "AppArmor": (context.get("appArmorProfile") or {}).get("type", "RuntimeDefault") == "Unconfined",
        "SELinux": (context.get("seLinuxOptions") or {}).get("type", "") not in _SELINUX
        or {"user", "role"} & (context.get("seLinuxOptions") or {}).keys(),
        "Windows host process": (context.get("windowsOptions") or {}).get("hostProcess"),
    }
    yield from (f"container {name}: {what}" for what, holds in wrong.items() if holds)
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        for how in ("httpGet", "tcpSocket"):
            if ((container.get(probe) or {}).get(how) or {}).get("host"):
                yield f"container {name}: host of its {probe}"
