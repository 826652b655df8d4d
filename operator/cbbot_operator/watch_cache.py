"""What the watches and our own requests have shown of the cluster: looks at a TradingBot read it instead of asking.

A kind is *held* in a namespace once it has been listed there and its watch goes on. What is not held is asked of the
API server.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cbbot.contract.tradingbot import KIND
from cbbot.errors import Refused
from cbbot_operator.cluster_pages import each_page
from cbbot_operator.keys import Key, Object, owner_of
from cbbot_operator.kinds import CACHED, Kind
from cbbot_operator.reduced import Reduced, reduce, share_marks

if TYPE_CHECKING:
    from cbbot_operator.cluster import Cluster

__all__ = ["WatchCache"]

_LOG = logging.getLogger(__name__)
_PAGE = 50
_MOST_GONE = 4096
_CACHED = frozenset(kind.name for kind in CACHED)


class WatchCache:
    """Objects in their reduced form, by the TradingBot that they belong to."""

    def __init__(self) -> None:
        self._held: set[tuple[str, str | None]] = set()
        self._around: dict[Key, dict[tuple[str, str], Reduced]] = {}
        self._gone: dict[str, Object] = {}
        """Objects that were deleted last, by uid: answers to our own requests may come after the watch said so."""

    def holds(self, kind: str, namespace: str) -> bool:
        return (kind, namespace) in self._held or (kind, None) in self._held

    def resources(self) -> list[Key]:
        """Every TradingBot that is known."""
        return [key for key, around in self._around.items() if (KIND, key.name) in around]

    def resource(self, key: Key) -> Object | None:
        """The TradingBot itself."""
        found = self._around.get(key, {}).get((KIND, key.name))
        return None if found is None else found.obj

    def around(self, key: Key, kinds: Iterable[str]) -> dict[tuple[str, str], Reduced]:
        """Its children or pods."""
        wanted = frozenset(kinds)
        return {entry: found for entry, found in self._around.get(key, {}).items() if entry[0] in wanted}

    def names(self, kind: str, namespace: str) -> frozenset[str]:
        """Of all children or pods of that kind."""
        return frozenset(name for _, (_, name), _ in self._all(kind, namespace))

    def take(self, kind: str, obj: Object, reduced: Reduced | None = None) -> bool:
        """An object as it is now; whether that is news for the TradingBot it belongs to.

        Whoever has it ``reduced`` already gives that, so that it is kept once.
        """
        namespace = obj["metadata"]["namespace"]
        return kind not in _CACHED or not self.holds(kind, namespace) or self._store(kind, obj, reduced)

    def drop(self, kind: str, obj: Object) -> None:
        """An object that was deleted, unless another has its name by now."""
        metadata = obj["metadata"]
        self._gone[metadata["uid"]] = {"metadata": {"resourceVersion": metadata.get("resourceVersion", "")}}
        if len(self._gone) > _MOST_GONE:
            del self._gone[next(iter(self._gone))]
        key = _key(kind, obj)
        entry = kind, metadata["name"]
        present = self._around.get(key, {}).get(entry) if key is not None else None
        if key is not None and present is not None and present.obj["metadata"]["uid"] == metadata["uid"]:
            self._remove(key, entry)

    async def list_anew(self, cluster: Cluster, kinds: Iterable[Kind], namespaces: Iterable[str | None]) -> None:
        """Read all there is, in pages, and forget what is gone: a watch that was interrupted may have missed it.

        Raises:
            Retryable: the API server does not answer.
        """
        for namespace in namespaces:
            for kind in kinds:
                try:
                    await self._list(cluster, kind, namespace)
                except Refused as error:
                    # Others go on; looks at this namespace ask the API server and say what it answers.
                    _LOG.warning("%s", error)
                    self._held.discard((kind.name, namespace))

    async def _list(self, cluster: Cluster, kind: Kind, namespace: str | None) -> None:
        before = {(key, entry): found for key, entry, found in self._all(kind.name, namespace)}
        async for page in each_page(cluster, kind.name, namespace, kind.watched or "", _PAGE):
            for obj in page:
                self._store(kind.name, obj)
                before.pop((_key(kind.name, obj), (kind.name, obj["metadata"]["name"])), None)
        for (key, entry), found in before.items():
            if key is not None and self._around.get(key, {}).get(entry) is found:
                self._remove(key, entry)
        self._held.add((kind.name, namespace))

    def _all(self, kind: str, namespace: str | None) -> Iterator[tuple[Key | None, tuple[str, str], Reduced]]:
        for key, around in self._around.items():
            if namespace in (None, key.namespace):
                yield from ((key, entry, found) for entry, found in around.items() if entry[0] == kind)

    def _store(self, kind: str, obj: Object, reduced: Reduced | None = None) -> bool:
        key = _key(kind, obj)
        if key is None:
            return False
        entry = kind, obj["metadata"]["name"]
        around = self._around.setdefault(key, {})
        present = around.get(entry)
        if present is not None and _is_older(obj, present.obj):
            return False
        # One that only lost the label it is watched by comes back, in a newer version.
        gone = self._gone.get(obj["metadata"]["uid"])
        if gone is not None and _is_older(obj, gone):
            return False
        found = reduced if reduced is not None else reduce(kind, obj)
        for other in around.values():
            share_marks(found, other)
        around[entry] = found
        return present is None or _shown_by(found) != _shown_by(present)

    def _remove(self, key: Key, entry: tuple[str, str]) -> None:
        if (around := self._around.get(key)) is not None:
            around.pop(entry, None)
            if not around:
                del self._around[key]


def _key(kind: str, obj: Object) -> Key | None:
    metadata = obj["metadata"]
    return Key(metadata["namespace"], metadata["name"]) if kind == KIND else owner_of(metadata)


def _is_older(obj: Object, present: Object) -> bool:
    """Our own requests bring answers before the watch brings the same, and older ones after it."""
    new, old = (str(which["metadata"].get("resourceVersion", "")) for which in (obj, present))
    return new == old or (new.isdigit() and old.isdigit() and int(new) < int(old))


def _shown_by(found: Reduced) -> tuple[object, ...]:
    """What of an object anybody acts on: not the version alone."""
    metadata = {key: value for key, value in found.obj["metadata"].items() if key != "resourceVersion"}
    return metadata, {key: value for key, value in found.obj.items() if key != "metadata"}, found.state
