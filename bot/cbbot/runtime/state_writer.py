"""Saves the trader's state to disk, and after it the trade log.

A disk may answer never (a frozen file system, a lost network volume). A save has a time limit: after it the state
counts as not saved, as on a full disk, and until the disk has answered no other save is begun.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from cbbot.process.daemon_calls import in_daemon_thread
from cbbot.runtime.machine_time import MachineMs, machine_ms
from cbbot.runtime.store import StateStore
from cbbot.runtime.trade_log import TradeLog
from cbbot.trader.codec import encode
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import TraderState
from cbbot.views.bot_metrics import BotMetrics

__all__ = ["SAVE_SECONDS", "InThread", "StateWriter"]

_LOG = logging.getLogger(__name__)

SAVE_SECONDS: Final = 5.0
"""The longest that an order waits for the disk."""

InThread = Callable[[Callable[[], None]], Awaitable[None]]
"""Runs something that blocks where it does not block the loop: ``in_daemon_thread``."""


class StateWriter:
    """``generation`` counts states in the order in which they were; ``saved`` is the newest durable one's.

    ``disk_free_bytes`` and ``disk_size_bytes`` are of the last try to save, None where the disk does not say.
    """

    def __init__(
        self,
        rules: Rules,
        store: StateStore,
        trade_log: TradeLog,
        metrics: BotMetrics,
        in_thread: InThread = in_daemon_thread,
        now_ms: MachineMs = machine_ms,
    ) -> None:
        self._rules = rules
        self._store = store
        self._trade_log = trade_log
        self._metrics = metrics
        self._in_thread = in_thread
        self._machine_ms = now_ms
        self.saved = -1
        self.saved_at_ms: int | None = None
        self.problem = ""
        self._log_fails = False
        self.disk_free_bytes: int | None = None
        self.disk_size_bytes: int | None = None
        self._hung: asyncio.Task[bool] | None = None

    async def save(self, generation: int, state: TraderState) -> bool:
        """Whether the state is durable now. A failure is logged when it begins, and counted each time."""
        if generation <= self.saved:
            return True
        if self._hung is not None:
            self._failed(self._hanging)
            return False
        durable = await self._in_time(self._save(generation, state))
        if durable:
            await self._in_time(self._write_trades(state))
        return durable

    async def _in_time(self, writing: Coroutine[Any, Any, bool]) -> bool:
        """Its answer; False when the disk does not give one in time."""
        task = asyncio.create_task(writing)
        ended, _ = await asyncio.wait({task}, timeout=SAVE_SECONDS)
        if ended:
            return task.result()
        self._hung = task
        task.add_done_callback(self._answered)
        self._failed(self._hanging)
        return False

    async def close(self) -> bool:
        """Waits no longer for a disk that hangs; whether one does."""
        hung = self._hung
        if hung is not None:
            hung.cancel()
            await asyncio.wait({hung})
        return hung is not None

    @property
    def _hanging(self) -> OSError:
        return TimeoutError(f"the disk has not answered for {SAVE_SECONDS:g} s or more")

    def _answered(self, saving: asyncio.Task[bool]) -> None:
        self._hung = None
        if not saving.cancelled() and (error := saving.exception()) is not None:
            self._failed(error)

    async def _save(self, generation: int, state: TraderState) -> bool:
        try:
            await self._in_thread(lambda: self._replace(state))
        except (OSError, ValueError) as error:
            self._failed(error)
            return False
        self.saved = generation
        self.saved_at_ms = self._machine_ms()
        self._metrics.last_save.set(self.saved_at_ms / 1000)
        if self.problem:
            _LOG.warning("state saved again", extra={"fields": {"path": str(self._store.path)}})
            self.problem = ""
        return True

    def _replace(self, state: TraderState) -> None:
        try:
            self._store.save(encode(self._rules, state), epoch=state.epoch)
        finally:
            # Beside a save, in its thread: a disk that hangs hangs here too.
            with contextlib.suppress(OSError):
                disk = shutil.disk_usage(self._store.path.parent)
                self.disk_free_bytes, self.disk_size_bytes = disk.free, disk.total

    async def _write_trades(self, state: TraderState) -> bool:
        if not self._trade_log.behind(state.trade_count):
            return True
        said: list[str] = []
        try:
            await self._in_thread(lambda: said.extend(self._trade_log.append(self._rules.instrument, state.trades)))
            for sentence in said:
                _LOG.warning("trade log", extra={"fields": {"detail": sentence}})
            self._log_fails = False
        except OSError as error:
            # The state has the newest trades; the next save writes them.
            if not self._log_fails:
                _LOG.warning("trades not written", extra={"fields": {"reason": str(error)}})
            self._log_fails = True
        return True

    def _failed(self, error: BaseException) -> None:
        self._metrics.save_failures.inc()
        if not self.problem:
            _LOG.error("state not saved", extra={"fields": {"path": str(self._store.path), "reason": str(error)}})
        self.problem = f"the state cannot be saved: {error}"
