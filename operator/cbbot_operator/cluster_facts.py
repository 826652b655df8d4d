"""Facts of the cluster that all TradingBots share, asked once for those who ask at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from cbbot_operator.cluster import Cluster, served
from cbbot_operator.keys import NAMESPACE_NAME
from cbbot_operator.kinds import CHILDREN
from cbbot_operator.shared_answer import SharedAnswer

__all__ = ["ClusterFacts", "NamespaceFacts"]


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
        self._kinds = SharedAnswer[tuple[str, ...]](self._ask_kinds)
        self._version = SharedAnswer(cluster.version)
        self._namespaces: dict[str, SharedAnswer[NamespaceFacts]] = {}

    async def child_kinds(self) -> tuple[str, ...]:
        """The kinds of children that the cluster knows."""
        return await self._kinds.get(self._monotonic, self._seconds)

    async def version(self) -> tuple[int, int]:
        """Of the API server."""
        return await self._version.get(self._monotonic, self._seconds)

    async def namespace(self, name: str, *, now: bool) -> NamespaceFacts:
        """``now``: an answer given before the question is not good enough."""
        if name not in self._namespaces:
            self._namespaces[name] = SharedAnswer(lambda: self._ask_namespace(name))
        return await self._namespaces[name].get(self._monotonic, 0 if now else self._seconds)

    async def _ask_kinds(self) -> tuple[str, ...]:
        return tuple(kind.name for kind in await served(self._cluster, CHILDREN))

    async def _ask_namespace(self, name: str) -> NamespaceFacts:
        metadata = (await self._cluster.namespace(name))["metadata"]
        named = (metadata.get("labels") or {}).get(NAMESPACE_NAME) == name
        return NamespaceFacts(str(metadata["uid"]), "deletionTimestamp" in metadata, named)
