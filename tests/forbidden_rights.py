"""What an operator that is broken into must not be able to do, whatever the chart's values are."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["FORBIDDEN", "WILDCARD", "Right"]

WILDCARD: Final = "*"


class Right(NamedTuple):
    """A verb on a resource (``plural.group``, ``plural/subresource`` where it has one)."""

    verb: str
    resource: str

    @property
    def group(self) -> str:
        return self.resource.partition("/")[0].partition(".")[2]

    @property
    def plural(self) -> str:
        """With the subresource, as rules name it."""
        name, slash, subresource = self.resource.partition("/")
        return name.partition(".")[0] + slash + subresource


_RBAC: Final = ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
_BY_RESOURCE: Final = {
    # Positions and state are a person's: nothing that trades or is kept can be deleted.
    "tradingbots.cbbot.io": ("create", "update", "delete", "deletecollection"),
    "persistentvolumeclaims": ("delete", "deletecollection", "update"),
    "networkpolicies.networking.k8s.io": ("delete", "deletecollection"),
    "serviceaccounts": ("delete", "deletecollection", "impersonate"),
    # More rights than it has: its own, others', or a pod's.
    **{f"{plural}.rbac.authorization.k8s.io": ("create", "update", "patch", "bind", "escalate") for plural in _RBAC},
    "serviceaccounts/token": ("create",),
    "pods": ("create", "patch", "update", "delete"),
    "pods/exec": ("create", "get"),
    "pods/attach": ("create", "get"),
    "pods/portforward": ("create", "get"),
    "pods/ephemeralcontainers": ("patch", "update"),
    "users": ("impersonate",),
    "groups": ("impersonate",),
    # Other people's work, and the cluster.
    "secrets": ("deletecollection", "update"),
    "deployments.apps": ("deletecollection", "update"),
    "daemonsets.apps": ("create", "patch", "delete", "list"),
    "statefulsets.apps": ("create", "patch", "delete", "list"),
    "jobs.batch": ("create", "patch", "delete", "list"),
    "namespaces": ("create", "patch", "delete"),
    "nodes": ("get", "list", "patch", "delete"),
    "nodes/proxy": ("get", "create"),
    "persistentvolumes": ("get", "list", "create", "patch", "delete"),
    "customresourcedefinitions.apiextensions.k8s.io": ("create", "patch", "update", "delete"),
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": ("create", "patch", "delete", "list"),
    "validatingwebhookconfigurations.admissionregistration.k8s.io": ("create", "patch", "delete", "list"),
    "apiservices.apiregistration.k8s.io": ("create", "patch", "delete"),
    "certificatesigningrequests.certificates.k8s.io": ("create", "approve"),
    "leases.coordination.k8s.io": ("delete", "deletecollection"),
}
FORBIDDEN: Final = tuple(Right(verb, resource) for resource, verbs in _BY_RESOURCE.items() for verb in verbs)
