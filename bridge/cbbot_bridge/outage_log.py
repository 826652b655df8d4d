"""Something that fails again and again: one line when it begins, one when it works again with how often it failed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from cbbot_bridge.machine_clocks import monotonic_seconds

__all__ = ["OutageLog", "OutageLogs"]


class OutageLog:
    """``event`` is the line when it begins."""

    def __init__(self, logger: logging.Logger, event: str, monotonic: Callable[[], float] = monotonic_seconds) -> None:
        self._logger = logger
        self._event = event
        self._monotonic = monotonic
        self._began = 0.0
        self._failures = 0
        self._named: Mapping[str, object] = {}

    def failed(self, fields: Mapping[str, object], **named: object) -> None:
        """``named`` stands in the line of the end as well."""
        if not self._failures:
            self._began, self._named = self._monotonic(), named
            self._logger.warning(self._event, extra={"fields": {**named, **fields}})
        self._failures += 1

    def worked(self) -> None:
        if not self._failures:
            return
        seconds = round(self._monotonic() - self._began, 1)
        fields = {**self._named, "what": self._event, "failures": self._failures, "seconds": seconds}
        self._failures = 0
        self._logger.info("works again", extra={"fields": fields})


class OutageLogs:
    """One for each of several things, by name; those that work are not remembered."""

    def __init__(self, logger: logging.Logger, event: str, monotonic: Callable[[], float] = monotonic_seconds) -> None:
        self._logger = logger
        self._event = event
        self._monotonic = monotonic
        self._failing: dict[str, OutageLog] = {}

    def failed(self, name: str, fields: Mapping[str, object], **named: object) -> None:
        if name not in self._failing:
            self._failing[name] = OutageLog(self._logger, self._event, self._monotonic)
        self._failing[name].failed(fields, **named)

    def worked(self, name: str) -> None:
        if (log := self._failing.pop(name, None)) is not None:
            log.worked()

    def forget(self, name: str) -> None:
        """It is no longer tried."""
        self._failing.pop(name, None)
