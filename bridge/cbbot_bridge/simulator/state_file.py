"""The state file: replaced whole or not at all, and never behind what a customer was told."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cbbot.errors import BadInput
from cbbot_bridge.simulator.world import World

__all__ = ["StateKeeper", "read_state"]

_LOG = logging.getLogger(__name__)
_INTERVAL_SECONDS = 0.25
# How far the clock may run on without another save: a slow disk stalls it, a kill skips so much.
_AHEAD_SECONDS = 0.5


def read_state(path: Path | None) -> dict[str, Any] | None:
    """The state in a file; None when there is none yet.

    Raises:
        BadInput: the file cannot be read or is no JSON object.
    """
    if path is None or not path.exists():
        return None
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"--state {path}: {error}; remove it to start afresh") from error
    if not isinstance(state, dict):
        raise BadInput(f"--state {path}: not a simulator's state; remove it to start afresh")
    return state


class StateKeeper:
    """Writes the world to its file, regularly and on demand. Without a file it does nothing."""

    def __init__(self, world: World, path: Path | None) -> None:
        self._world = world
        self._path = path
        # One thread writes, one write after the other: a canceled save still ends before the next.
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="state")
        self.failures = 0

    async def save(self, *, last: bool = False) -> None:
        """Write the state. A running clock is promised a little time ahead; the ``last`` save is exact.

        Raises:
            OSError: the file could not be written; the old one is still there.
        """
        if self._path is None:
            return
        clock = self._world.clock
        now_ms = self._world.now_ms()
        resume_ms = now_ms if last else now_ms + int(_AHEAD_SECONDS * 1000 * clock.speed)
        text = json.dumps(self._world.state(resume_ms), separators=(",", ":"))
        await asyncio.get_running_loop().run_in_executor(self._writer, _replace, self._path, text)
        if not clock.stopped:
            clock.allow_until(resume_ms)

    async def keep(self) -> None:
        """Save again and again until canceled."""
        while self._path is not None:
            try:
                await self.save()
            except OSError as error:
                self.failures += 1
                _LOG.error("state not saved", extra={"fields": {"error": str(error), "failures": self.failures}})
            await asyncio.sleep(_INTERVAL_SECONDS)


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
