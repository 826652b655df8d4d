"""Kubernetes' warning Events about pods and claims, read a namespace at a time, however many of them are late.

The API server has no index of Events: asked about one pod it reads those of all.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from cbbot.errors import Refused, Retryable
from cbbot_operator.cluster import Cluster
from cbbot_operator.keys import Object
from cbbot_operator.shared_answer import SharedAnswer
from cbbot_operator.watch_cache import WatchCache

__all__ = ["MOST_PAGES", "WarningEvents"]

_LOG = logging.getLogger(__name__)
_PAGE = 250
MOST_PAGES: Final = 40
"""A namespace may have any number of Events, of anything: what is not among the first pages is not read."""

_ABOUT = ("Pod", "PersistentVolumeClaim")
_KEPT = ("involvedObject", "reason", "message", "lastTimestamp", "eventTime")

_ByName = Mapping[str, tuple[Object, ...]]


class WarningEvents:
    """Of each namespace those of the newest reading, which is good for ``seconds``."""

    def __init__(
        self, cluster: Cluster, cache: WatchCache, seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._seconds = seconds
        self._monotonic = monotonic
        self._namespaces: dict[str, SharedAnswer[_ByName]] = {}

    async def about(self, namespace: str, names: Iterable[str]) -> tuple[Object, ...]:
        """The warnings about the pods and claims of these names; those that cannot be read are left out.

        They only explain: nobody is held back for them.
        """
        if namespace not in self._namespaces:
            self._namespaces[namespace] = SharedAnswer(lambda: self._read(namespace))
        found = await self._namespaces[namespace].get(self._monotonic, self._seconds)
        return tuple(event for name in names for event in found.get(name, ()))

    async def _read(self, namespace: str) -> _ByName:
        ours = self._ours(namespace)
        found: dict[str, tuple[Object, ...]] = {}
        token = ""
        try:
            for _ in range(MOST_PAGES):
                page, token = await self._cluster.page("Event", namespace, "", _PAGE, token, fields="type=Warning")
                for event in page:
                    name = str((event.get("involvedObject") or {}).get("name"))
                    if ours is None or name in ours:
                        kept = {field: event[field] for field in _KEPT if field in event}
                        found[name] = (*found.get(name, ()), kept)
                if not token:
                    return found
        except (Refused, Retryable) as error:
            _LOG.warning("warning Events were not read: %s", error, extra={"fields": {"namespace": namespace}})
            return found
        _LOG.warning(
            "of the namespace's warning Events the first %d were read",
            MOST_PAGES * _PAGE,
            extra={"fields": {"namespace": namespace}},
        )
        return found

    def _ours(self, namespace: str) -> frozenset[str] | None:
        """The names to keep Events about; None: they are not known, and all are kept."""
        if not all(self._cache.holds(kind, namespace) for kind in _ABOUT):
            return None
        return frozenset[str]().union(*(self._cache.names(kind, namespace) for kind in _ABOUT))
