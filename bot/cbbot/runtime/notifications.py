"""Notices to people: the log, the stream of events, Slack."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from cbbot.trader.commands import Notify

__all__ = ["Broadcast", "Notifier"]

_LOG = logging.getLogger("cbbot.trader")
_WAITING: Final = 1000
_LEVELS: Final = {
    "halt": logging.ERROR,
    "breaker": logging.WARNING,
    "pause": logging.WARNING,
    "refusal": logging.WARNING,
}


class Broadcast:
    """Server-sent events for whoever listens. A listener that does not keep up loses the oldest."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[tuple[str, Mapping[str, object]]]] = set()

    @property
    def has_listeners(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    def publish(self, event: str, fields: Mapping[str, object]) -> None:
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait((event, fields))

    async def listen(self) -> AsyncIterator[tuple[str, Mapping[str, object]]]:
        """Events from now on, until the listener is closed."""
        queue: asyncio.Queue[tuple[str, Mapping[str, object]]] = asyncio.Queue(_WAITING)
        self._listeners.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)


class Notifier:
    """Executes a :class:`~cbbot.trader.commands.Notify`. ``slack`` never fails."""

    def __init__(self, broadcast: Broadcast, slack: Callable[[str, Mapping[str, object]], None] | None = None) -> None:
        self._broadcast = broadcast
        self._slack = slack

    def notify(self, notice: Notify) -> None:
        _LOG.log(_LEVELS.get(notice.event, logging.INFO), notice.event, extra={"fields": dict(notice.fields)})
        self._broadcast.publish(notice.event, notice.fields)
        if self._slack is not None:
            self._slack(notice.event, notice.fields)
