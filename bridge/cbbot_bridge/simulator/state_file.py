"""The state on disk: the account in the state file, the clock in a small one beside it (``.clock``).

Both are replaced whole or not at all. The account is written when it has changed, before the
customer is told; the clock is written several times a second as a promise how far it may run, so
that a later process never starts in the past, however this one ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cbbot.errors import BadInput
from cbbot.process.durable_files import replace_durably
from cbbot.venue.snapshot import fill_json, order_json
from cbbot_bridge.simulator.world import World

__all__ = ["StateFile", "read_state"]

_LOG = logging.getLogger(__name__)
_INTERVAL_SECONDS = 0.25
# How far the clock may run on without another promise: a slow disk stalls it, a kill skips so much.
_AHEAD_SECONDS = 0.5


def read_state(path: Path | None) -> dict[str, Any] | None:
    """The state in a file, its ``resume_ms`` the newest that was promised; None when there is no state yet.

    Raises:
        BadInput: a file cannot be read or is not what a simulator writes.
    """
    if path is None:
        return None
    if not path.exists():
        # The clock of an account that someone removed to start afresh.
        _clock_path(path).unlink(missing_ok=True)
        return None
    state = _object(path)
    if _clock_path(path).exists():
        promised, saved = _object(_clock_path(path)).get("resume_ms"), state.get("resume_ms")
        if not isinstance(promised, int) or not isinstance(saved, int):
            raise BadInput(f"--state {path}: not a simulator's state; remove it to start afresh")
        state["resume_ms"] = max(promised, saved)
    return state


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"--state {path}: {error}; remove it to start afresh") from error
    if not isinstance(value, dict):
        raise BadInput(f"--state {path}: not a simulator's state; remove it to start afresh")
    return value


def _clock_path(path: Path) -> Path:
    return path.with_name(path.name + ".clock")


class StateFile:
    """Writes the world to its files, regularly and on demand. Without a file it does nothing."""

    def __init__(self, world: World, path: Path | None) -> None:
        self._world = world
        self._path = path
        # One thread writes, one write after the other: a canceled save still ends before the next.
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="state")
        self._written: int | None = None
        # Orders and fills are turned into text once for each change.
        self._orders: dict[str, str] = {}
        self._fills: list[str] = []
        self._change = 0
        self.failures = 0

    async def save(self, *, last: bool = False) -> None:
        """Write what has changed. A running clock is promised a little time ahead; the ``last`` save is exact.

        Raises:
            OSError: a file could not be written; the old one is still there.
        """
        if self._path is None:
            return
        revision = self._world.exchange.revision
        if revision != self._written:
            await self._replace(self._path, self._state_text())
            self._written = revision
        clock = self._world.clock
        ahead_ms = 0 if last else int(_AHEAD_SECONDS * 1000 * clock.speed)
        resume_ms = clock.now_ms() + ahead_ms
        await self._replace(_clock_path(self._path), json.dumps({"resume_ms": resume_ms}))
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

    def _state_text(self) -> str:
        exchange = self._world.exchange
        head = json.dumps(self._world.state(), separators=(",", ":"))
        for order in exchange.changed_orders(self._change):
            self._orders[order.order_id] = json.dumps(order_json(order), separators=(",", ":"))
        self._change = exchange.last_change
        self._fills += [
            json.dumps(fill_json(fill), separators=(",", ":")) for fill in exchange.fills_since(len(self._fills))
        ]
        orders, fills = ",".join(self._orders.values()), ",".join(self._fills)
        return f'{head[:-1]},"orders":[{orders}],"fills":[{fills}]}}'

    async def _replace(self, path: Path, text: str) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, replace_durably, path, text.encode())
