"""Saves the trader's state to disk, and after it the trade log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from cbbot.runtime.store import StateStore
from cbbot.runtime.trade_log import TradeLog
from cbbot.trader.codec import encode
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import TraderState
from cbbot.views.bot_metrics import BotMetrics

__all__ = ["InThread", "StateWriter"]

_LOG = logging.getLogger(__name__)

InThread = Callable[[Callable[[], None]], Awaitable[None]]
"""Runs something that blocks where it does not block the loop: ``asyncio.to_thread``."""


class StateWriter:
    """``generation`` counts states in the order in which they were; ``saved`` is the newest durable one's."""

    def __init__(
        self,
        rules: Rules,
        store: StateStore,
        trade_log: TradeLog,
        metrics: BotMetrics,
        in_thread: InThread = asyncio.to_thread,
    ) -> None:
        self._rules = rules
        self._store = store
        self._trade_log = trade_log
        self._metrics = metrics
        self._in_thread = in_thread
        self.saved = -1
        self.saved_at_ms: int | None = None
        self.problem = ""

    async def save(self, generation: int, state: TraderState) -> bool:
        """Whether the state is durable now. A failure is logged when it begins, and counted each time."""
        if generation <= self.saved:
            return True
        try:
            await self._in_thread(lambda: self._store.save(encode(self._rules, state)))
        except (OSError, ValueError) as error:
            self._failed(error)
            return False
        self.saved = generation
        self.saved_at_ms = int(time.time() * 1000)
        self._metrics.last_save.set(self.saved_at_ms / 1000)
        if self.problem:
            _LOG.warning("state saved again", extra={"fields": {"path": str(self._store.path)}})
            self.problem = ""
        await self._write_trades(state)
        return True

    async def _write_trades(self, state: TraderState) -> None:
        if not self._trade_log.behind(state.trade_count):
            return
        said: list[str] = []
        try:
            await self._in_thread(lambda: said.extend(self._trade_log.append(self._rules.instrument, state.trades)))
            for sentence in said:
                _LOG.warning("trade log", extra={"fields": {"detail": sentence}})
        except OSError as error:
            # The state has the newest trades; the next save writes them.
            _LOG.warning("trades not written", extra={"fields": {"reason": str(error)}})

    def _failed(self, error: Exception) -> None:
        self._metrics.save_failures.inc()
        if not self.problem:
            _LOG.error("state not saved", extra={"fields": {"path": str(self._store.path), "reason": str(error)}})
        self.problem = f"the state cannot be saved: {error}"
