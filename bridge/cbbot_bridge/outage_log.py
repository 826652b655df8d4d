"""Something that fails again and again: one line when it begins, one when it works again with how often it failed.

What fails and works in turn, every other second perhaps, is not said each time: after a beginning there is no other one
for a minute, unless the outage lasts until then. The line counts those that were not said (``outages_since``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

from cbbot_bridge.machine_clocks import monotonic_seconds

__all__ = ["OutageLog", "OutageLogs"]

_QUIET_SECONDS: Final = 60.0


class OutageLog:
    """``event`` is the line when it begins."""

    def __init__(self, logger: logging.Logger, event: str, monotonic: Callable[[], float] = monotonic_seconds) -> None:
        self._logger = logger
        self._event = event
        self._monotonic = monotonic
        self._began = 0.0
        self._failures = 0
        self._named: Mapping[str, object] = {}
        self._said_at = float("-inf")
        self._said = False
        self._not_said = 0

    def failed(self, fields: Mapping[str, object], **named: object) -> None:
        """``named`` stands in the line of the end as well."""
        now = self._monotonic()
        if not self._failures:
            self._began, self._named = now, named
        self._failures += 1
        if self._said or now - self._said_at < _QUIET_SECONDS:
            return
        self._said, self._said_at = True, now
        since = {"outages_since": self._not_said} if self._not_said else {}
        self._not_said = 0
        self._logger.warning(self._event, extra={"fields": {**named, **fields, **since}})

    def worked(self) -> None:
        if not self._failures:
            return
        seconds = round(self._monotonic() - self._began, 1)
        fields = {**self._named, "what": self._event, "failures": self._failures, "seconds": seconds}
        said, self._said, self._failures = self._said, False, 0
        if said:
            self._logger.info("works again", extra={"fields": fields})
        else:
            self._not_said += 1

    @property
    def over(self) -> bool:
        """Whether it works, and nothing has to be remembered of when it did not."""
        return not self._failures and self._monotonic() - self._said_at >= _QUIET_SECONDS


class OutageLogs:
    """One for each of several things, by name; those that have worked for a while are not remembered."""

    def __init__(self, logger: logging.Logger, event: str, monotonic: Callable[[], float] = monotonic_seconds) -> None:
        self._logger = logger
        self._event = event
        self._monotonic = monotonic
        self._logs: dict[str, OutageLog] = {}

    def failed(self, name: str, fields: Mapping[str, object], **named: object) -> None:
        if name not in self._logs:
            self._logs = {each: log for each, log in self._logs.items() if not log.over}
            self._logs[name] = OutageLog(self._logger, self._event, self._monotonic)
        self._logs[name].failed(fields, **named)

    def worked(self, name: str) -> None:
        if (log := self._logs.get(name)) is not None:
            log.worked()

    def forget(self, name: str) -> None:
        """It is no longer tried."""
        self._logs.pop(name, None)
