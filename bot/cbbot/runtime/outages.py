"""Loops that must go on: each failure counted, each outage logged once when it begins and once when it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from cbbot.errors import CbbotError
from cbbot.views.bot_metrics import BotMetrics

__all__ = ["Outages"]

_LOG = logging.getLogger(__name__)
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0


class Outages:
    """Keeps named loops running."""

    def __init__(self, metrics: BotMetrics) -> None:
        self._metrics = metrics
        self._failing: dict[str, int] = {}

    async def forever(self, name: str, once: Callable[[], Awaitable[float]]) -> None:
        """Calls ``once`` for ever; it returns the seconds to pause, or fails and is tried again ever slower."""
        while True:
            try:
                pause = await once()
            except CbbotError as error:
                pause = self.failed(name, error)
            except Exception as error:  # noqa: BLE001  the top of a loop: counted and logged
                # Our own mistake in one round must not silence the feed for good.
                _LOG.exception("loop failed", extra={"fields": {"loop": name}})
                pause = self.failed(name, error)
            else:
                self.recovered(name)
            await asyncio.sleep(pause)

    def failed(self, name: str, error: Exception) -> float:
        """Notes a failure; returns how long to wait before the next try."""
        self._metrics.bridge_failures.labels(read=name).inc()
        count = self._failing.get(name, 0)
        self._failing[name] = count + 1
        if count == 0:
            _LOG.warning("outage", extra={"fields": {"what": name, "reason": str(error)}})
        return min(_FIRST_PAUSE_SECONDS * 2.0 ** min(count, 10), _LONGEST_PAUSE_SECONDS)

    def recovered(self, name: str) -> None:
        count = self._failing.pop(name, 0)
        if count:
            _LOG.info("outage over", extra={"fields": {"what": name, "failures": count}})
