"""The live loop: one task that takes events, steps the trader, and hands its commands to the executor.

The state changes here and nowhere else, between two awaits. On paper an order is answered before
the next event is looked at, so that paper and backtest agree trade for trade; live, nothing here
waits for a disk or a network.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cbbot.brokers.broker import Broker
from cbbot.runtime.command_executor import CommandBatch, CommandExecutor
from cbbot.runtime.decision_tally import DecisionTally
from cbbot.runtime.event_queue import EventQueue, QueuedEvent
from cbbot.runtime.notifications import Broadcast
from cbbot.trader import notices
from cbbot.trader.commands import Checkpoint, Command, Count, LookUp, Place
from cbbot.trader.events import CandleClosed, Event, Tick
from cbbot.trader.machine import step, time_of
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import Decision, TraderState
from cbbot.views.bot_metrics import BotMetrics
from cbbot.views.gate_verdicts import gate_verdicts
from cbbot.views.json_rows import candle_row, decision_row

__all__ = ["TradingLoop"]

_LOG = logging.getLogger(__name__)
_DECISIONS_KEPT: Final = 500


@dataclass(slots=True)
class _FailedSteps:
    """Steps of one kind of event that failed, with none of it between them that did not."""

    first_at: float
    last_at: float
    error: str


class TradingLoop:
    """``state`` is the newest state; ``decisions`` the newest decisions, oldest first; ``tally`` counts today's.

    ``moved_at`` is when a step last succeeded: one that fails is no progress. ``decided_at`` is when the newest
    decision was made, on the loop's clock. ``on_epoch`` is called with the epoch
    when it has changed: it goes with every request.
    """

    def __init__(
        self,
        rules: Rules,
        state: TraderState,
        broker: Broker,
        queue: EventQueue,
        executor: CommandExecutor,
        metrics: BotMetrics,
        broadcast: Broadcast,
    ) -> None:
        self.rules = rules
        self.state = state
        self.decisions: deque[Decision] = deque(maxlen=_DECISIONS_KEPT)
        self.tally = DecisionTally()
        self._broker = broker
        self._queue = queue
        self._executor = executor
        self._metrics = metrics
        self._broadcast = broadcast
        self._generation = 0
        self._failed: dict[str, _FailedSteps] = {}
        self.moved_at = asyncio.get_running_loop().time()
        self.decided_at: float | None = None
        self.on_epoch: Callable[[int], None] = lambda _: None

    def begin(self) -> None:
        """Makes the epoch of this run durable before anything is asked in its name."""
        self._executor.submit(CommandBatch(self._generation, self.state, (Checkpoint(),), 0))

    def save(self, now_ms: int) -> int:
        """One more save, of whatever there is; its generation."""
        self._generation += 1
        self._executor.submit(CommandBatch(self._generation, self.state, (Checkpoint(),), now_ms))
        return self._generation

    async def run(self) -> None:
        while True:
            await self.take(await self._queue.next())

    def failing(self, seconds: float) -> str:
        """What keeps failing, when every step, or every step on one kind of event, has failed for so long; or empty.

        A kind that comes once and fails has not failed for long: between first and last there is no time.
        """
        stuck = asyncio.get_running_loop().time() - self.moved_at >= seconds
        for kind, failed in self._failed.items():
            if stuck or failed.last_at - failed.first_at >= seconds:
                return f"every step {'' if stuck else f'on {kind} '}fails: {failed.error}"
        return ""

    async def take(self, queued: QueuedEvent) -> None:
        """Step once. An event that makes the trader fail is counted and left out; the state stays as it was."""
        event = queued.event
        before = self.state
        began = time.perf_counter()
        try:
            after, commands = step(self.rules, before, event)
        except Exception as error:  # noqa: BLE001  the top of a loop: counted and logged
            self._metrics.step_failures.inc()
            _LOG.exception("step failed", extra={"fields": {"on": type(event).__name__}})
            self._note_failure(event, error)
            after, commands = before, ()
        else:
            self._failed.pop(type(event).__name__, None)
            self.moved_at = asyncio.get_running_loop().time()
        self._metrics.step_seconds.observe(time.perf_counter() - began)
        if after is not before:
            self.state = after
            if after.epoch != before.epoch:
                self.on_epoch(after.epoch)
            self._generation += 1
            self._publish(before, event)
        remaining = self._counted(commands)
        now_ms = time_of(self.rules, event)
        batch = CommandBatch(self._generation, after, remaining, now_ms, queued.done)
        if remaining or queued.done is not None:
            self._executor.submit(batch)
        else:
            self._executor.note(batch)
        if self._broker.immediate and any(isinstance(command, Place | LookUp) for command in commands):
            await self._executor.drained()

    def _note_failure(self, event: Event, error: Exception) -> None:
        now, kind, said = asyncio.get_running_loop().time(), type(event).__name__, f"{type(error).__name__}: {error}"
        before = self._failed.get(kind)
        self._failed[kind] = _FailedSteps(before.first_at if before else now, now, said)

    def _counted(self, commands: tuple[Command, ...]) -> tuple[Command, ...]:
        """Counts what is to be counted; the rest, which has an order and may wait for a disk, is the executor's.

        So a disk that hangs for hours makes nothing grow but what really waits for it.
        """
        for command in commands:
            if isinstance(command, Count):
                self._metrics.count(command)
        return tuple(command for command in commands if not isinstance(command, Count))

    def _publish(self, before: TraderState, event: Event) -> None:
        decision = self.state.decision
        if decision is not None and decision is not before.decision:
            self.decisions.append(decision)
            self.tally.add(decision)
            self.decided_at = asyncio.get_running_loop().time()
            if _LOG.isEnabledFor(logging.DEBUG) and decision.reason != "entered":
                # The machine notifies of those that changed something.
                notice = notices.decided(self.rules, decision)
                _LOG.debug(notice.event, extra={"fields": dict(notice.fields)})
            if self._broadcast.has_listeners:
                gates = gate_verdicts(self.rules, self.state, decision)
                row = decision_row(self.rules.instrument, decision, gates)
                self._broadcast.publish("decision", row.model_dump())
        if isinstance(event, CandleClosed) and _LOG.isEnabledFor(logging.DEBUG):
            _LOG.debug("sync", extra={"fields": candle_row(self.rules.instrument, event.candle).model_dump()})
        if isinstance(event, Tick):
            price = self.rules.instrument.price_text(event.price)
            if _LOG.isEnabledFor(logging.DEBUG):
                _LOG.debug("tick", extra={"fields": {"price": price, "at_ms": event.at_ms}})
            if self._broadcast.has_listeners:
                self._broadcast.publish("tick", {"price": price, "at_ms": event.at_ms})
