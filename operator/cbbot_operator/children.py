"""A TradingBot's children in the cluster: each put as it was rendered, on its own, and pruned.

What stands as it was applied costs no request. What protects comes first: who may talk to the pods, and the stop of
pods that are to be suspended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cbbot.errors import CbbotError, Refused, Retryable
from cbbot_operator.child_repair import clear_pods, clear_settings, put_by_force
from cbbot_operator.cluster import Cluster, Conflict
from cbbot_operator.keys import Object, is_ours
from cbbot_operator.kinds import KINDS, Child
from cbbot_operator.observed import ChildState, Observed
from cbbot_operator.operator_metrics import CHILDREN_PUT, DRIFT
from cbbot_operator.ownership import made_for
from cbbot_operator.reduced import added_by_hand, reduce
from cbbot_operator.wanted import Entry, Wanted, entry_of
from cbbot_operator.watch_cache import WatchCache

__all__ = ["Children", "Put", "find_unlabelled", "protecting"]

_LOG = logging.getLogger(__name__)
# No object ever has it: an apply with it makes an object, or is a conflict with the one there is.
_MAKE_ONLY = {"resourceVersion": "1"}
# Old API servers have a way of their own for Services, and it wants no version. The API server takes this field off
# what it makes, and lets nobody set it on what there is.
_NOT_SO = "resourceVersion should not be set on objects to be created"
_UNCHANGEABLE = "deletionGracePeriodSeconds"
_MAKE_ONLY_IN_OLD = {_UNCHANGEABLE: 0}
_TROUBLE = 2
# A pod that is replaced reads these: without them it would run with something else than its hash says.
_READ_BY_PODS = frozenset({"ConfigMap", "Secret"})


@dataclass(slots=True)
class Put:
    """What became of the children, by kind and name.

    ``foreign`` are names that somebody else's objects have. ``differing`` are two digests, wanted and owned, of a child
    that stands all the same: the API server writes some values another way than they were sent.
    """

    digest: bytes
    answered: bool = False
    failures: dict[Entry, CbbotError] = field(default_factory=dict)
    foreign: set[Entry] = field(default_factory=set)
    differing: dict[Entry, tuple[bytes, bytes]] = field(default_factory=dict)

    @property
    def failure(self) -> str:
        """One line for each child that could not be put; "" when all were."""
        return "; ".join(f"{kind} {name}: {error}" for (kind, name), error in self.failures.items())


def protecting(wanted: Iterable[Entry], *, suspended: bool) -> frozenset[Entry]:
    """Those of the children that only take away: applied even when everything else is held back."""
    kinds = {"NetworkPolicy", "Deployment"} if suspended else {"NetworkPolicy"}
    return frozenset(entry for entry in wanted if entry[0] in kinds)


async def find_unlabelled(cluster: Cluster, seen: Observed, wanted: Iterable[Entry]) -> Observed:
    """Look for the wanted objects that no label found: ours become children, the others are foreign."""
    missing = [entry for entry in wanted if entry not in seen.children]
    found = await asyncio.gather(*(cluster.get(kind, seen.key.namespace, name) for kind, name in missing))
    there = {entry: reduce(entry[0], obj) for entry, obj in zip(missing, found, strict=True) if obj is not None}
    ours = {entry: one for entry, one in there.items() if is_ours(one.obj, seen.key.name, seen.uid)}
    return replace(
        seen,
        children={**seen.children, **{entry: one.obj for entry, one in ours.items()}},
        states={**seen.states, **{entry: one.state for entry, one in ours.items()}},
        foreign=frozenset(there.keys() - ours.keys()),
    )


class Children:
    """Puts the children of TradingBots."""

    def __init__(self, cluster: Cluster, cache: WatchCache) -> None:
        self._cluster = cluster
        self._cache = cache
        self._without_version: set[str] = set()
        """Kinds of which this API server makes no object by an apply that names a version."""

    async def put(
        self, seen: Observed, wanted: Wanted, before: Put | None, *, only: frozenset[Entry] | None = None
    ) -> tuple[Observed, Put]:
        """Put what is wanted, or ``only`` some of it; the children as they are now, and what became of each.

        What differs although the very same was wanted ``before`` is drift: logged and counted.
        """
        digests = {entry: digest for entry, digest in wanted.digests.items() if only is None or entry in only}
        put = Put(b"".join(digests[entry] for entry in sorted(digests)))
        work = _Work(self._cluster, self._cache, self._without_version, seen, digests, put, before)
        if all(work.stands(entry) for entry in digests):
            CHILDREN_PUT.labels("unchanged").inc(len(digests))
            return seen, put
        objects = [obj for obj in wanted.objects() if entry_of(obj) in digests]
        for stage in _stages(objects, suspended=seen.spec is not None and seen.spec.suspend):
            if not _may_go_on(stage, put, seen.children):
                break
            await asyncio.gather(*(work.put(obj) for obj in stage))
        return replace(seen, children=work.children, states=work.states), put

    async def prune(self, seen: Observed, wanted: Wanted, put: Put) -> Observed:
        """Deal with what is ours and is not wanted; a volume is never pruned."""
        children = dict(seen.children)
        for entry, child in seen.children.items():
            kind = KINDS[entry[0]]
            if entry in wanted.digests or kind.child is Child.KEPT or not made_for(child, seen.uid):
                continue
            if kind.child is not Child.PRUNED:
                # A person's copy, owner reference and all: no reason to delete it, nor to be silent.
                message = "it has this TradingBot as its owner but is none of its objects: delete it"
                put.failures[entry] = Refused("NotWanted", message)
                continue
            try:
                await self._cluster.delete(kind.name, seen.key.namespace, entry[1], child["metadata"]["uid"])
            except (Refused, Retryable) as error:
                put.failures[entry] = error
            else:
                del children[entry]
        return replace(seen, children=children)


def _stages(wanted: Sequence[dict[str, Any]], *, suspended: bool) -> list[list[dict[str, Any]]]:
    """What protects; what pods need; the pods, one after the other; what watches them."""
    protect = protecting(map(entry_of, wanted), suspended=suspended)
    first = [obj for obj in wanted if entry_of(obj) in protect]
    rest = [obj for obj in wanted if entry_of(obj) not in protect]
    pods = [[obj] for obj in reversed(rest) if obj["kind"] == "Deployment"]
    last = [obj for obj in rest if obj["kind"] == "ServiceMonitor"]
    needed = [obj for obj in rest if obj["kind"] not in ("Deployment", "ServiceMonitor")]
    return [first, needed, *pods, last]


def _may_go_on(stage: Sequence[Object], put: Put, there: Mapping[Entry, Object]) -> bool:
    # An object in the way is no trouble of the API server's.
    passing = [
        error for error in put.failures.values() if isinstance(error, Retryable) and not isinstance(error, Conflict)
    ]
    if len(passing) >= _TROUBLE and not put.answered:
        return False  # the API server is in trouble: asking it for more only adds to that
    pods = [entry_of(obj) for obj in stage if obj["kind"] == "Deployment" and obj["spec"].get("replicas")]
    if not pods:
        return True
    # Pods that run go on without a policy that cannot be put; none are begun without it.
    unprotected = any(entry[0] == "NetworkPolicy" and entry not in there for entry in put.failures)
    if unprotected and not there.keys() & set(pods):
        return False
    return not (put.foreign or any(kind in _READ_BY_PODS for kind, _ in put.failures))


@dataclass(slots=True)
class _Work:
    """One TradingBot's children while they are put."""

    cluster: Cluster
    cache: WatchCache
    without_version: set[str]
    seen: Observed
    digests: dict[Entry, bytes]
    result: Put
    before: Put | None
    children: dict[Entry, Object] = field(init=False)
    states: dict[Entry, ChildState] = field(init=False)

    def __post_init__(self) -> None:
        self.children, self.states = dict(self.seen.children), dict(self.seen.states)

    async def put(self, obj: dict[str, Any]) -> None:
        """Put one child; its failure is written down and holds up no other."""
        entry = entry_of(obj)
        try:
            if self.stands(entry):
                CHILDREN_PUT.labels("unchanged").inc()
                return
            answer = await self._apply(obj)
        except _NameTaken:
            self.result.foreign.add(entry)
            CHILDREN_PUT.labels("failed").inc()
        except (Refused, Retryable) as error:
            self.result.failures[entry] = error
            CHILDREN_PUT.labels("failed").inc()
        else:
            self._take(entry, answer)

    def stands(self, entry: Entry) -> bool:
        """Whether the child is there as it is wanted."""
        state = self.states.get(entry)
        if state is None:
            return False
        if "deletionTimestamp" in self.children[entry]["metadata"]:
            return True  # its end wakes us, and it is made anew
        if state.breaches:
            return False
        known = self.before.differing.get(entry) if self.before is not None else None
        if known is not None and known == (self.digests[entry], state.owned):
            self.result.differing[entry] = known
            return True
        return state.owned == self.digests[entry]

    async def _apply(self, obj: dict[str, Any]) -> dict[str, Any]:
        entry = entry_of(obj)
        state = self.states.get(entry)
        if entry not in self.children:
            return await self._make(obj)
        if state is None or not state.breaches:
            answer = await self._apply_or_force(obj)
            found = added_by_hand(entry[0], answer)
            if not found:
                return answer
        else:
            found = state.breaches
        clear = clear_pods if entry[0] == "Deployment" else clear_settings
        return await clear(self.cluster, obj, found)

    async def _apply_or_force(self, obj: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self.cluster.apply(obj)
        except Refused as refusal:
            return await put_by_force(self.cluster, obj, refusal)

    async def _make(self, obj: dict[str, Any]) -> dict[str, Any]:
        """Make it, without taking over what somebody else has under the name."""
        kind, name = entry_of(obj)
        only = _MAKE_ONLY_IN_OLD if kind in self.without_version else _MAKE_ONLY
        try:
            return await self.cluster.apply({**obj, "metadata": {**obj["metadata"], **only}})
        except Conflict:
            pass
        except Refused as refusal:
            if _UNCHANGEABLE not in str(refusal):
                raise
        except Retryable as error:
            if _NOT_SO not in str(error) or only is _MAKE_ONLY_IN_OLD:
                raise
            self.without_version.add(kind)
            return await self._make(obj)
        present = await self.cluster.get(kind, self.seen.key.namespace, name)
        if present is not None and not is_ours(present, self.seen.key.name, self.seen.uid):
            raise _NameTaken
        return await self._apply_or_force(obj)

    def _take(self, entry: Entry, answer: dict[str, Any]) -> None:
        self.result.answered = True
        reduced = reduce(entry[0], answer)
        self.cache.take(entry[0], answer, reduced)
        present = self.children.get(entry)
        if present is None:
            result = "created"
        else:
            same = _version(present) == _version(reduced.obj)
            result = "without effect" if same else "changed"
        CHILDREN_PUT.labels(result).inc()
        if result != "without effect" and self.before is not None and self.before.digest == self.result.digest:
            fields = {"tradingbot": str(self.seen.key), "kind": entry[0], "child": entry[1]}
            _LOG.info("put back", extra={"fields": fields})
            DRIFT.labels(entry[0]).inc()
        if reduced.state.owned != self.digests[entry]:
            self.result.differing[entry] = self.digests[entry], reduced.state.owned
        self.children[entry], self.states[entry] = reduced.obj, reduced.state


class _NameTaken(Exception):
    """Somebody else's object has the name."""


def _version(obj: Object) -> object:
    return obj["metadata"].get("resourceVersion")
