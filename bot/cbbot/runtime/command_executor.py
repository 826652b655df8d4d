"""Executes the trader's commands, strictly in their order, beside the loop that steps (which counts by itself).

Nothing behind a checkpoint leaves before the checkpoint is durable. When it cannot be made durable,
entries behind it are refused and exits are sent all the same: not selling would be worse than having
to look an order up by hand.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple

from cbbot.brokers.broker import Broker, OrderEvent
from cbbot.errors import Retryable
from cbbot.runtime.event_queue import EventQueue
from cbbot.runtime.notifications import Notifier
from cbbot.runtime.state_writer import StateWriter
from cbbot.trader.commands import Checkpoint, Command, ListOrders, LookUp, Notify, Place
from cbbot.trader.events import EntriesPaused, EntriesResumed, OrderRefused, OrderUnknown
from cbbot.trader.intent import Intent, Progress, Purpose
from cbbot.trader.trader_state import TraderState
from cbbot.views.bot_metrics import BotMetrics

__all__ = ["DISK", "CommandBatch", "CommandExecutor"]

_LOG = logging.getLogger(__name__)

# What was decided longer ago is not bought any more.
_ENTRY_VALID_SECONDS: Final = 10.0

DISK = "disk"
"""Who pauses entries while the state cannot be saved."""


class CommandBatch(NamedTuple):
    """What one event led to. ``generation`` counts the states, ``now_ms`` is the event's time."""

    generation: int
    state: TraderState
    commands: tuple[Command, ...]
    now_ms: int
    done: asyncio.Future[None] | None = None


class CommandExecutor:
    """Run :meth:`run` beside the loop. ``ordered`` is called whenever an order has changed the account."""

    def __init__(
        self,
        broker: Broker,
        writer: StateWriter,
        queue: EventQueue,
        metrics: BotMetrics,
        notifier: Notifier,
        ordered: Callable[[], None] = lambda: None,
    ) -> None:
        self._broker = broker
        self._writer = writer
        self._queue = queue
        self._metrics = metrics
        self._notifier = notifier
        self._ordered = ordered
        # With when they came, on the loop's clock.
        self._batches: asyncio.Queue[tuple[float, CommandBatch]] = asyncio.Queue()
        self._newest: CommandBatch | None = None
        self._orders: dict[str, asyncio.Task[None]] = {}
        self._listing: asyncio.Task[None] | None = None
        self._unfinished = 0
        self._entries_leave = self._orders_leave = True

    def refuse_entries(self) -> None:
        """From now on an entry that has not left yet is refused: the process is about to end."""
        self._entries_leave = False

    def hold_orders(self) -> None:
        """From now on no order leaves: nobody would see its end. It is in the state; the next start looks it up."""
        self._orders_leave = False

    def submit(self, batch: CommandBatch) -> None:
        self._newest = batch
        self._unfinished += 1
        self._batches.put_nowait((asyncio.get_running_loop().time(), batch))

    def note(self, batch: CommandBatch) -> None:
        """A newer state without commands: the next checkpoint saves it along."""
        self._newest = batch

    async def drained(self) -> None:
        """Returns when everything submitted so far has been executed."""
        await self._batches.join()

    @property
    def busy(self) -> bool:
        """Whether something submitted has not been executed, or an order is in flight."""
        return self._unfinished > 0 or bool(self._orders)

    async def run(self) -> None:
        while True:
            submitted, batch = await self._batches.get()
            try:
                for command in batch.commands:
                    await self._attempt(batch, command, submitted)
                if batch.done is not None:
                    await self._confirm(batch, batch.done, submitted)
            finally:
                self._unfinished -= 1
                self._batches.task_done()

    async def _confirm(self, batch: CommandBatch, done: asyncio.Future[None], submitted: float) -> None:
        """Whoever asked hears only of what is durable, also where the trader had nothing to change."""
        await self._attempt(batch, Checkpoint(), submitted)
        if done.done():
            return
        if self._writer.saved >= batch.generation:
            done.set_result(None)
        else:
            message = f"it is in force, but a restart would forget it: {self._writer.problem or 'it is not saved'}"
            done.set_exception(Retryable(message))

    async def _attempt(self, batch: CommandBatch, command: Command, submitted: float) -> None:
        """A command that fails by our own mistake must stop none behind it: a stop may be among them."""
        try:
            await self._execute(batch, command, submitted)
        except Exception as error:  # noqa: BLE001  the top of a loop: counted and logged
            self._metrics.step_failures.inc()
            _LOG.exception("command failed")
            if isinstance(command, Place | LookUp):
                # Asked after again, it ends; without an answer its lot could never be closed.
                name = command.intent.client_order_id
                self._queue.answer(OrderUnknown(batch.now_ms, name, f"{type(error).__name__}: {error}"))

    async def _execute(self, batch: CommandBatch, command: Command, submitted: float) -> None:
        match command:
            case Checkpoint():
                await self._checkpoint(batch)
            case Place(intent, price):
                await self._place(batch, intent, price, submitted)
            case LookUp(intent):
                await self._answered(intent, self._broker.look_up(intent, batch.now_ms), batch.now_ms)
            case ListOrders(prefix, since_ms):
                self._list(prefix, since_ms)
            case Notify():
                self._notifier.notify(command)

    def _list(self, prefix: str, since_ms: int) -> None:
        """Asks beside everything else; one list at a time."""
        if self._listing is None or self._listing.done():
            self._listing = asyncio.create_task(self._listed(prefix, since_ms))

    async def _listed(self, prefix: str, since_ms: int) -> None:
        try:
            self._queue.put(await self._broker.list_orders(prefix, since_ms))
        except Exception:  # noqa: BLE001  the top of a task: counted and logged; the trader asks again
            self._metrics.step_failures.inc()
            _LOG.exception("orders not listed")

    async def _checkpoint(self, batch: CommandBatch) -> None:
        if self._writer.saved >= batch.generation:
            return
        newest = self._newest or batch
        if not await self._writer.save(newest.generation, newest.state):
            if DISK not in newest.state.paused_by:
                self._queue.put(EntriesPaused(batch.now_ms, DISK))
        elif DISK in newest.state.paused_by:
            self._queue.put(EntriesResumed(batch.now_ms, DISK))

    async def _place(self, batch: CommandBatch, intent: Intent, price: int, submitted: float) -> None:
        if not self._orders_leave:
            return
        if (self._newest or batch).state.intent(intent.client_order_id) is None:
            return  # its end has become known while it waited here
        entry = intent.purpose is Purpose.ENTRY
        # One that is sent again was written down before; a refusal would make it forgotten.
        new = entry and intent.progress is Progress.SENT
        if not self._entries_leave and entry:
            if new:
                message = "the bot is stopping: the order has not left"
                self._queue.answer(OrderRefused(batch.now_ms, intent.client_order_id, "stopping", message))
            return
        if self._writer.saved < batch.generation and new:
            message = "the order could not be written down before it was sent"
            self._queue.answer(OrderRefused(batch.now_ms, intent.client_order_id, "state_not_saved", message))
            return
        valid = _ENTRY_VALID_SECONDS
        if not new:
            # Sent again, it is as old as its decision.
            valid -= min(max((batch.now_ms - intent.created_ms) / 1000, 0.0), valid)
        until = submitted + valid if entry else math.inf
        await self._answered(intent, self._broker.place(intent, price, batch.now_ms, until), batch.now_ms)

    async def _answered(self, intent: Intent, answers: AsyncIterator[OrderEvent], now_ms: int) -> None:
        """Puts the answers into the queue: now when they are immediate, from a task of their own otherwise."""
        if self._broker.immediate:
            async for answer in answers:
                self._queue.answer(answer)
            return
        if intent.client_order_id in self._orders:
            return  # it is being asked after already
        task = asyncio.create_task(self._collect(intent, answers, now_ms))
        self._orders[intent.client_order_id] = task
        task.add_done_callback(lambda _: self._orders.pop(intent.client_order_id, None))

    async def _collect(self, intent: Intent, answers: AsyncIterator[OrderEvent], now_ms: int) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async for answer in answers:
                self._queue.answer(answer)
        except Exception as error:  # noqa: BLE001  the top of a task: counted and logged
            _LOG.exception("order failed", extra={"fields": {"client_order_id": intent.client_order_id}})
            self._queue.answer(OrderUnknown(now_ms, intent.client_order_id, f"{type(error).__name__}: {error}"))
        self._metrics.order_seconds.observe(loop.time() - started)
        self._ordered()

    async def order_ended(self) -> None:
        """Returns when one of the orders in flight has ended, or at once when there is none."""
        if self._orders:
            await asyncio.wait(set(self._orders.values()), return_when=asyncio.FIRST_COMPLETED)

    async def close(self) -> None:
        """Ends the list that is still asked for: nobody waits for it any more."""
        if self._listing is not None:
            self._listing.cancel()
            await asyncio.gather(self._listing, return_exceptions=True)
