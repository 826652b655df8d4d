"""A warning that may come up thousands of times a second, logged now and then with how often it did."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from cbbot_bridge.machine_clocks import monotonic_seconds

__all__ = ["RareWarning"]

_INTERVAL_SECONDS = 10.0


class RareWarning:
    """Logs ``event`` at once, then at most every ten seconds; ``times`` counts those since the line before."""

    def __init__(self, logger: logging.Logger, event: str, monotonic: Callable[[], float] = monotonic_seconds) -> None:
        self._logger = logger
        self._event = event
        self._monotonic = monotonic
        self._due = float("-inf")
        self._times = 0

    def __call__(self, fields: Mapping[str, object]) -> None:
        self._times += 1
        now = self._monotonic()
        if now >= self._due:
            self._logger.warning(self._event, extra={"fields": {**fields, "times": self._times}})
            self._due, self._times = now + _INTERVAL_SECONDS, 0
