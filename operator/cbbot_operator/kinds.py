"""Every kind of object that the operator deals with, in one table.

Addresses, watches, what is gathered and pruned, and the chart's rights follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from cbbot.contract.tradingbot import API_VERSION, KIND, PLURAL
from cbbot_operator.keys import FIELD_MANAGER, MANAGED_BY, WATCH_LABEL

__all__ = ["CACHED", "CHILDREN", "KINDS", "WATCHED", "Child", "Kind", "Stuck"]

_EVERY = ""
_OURS = f"{MANAGED_BY}={FIELD_MANAGER}"
_MARKED = WATCH_LABEL


class Child(Enum):
    """Whether a TradingBot always has its objects of a kind, and if not, what becomes of one it no longer wants."""

    ALWAYS = "always"
    PRUNED = "deleted"
    KEPT = "kept"


class Stuck(Enum):
    """What becomes of a child that the API server will not have changed as wanted."""

    REPORTED = "reported"
    OVERWRITTEN = "fields of others are removed from it"
    MADE_ANEW = "that, and where a field can never change it is deleted and made again"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind:
    """One kind: where the API server has it and what the operator does with it.

    ``watched`` is the label selector of the watch, empty for every object, None for no watch. An ``optional``
    kind may be unknown to the cluster. What being watched or a child takes is not repeated in ``verbs``;
    ``named_verbs`` are asked of an object known by name, ``scanning_verbs`` by kopf where it notices new definitions,
    ``subresources`` maps a subresource to its verbs.
    """

    name: str
    api_version: str
    plural: str
    watched: str | None = None
    child: Child | None = None
    stuck: Stuck = Stuck.OVERWRITTEN
    optional: bool = False
    verbs: tuple[str, ...] = ()
    named_verbs: tuple[str, ...] = ()
    scanning_verbs: tuple[str, ...] = ()
    subresources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """Empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.api_version.rpartition("/")[2]

    @property
    def root(self) -> str:
        """The path under which the API server lists the kinds of this group."""
        return f"apis/{self.api_version}" if self.group else f"api/{self.api_version}"

    def path(self, namespace: str | None = None, name: str = "") -> str:
        """The path of one object; of all when ``name`` is empty, in all namespaces when ``namespace`` is None."""
        parts = (self.root, f"namespaces/{namespace}" if namespace is not None else "", self.plural, name)
        return "/".join(part for part in parts if part)

    def head(self) -> dict[str, str]:
        """How an object of the kind begins."""
        return {"apiVersion": self.api_version, "kind": self.name}

    def rights(self) -> frozenset[str]:
        """The verbs for objects of any name."""
        needed = set(self.verbs)
        if self.watched is not None:
            needed |= {"list", "watch"}
        if self.child is not None:
            # Applying on the server's side is a patch that may create.
            needed |= {"get", "list", "create", "patch"}
        if self.child is Child.PRUNED or (self.child is not None and self.stuck is Stuck.MADE_ANEW):
            needed.add("delete")
        return frozenset(needed)


_TABLE = (
    Kind(
        name=KIND,
        api_version=API_VERSION,
        plural=PLURAL,
        watched=_EVERY,
        verbs=("get", "list", "patch"),
        subresources={"status": ("patch",)},
    ),
    Kind(name="ServiceAccount", api_version="v1", plural="serviceaccounts", watched=_OURS, child=Child.ALWAYS),
    # Those that a TradingBot names are a person's: they are watched where that person marks them.
    Kind(name="Secret", api_version="v1", plural="secrets", watched=_MARKED, child=Child.ALWAYS, stuck=Stuck.MADE_ANEW),
    Kind(
        name="ConfigMap",
        api_version="v1",
        plural="configmaps",
        watched=_OURS,
        child=Child.ALWAYS,
        stuck=Stuck.MADE_ANEW,
    ),
    # A volume is never ours to throw away.
    Kind(
        name="PersistentVolumeClaim",
        api_version="v1",
        plural="persistentvolumeclaims",
        watched=_OURS,
        child=Child.KEPT,
        stuck=Stuck.REPORTED,
    ),
    Kind(name="Service", api_version="v1", plural="services", watched=_OURS, child=Child.ALWAYS, stuck=Stuck.MADE_ANEW),
    Kind(
        name="NetworkPolicy",
        api_version="networking.k8s.io/v1",
        plural="networkpolicies",
        watched=_OURS,
        child=Child.ALWAYS,
    ),
    Kind(
        name="Deployment",
        api_version="apps/v1",
        plural="deployments",
        watched=_OURS,
        child=Child.ALWAYS,
        stuck=Stuck.MADE_ANEW,
    ),
    Kind(
        name="ServiceMonitor",
        api_version="monitoring.coreos.com/v1",
        plural="servicemonitors",
        watched=_OURS,
        child=Child.PRUNED,
        optional=True,
    ),
    Kind(name="Pod", api_version="v1", plural="pods", watched=_OURS, verbs=("list",)),
    Kind(name="Event", api_version="v1", plural="events", verbs=("create", "list")),
    Kind(
        name="Lease",
        api_version="coordination.k8s.io/v1",
        plural="leases",
        watched=_MARKED,
        verbs=("create",),
        named_verbs=("get", "update"),
    ),
    Kind(name="Namespace", api_version="v1", plural="namespaces", named_verbs=("get",)),
    Kind(
        name="CustomResourceDefinition",
        api_version="apiextensions.k8s.io/v1",
        plural="customresourcedefinitions",
        scanning_verbs=("list", "watch"),
    ),
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _TABLE}
"""By the kind's name, such as Deployment."""

CHILDREN = tuple(kind for kind in _TABLE if kind.child is not None)
WATCHED = tuple(kind for kind in _TABLE if kind.watched is not None)
CACHED = tuple(kind for kind in WATCHED if kind.name == KIND or kind.name == "Pod" or kind.child is not None)
"""Kinds whose objects, as the watches show them, are what a look at a TradingBot sees."""
