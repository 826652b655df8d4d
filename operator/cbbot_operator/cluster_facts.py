"""Facts of the cluster that all TradingBots share, asked once for those who ask at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

from cbbot_operator.cluster import Cluster, served
from cbbot_operator.keys import NAMESPACE_NAME
from cbbot_operator.kinds import CHILDREN

__all__ = ["ClusterFacts", "NamespaceFacts"]

V = TypeVar("V")


class NamespaceFacts(NamedTuple):
    """``uid`` tells two clusters, or two namespaces of one name, apart."""

    uid: str
    terminating: bool
    named: bool
    """It carries its name as a label."""


class ClusterFacts:
    """Answers stay good for ``seconds``, on the clock that nobody sets."""

    def __init__(self, cluster: Cluster, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._seconds = seconds
        self._monotonic = monotonic
        self._kinds = _Answer[tuple[str, ...]](self._ask_kinds)
        self._version = _Answer(cluster.version)
        self._namespaces: dict[str, _Answer[NamespaceFacts]] = {}

    async def child_kinds(self) -> tuple[str, ...]:
        """The kinds of children that the cluster knows."""
        return await self._kinds.get(self._monotonic, self._seconds)

    async def version(self) -> tuple[int, int]:
        """Of the API server."""
        return await self._version.get(self._monotonic, self._seconds)

    async def namespace(self, name: str, *, now: bool) -> NamespaceFacts:
        """``now``: an answer given before the question is not good enough."""
        if name not in self._namespaces:
            self._namespaces[name] = _Answer(lambda: self._ask_namespace(name))
        return await self._namespaces[name].get(self._monotonic, 0 if now else self._seconds)

    async def _ask_kinds(self) -> tuple[str, ...]:
        return tuple(kind.name for kind in await served(self._cluster, CHILDREN))

    async def _ask_namespace(self, name: str) -> NamespaceFacts:
        metadata = (await self._cluster.namespace(name))["metadata"]
        named = (metadata.get("labels") or {}).get(NAMESPACE_NAME) == name
        return NamespaceFacts(str(metadata["uid"]), "deletionTimestamp" in metadata, named)


class _Answer(Generic[V]):
    """The newest answer to one question; those who ask while it is being asked share the next one."""

    def __init__(self, ask: Callable[[], Awaitable[V]]) -> None:
        self._ask = ask
        self._lock = asyncio.Lock()
        self._newest: tuple[float, V] | None = None

    async def get(self, monotonic: Callable[[], float], seconds: float) -> V:
        came = monotonic()
        async with self._lock:
            # An answer to a question put after this caller came is good for it, however new it has to be.
            if self._newest is None or self._newest[0] <= came - seconds:
                self._newest = monotonic(), await self._ask()
            return self._newest[1]
