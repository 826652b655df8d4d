"""What somebody added to a Deployment's pods and may not have added. Pure.

That is what Pod Security `restricted` forbids, what runs beside ours or in its place, and settings past the spec, which
bounds them. Server-side apply leaves fields alone that it does not send, so all of it would stay. Admission webhooks
that add to pods, as service meshes do, change pods, not the Deployment: they go unseen here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cbbot.contract.constraints import is_free
from cbbot_operator.keys import Object
from cbbot_operator.owned_fields import owned_part

__all__ = ["breaches"]

_HOST = ("hostNetwork", "hostPID", "hostIPC")
_POD_CONTEXT = ("appArmorProfile", "seLinuxOptions", "sysctls", "windowsOptions")
_CONTEXT = (*_POD_CONTEXT, "privileged", "procMount", "runAsNonRoot", "runAsUser", "seccompProfile")
_VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
# What runs instead of the image's own program, and variables that come from elsewhere and may be settings.
_OF_PROCESS = ("args", "command", "envFrom", "lifecycle", "workingDir")
_ANNOTATIONS = ("container.apparmor.security.beta.kubernetes.io/", "seccomp.security.alpha.kubernetes.io/")


def breaches(deployment: Object) -> tuple[str, ...]:
    """What has to go, in words; nothing for a template that is as it was applied, or of which nothing is ours."""
    template = deployment["spec"].get("template") or {}
    ours = owned_part(deployment).get("spec", {}).get("template", {})
    if "spec" not in ours:
        return ()
    return tuple(_of_annotations(template, ours)) + tuple(_of_pod(template.get("spec") or {}, ours.get("spec", {})))


def _of_annotations(template: Object, ours: Object) -> Iterator[str]:
    mine = ours.get("metadata", {}).get("annotations", {})
    for name in (template.get("metadata") or {}).get("annotations") or {}:
        if name.startswith(_ANNOTATIONS) and name not in mine:
            yield f"annotation {name}"


def _of_pod(pod: Object, ours: Object) -> Iterator[str]:
    yield from (field for field in _HOST if pod.get(field) and field not in ours)
    yield from _extra(pod.get("securityContext"), ours.get("securityContext"), _POD_CONTEXT)
    names = {alias["ip"] for alias in ours.get("hostAliases", ())}
    yield from (f"hostAliases {alias['ip']}" for alias in pod.get("hostAliases") or () if alias["ip"] not in names)
    for volume in pod.get("volumes") or ():
        forbidden = volume.keys() - _VOLUMES - {"name"}
        if forbidden:
            yield f"volume {volume['name']} ({', '.join(sorted(forbidden))})"
    for containers in ("initContainers", "containers"):
        mine = {container["name"]: container for container in ours.get(containers, ())}
        for container in pod.get(containers) or ():
            if container["name"] in mine:
                yield from _of_container(container, mine[container["name"]])
            else:
                yield f"container {container['name']}"


def _of_container(container: Object, ours: Object) -> Iterator[str]:
    name = container["name"]
    context, mine = container.get("securityContext") or {}, ours.get("securityContext", {})
    yield from (f"{field} of container {name}" for field in _extra(context, mine, _CONTEXT))
    if (context.get("capabilities") or {}).get("add"):
        yield f"capabilities of container {name}"
    if any(port.get("hostPort") for port in container.get("ports") or ()):
        yield f"hostPort of container {name}"
    yield from (f"{field} of container {name}" for field in _OF_PROCESS if container.get(field) and field not in ours)
    # What is mounted lies over what the image has there, or over another mount: program, settings, secrets, state.
    mounts = {mount["mountPath"] for mount in ours.get("volumeMounts", ())}
    for mount in container.get("volumeMounts") or ():
        if mount["mountPath"] not in mounts:
            yield f"mount {mount['mountPath']} of container {name}"
    variables = {variable["name"] for variable in ours.get("env", ())}
    for variable in container.get("env") or ():
        if variable["name"] not in variables and not is_free(variable["name"]):
            yield f"variable {variable['name']} of container {name}"


def _extra(context: Mapping[str, Any] | None, ours: Mapping[str, Any] | None, fields: tuple[str, ...]) -> Iterator[str]:
    yield from (field for field in fields if (context or {}).get(field) is not None and field not in (ours or {}))
