"""The event log of a run: hashed line by line, and kept when somebody wants to read it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

__all__ = ["EventLog"]


class EventLog:
    """``now`` is the simulated time in seconds. ``lines`` stays empty unless ``kept``."""

    def __init__(self, now: Callable[[], float], *, kept: bool = False) -> None:
        self._now = now
        self._hash = hashlib.sha256()
        self._kept = kept
        self.lines: list[str] = []

    def note(self, what: str, **fields: object) -> None:
        """One event. Only what the seed decides: no real time, no object's address, no set in its own order."""
        line = f"{self._now():.6f} {what} {fields}"
        self._hash.update(line.encode())
        self._hash.update(b"\n")
        if self._kept:
            self.lines.append(line)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()
