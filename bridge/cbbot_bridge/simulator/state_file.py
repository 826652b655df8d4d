"""The state on disk: the account in the state file, orders and fills beside it (``.records``), the clock (``.clock``).

Orders and fills are added to their file, then the state file is replaced, which says how far that is to be read. The
clock's file is replaced several times a second: a promise how far the clock may run, so that a later process never
starts in the past, however this one ends. What a customer is told of an order is in the files before.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from cbbot.errors import BadInput
from cbbot.process.durable_files import replace_durably
from cbbot.venue.snapshot import fill_json, order_json
from cbbot_bridge.simulator.record_file import RecordLines, add_durably, read_records
from cbbot_bridge.simulator.world import World

__all__ = ["StateFile", "read_state"]

_LOG = logging.getLogger(__name__)
_INTERVAL_SECONDS: Final = 0.25
# How far the clock may run on without another promise: a slow disk stalls it, a kill skips so much.
_AHEAD_SECONDS: Final = 0.5
_RECORDED: Final = "record_bytes"
_AFRESH: Final = "remove the state file to start afresh"


def read_state(path: Path | None) -> dict[str, Any] | None:
    """The state in a file, its ``resume_ms`` the newest that was promised; None when there is no state yet.

    Raises:
        BadInput: a file cannot be read or is not what a simulator writes.
    """
    if path is None:
        return None
    if not path.exists():
        # What is left of an account that someone removed to start afresh.
        _clock_path(path).unlink(missing_ok=True)
        _record_path(path).unlink(missing_ok=True)
        return None
    state = _object(path)
    if _clock_path(path).exists():
        promised, saved = _object(_clock_path(path)).get("resume_ms"), state.get("resume_ms")
        if not isinstance(promised, int) or not isinstance(saved, int):
            raise BadInput(f"--state {path}: not a simulator's state; {_AFRESH}")
        state["resume_ms"] = max(promised, saved)
    if _RECORDED in state:
        try:
            state |= read_records(_record_path(path), state[_RECORDED])
        except BadInput as error:
            raise BadInput(f"{error}; {_AFRESH}") from error
    return state


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"--state {path}: {error}; {_AFRESH}") from error
    if not isinstance(value, dict):
        raise BadInput(f"--state {path}: not a simulator's state; {_AFRESH}")
    return value


def _clock_path(path: Path) -> Path:
    return path.with_name(path.name + ".clock")


def _record_path(path: Path) -> Path:
    return path.with_name(path.name + ".records")


class StateFile:
    """Writes the world to its files, regularly and on demand. Without a file it does nothing."""

    def __init__(self, world: World, path: Path | None) -> None:
        self._world = world
        self._path = path
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="state")
        self._writing: asyncio.Task[None] | None = None
        self._written: int | None = None
        self._recorded = 0
        self._change = self._fills = 0
        if path is not None and path.exists():
            # The world goes on from there: what has been recorded need not be recorded again.
            self._recorded = int(_object(path).get(_RECORDED, 0))
            self._change, self._fills = world.exchange.last_change, len(world.exchange.fills_since(0))
        self.failures = 0

    async def save(self, *, last: bool = False) -> None:
        """Write what has changed. A running clock is promised a little time ahead; the ``last`` save is exact.

        Raises:
            OSError: a file could not be written; the old state is still there.
        """
        if self._path is None:
            return
        while self._writing is not None:
            await asyncio.wait({self._writing})
        if self._world.exchange.revision != self._written:
            # A task of its own: that whoever asked is canceled leaves no write half done.
            self._writing = writing = asyncio.create_task(self._write(self._path))
            await asyncio.wait({writing})
            writing.result()
        clock = self._world.clock
        ahead_ms = 0 if last else int(_AHEAD_SECONDS * 1000 * clock.speed)
        resume_ms = clock.now_ms() + ahead_ms
        await self._in_thread(replace_durably, _clock_path(self._path), json.dumps({"resume_ms": resume_ms}).encode())
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

    async def _write(self, path: Path) -> None:
        exchange = self._world.exchange
        try:
            state = self._world.state()
            revision, change = exchange.revision, exchange.last_change
            fresh = exchange.fills_since(self._fills)
            orders = (order_json(order) for order in exchange.changed_orders(self._change))
            lines = RecordLines(orders, (fill_json(fill) for fill in fresh)).content
            if lines:
                await self._in_thread(add_durably, _record_path(path), lines, self._recorded)
            recorded = self._recorded + len(lines)
            text = json.dumps(state | {_RECORDED: recorded}, separators=(",", ":"))
            await self._in_thread(replace_durably, path, text.encode())
            self._written, self._change, self._recorded = revision, change, recorded
            self._fills += len(fresh)
        finally:
            self._writing = None

    async def _in_thread(self, write: Callable[..., None], *given: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, write, *given)
