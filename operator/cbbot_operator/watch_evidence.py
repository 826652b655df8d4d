"""Proof, watch by watch, that the API server still speaks to it, and the patience with one that may not watch.

kopf shows handlers no bookmarks, and an event of one kind says nothing of another's watch. So what arrives is counted
beneath kopf, on its connections: the API server sends every quiet watch a bookmark a minute, and kopf opens a watch
anew that gets none. No object is written for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import aiohttp

from cbbot.contract.tradingbot import KIND
from cbbot_operator.kinds import Kind
from cbbot_operator.operator_metrics import WATCH_FORBIDDEN

__all__ = ["Watch", "WatchEvidence", "watches_of"]

_LOG = logging.getLogger(__name__)
_SILENCE_SECONDS = 180.0
_PAUSE_SECONDS = 10.0

Handler = Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]


@dataclass(frozen=True, slots=True)
class Watch:
    """Of one kind, in one namespace or, with None, in the whole cluster."""

    kind: Kind
    namespace: str | None

    def __str__(self) -> str:
        return f"{self.kind.plural} in {self.namespace}" if self.namespace is not None else self.kind.plural


def watches_of(kinds: Iterable[Kind], namespaces: Iterable[str]) -> list[Watch]:
    """Those that kopf opens for ``kinds``; no namespaces are the whole cluster."""
    places: list[str | None] = list(namespaces) or [None]
    return [Watch(kind, namespace) for kind in kinds if kind.watched is not None for namespace in places]


class WatchEvidence:
    """What the API server has said to each of ``watches``, on our own monotonic clock."""

    def __init__(
        self,
        watches: Iterable[Watch],
        clock: Callable[[], float] = time.monotonic,
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        self._clock = clock
        self._pause_seconds = pause_seconds
        self._by_path = {"/" + watch.kind.path(watch.namespace): watch for watch in watches}
        self._proven_at = dict.fromkeys(self._by_path.values(), clock())
        self._open: dict[Watch, tuple[aiohttp.ClientResponse, int]] = {}
        self._opened: set[Watch] = set()
        self._forbidden: set[Watch] = set()
        self.listed_anew = asyncio.Event()
        """Set when a watch that was open begins with a listing again: what ended meanwhile no watch tells."""

    @property
    def forbidden(self) -> list[Watch]:
        """Those that the API server does not allow at this moment."""
        return [watch for watch in self._proven_at if watch in self._forbidden]

    @property
    def all_forbidden(self) -> bool:
        """Whether there is nowhere that TradingBots may be watched."""
        places = {watch for watch in self._proven_at if watch.kind.name == KIND}
        return bool(places) and places <= self._forbidden

    @property
    def unopened(self) -> list[Watch]:
        """Those that were neither opened yet nor forbidden. A kind that the cluster may not know is not waited for."""
        done = self._opened | self._forbidden
        return [watch for watch in self._proven_at if watch not in done and not watch.kind.optional]

    def silent(self) -> list[Watch]:
        """Those that heard nothing for three minutes. One that is forbidden is not silent: a restart changes nothing.

        A kind that the cluster may not know is not among them: its watch comes and goes with its definition.
        """
        now = self._clock()
        for watch, (response, read) in list(self._open.items()):
            if response.content.total_bytes > read:
                self._open[watch] = (response, response.content.total_bytes)
                self._proven_at[watch] = now
        return [
            watch
            for watch, proven_at in self._proven_at.items()
            if now - proven_at > _SILENCE_SECONDS and watch not in self._forbidden and not watch.kind.optional
        ]

    async def observe(self, request: aiohttp.ClientRequest, handler: Handler) -> aiohttp.ClientResponse:
        """Middleware of kopf's session. A 403 to a watch is waited out here: to kopf it is the end of all watches."""
        watch = next((found for path, found in self._by_path.items() if request.url.path.endswith(path)), None)
        response = await handler(request)
        if watch is None:
            return response
        while response.status == 403:
            response.close()
            self._forbid(watch)
            await asyncio.sleep(self._pause_seconds)
            response = await handler(request)
        if response.status == 200:
            self._allow(watch)
            if "watch" in request.url.query:
                self._opened.add(watch)
                self._open[watch] = (response, 0)
            elif watch in self._opened:
                self.listed_anew.set()
        return response

    def _forbid(self, watch: Watch) -> None:
        if watch not in self._forbidden:
            self._forbidden.add(watch)
            WATCH_FORBIDDEN.labels(watch.kind.name, watch.namespace or "*").set(1)
            _LOG.warning(
                "not allowed to watch %s: give the operator's service account its rights there back, or take the "
                "namespace off the list; the others go on",
                watch,
            )

    def _allow(self, watch: Watch) -> None:
        self._proven_at[watch] = self._clock()
        if watch in self._forbidden:
            self._forbidden.remove(watch)
            WATCH_FORBIDDEN.labels(watch.kind.name, watch.namespace or "*").set(0)
            _LOG.info("allowed to watch %s again", watch)
