"""One live bot: the start, the tasks that keep it going, what it answers, and the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final, NamedTuple

from cbbot.brokers.bridge_broker import BridgeBroker
from cbbot.brokers.bridge_client import BridgeClient
from cbbot.brokers.broker import Broker
from cbbot.brokers.paper import PaperBroker
from cbbot.contract.bot_api import AverageRow, BotStatus, DecisionRow, Gates, LotRow, NumberedTrade
from cbbot.contract.bridge_api import CandleRow
from cbbot.domain.candle import Candle
from cbbot.domain.timestamps import rfc3339
from cbbot.errors import CbbotError, Retryable
from cbbot.process.daemon_calls import in_daemon_thread
from cbbot.runtime.boot import Begun, Boot, superseded
from cbbot.runtime.command_executor import DISK, CommandExecutor
from cbbot.runtime.event_queue import EventQueue
from cbbot.runtime.feeds import AccountFeed, CandleFeed, TickFeed, TimeFeed
from cbbot.runtime.live import TradingLoop
from cbbot.runtime.machine_time import MachineMs, machine_ms
from cbbot.runtime.notifications import Broadcast, Notifier
from cbbot.runtime.opened_state import OpenedState
from cbbot.runtime.outages import Outages
from cbbot.runtime.resume import belongs
from cbbot.runtime.running_figures import observe_running, or_nan
from cbbot.runtime.state_writer import SAVE_SECONDS, InThread, StateWriter
from cbbot.runtime.status_answer import About, Moment, phase_of, status_of
from cbbot.runtime.task_ends import cancelled, first_to_fail
from cbbot.trader.events import EntriesPaused, EntriesResumed, Event, FlattenAsked, HistoryLoaded, Started
from cbbot.trader.trader_state import TraderState
from cbbot.views.bot_metrics import BotMetrics
from cbbot.views.chart_rows import average_rows, gates_of, with_forming
from cbbot.views.json_rows import candle_row, decision_row, lot_row
from cbbot.views.last_known import last_known

__all__ = ["LiveBot"]

_LOG = logging.getLogger(__name__)

_STUCK_SECONDS: Final = 30.0
_ORDERS_END_SECONDS: Final = 15.0
_LAST_SAVE_SECONDS: Final = 2 * SAVE_SECONDS
_CONTROL_SECONDS: Final = 10.0
# A save on a full disk fails at once, and one that hangs is not begun again.
_SAVE_AGAIN_SECONDS: Final = 1.0
_HEARTBEAT_SECONDS: Final = 60.0


class _Parts(NamedTuple):
    """The parts of a bot that trades; they exist once the venue is known."""

    begun: Begun
    writer: StateWriter
    executor: CommandExecutor
    loop: TradingLoop
    ticks: TickFeed
    candles: CandleFeed


class LiveBot:
    """Construct it inside a running loop, with the state's folder locked; then :meth:`run`."""

    def __init__(
        self,
        about: About,
        client: BridgeClient,
        opened: OpenedState,
        *,
        slack: Callable[[str, Mapping[str, object]], None] | None = None,
        metrics: BotMetrics | None = None,
        in_thread: InThread = in_daemon_thread,
        now_ms: MachineMs = machine_ms,
    ) -> None:
        self.about = about
        self.metrics = metrics or BotMetrics()
        self.metrics.describe(about.settings, bot=about.bot, venue=about.venue, version=about.version)
        self._client = client
        self._store = opened.store
        self._trade_log = opened.trade_log
        self._in_thread = in_thread
        self._machine_ms = now_ms
        self._broadcast = Broadcast()
        self._notifier = Notifier(self._broadcast, slack)
        self._slack = slack
        self._trouble = ""
        self._queue = EventQueue()
        self._outages = Outages(self.metrics)
        document, identity = opened.document, opened.identity
        ours = document is not None and belongs(document, identity)
        self._early = opened.early
        self._last_known = self._early.shown(
            last_known(document, opened.store.saved_ms(), ours=ours, live=identity.mode == "live")
        )
        self.metrics.observe_last_known(self._last_known)
        self._boot = Boot(about, client, self.metrics, document, identity, now_ms)
        self._parts: _Parts | None = None
        self._fatal: CbbotError | None = None
        self._stop = asyncio.Event()
        self._saved_again_at = self._beat_at = 0.0

    async def run(self) -> None:
        """Trades until :meth:`stop`.

        Raises:
            UnsafeStart: trading on would be wrong, at the start or later.
            BadInput: the settings do not fit the venue.
            CbbotError: it was stopped, and its last state could not be saved.
        """
        stopped = asyncio.create_task(self._stop.wait())
        trading = asyncio.create_task(self._trade())
        try:
            await asyncio.wait({stopped, trading}, return_when=asyncio.FIRST_COMPLETED)
            if trading.done():
                await trading
        finally:
            await cancelled(trading, stopped)
            await self._client.aclose()
        if self._fatal is not None:
            raise self._fatal

    def stop(self) -> None:
        """No new orders from now on; :meth:`run` returns once those in flight have ended and the state is saved."""
        self._stop.set()

    async def _trade(self) -> None:
        parts = self._parts = self._assembled(await self._boot.begin())
        stepping, executing = asyncio.create_task(parts.loop.run()), asyncio.create_task(parts.executor.run())
        feeds: list[asyncio.Task[None]] = []
        # Before anything that is asked from now on, and before the first order.
        early = self._step_early(parts)
        try:
            parts.loop.begin()
            # The epoch is durable before the history is asked for in its name; a full disk does not stop exits.
            await parts.executor.drained()
            await self._forget_early(early)
            history = await self._boot.history(parts.begun)
            now_ms = parts.begun.clock.now_ms()
            self._queue.put(HistoryLoaded(now_ms, history))
            self._queue.put(Started(now_ms))
            parts.candles.begin(history)
            feeds = self._feeding(parts)
            await first_to_fail(stepping, executing, *feeds)
        finally:
            await cancelled(*feeds)
            # Cancelled or failed: what is in flight is waited for all the same.
            await self._shut_down(parts, stepping)
            await cancelled(stepping, executing)
            await parts.executor.close()

    def _assembled(self, begun: Begun) -> _Parts:
        rules, market, clock = begun.rules, begun.market, begun.clock
        writer = StateWriter(rules, self._store, self._trade_log, self.metrics, self._in_thread, self._machine_ms)
        broker: Broker = PaperBroker(rules.params)
        if rules.live:
            broker = BridgeBroker(self._client, rules.instrument, clock.now_ms, lambda: clock.rate)
        account = AccountFeed(rules, market, clock, self._queue, self._outages)
        executor = CommandExecutor(broker, writer, self._queue, self.metrics, self._notifier, account.want)
        loop = TradingLoop(rules, begun.state, broker, self._queue, executor, self.metrics, self._broadcast)
        loop.on_epoch = lambda epoch: self._client.identify(begun.state.identity.bot_id, epoch)
        ticks = TickFeed(rules, market, clock, self._queue, self.metrics, account)
        candles = CandleFeed(rules, market, clock, self._queue, self.metrics)
        return _Parts(begun, writer, executor, loop, ticks, candles)

    def _step_early(self, parts: _Parts) -> list[asyncio.Future[None]]:
        done: list[asyncio.Future[None]] = []
        for event in self._early.events(parts.begun.clock.now_ms()):
            done.append(asyncio.get_running_loop().create_future())
            self._queue.put(event, done[-1])
        return done

    async def _forget_early(self, early: list[asyncio.Future[None]]) -> None:
        """Once the state has it; what it has not is stepped again by the next start, which changes nothing twice."""
        with contextlib.suppress(OSError, Retryable):
            for done in early:
                await done
            await self._early.forget()

    def _feeding(self, parts: _Parts) -> list[asyncio.Task[None]]:
        clock = parts.begun.clock
        passing = TimeFeed(clock, self._queue, self._beat)
        rounds = {"price": parts.ticks.once, "candles": parts.candles.once, "time": passing.once}
        feeds = [asyncio.create_task(self._outages.forever(name, once)) for name, once in rounds.items()]
        return [*feeds, asyncio.create_task(clock.run(self._note_clock))]

    def _note_clock(self, error: Exception) -> None:
        self._outages.failed("clock", error)

    async def _shut_down(self, parts: _Parts, stepping: asyncio.Task[None]) -> None:
        """Orders in flight end, within a bound; what does not end is in the state and looked up at the next start."""
        executor = parts.executor
        executor.refuse_entries()
        self._queue.drop_market()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ORDERS_END_SECONDS):
                while not stepping.done() and (executor.busy or self._queue.answered):
                    await executor.drained()
                    await executor.order_ended()
                    await asyncio.sleep(0)
        executor.hold_orders()
        last = parts.loop.save(parts.begun.clock.now_ms())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SAVE_SECONDS):
                await executor.drained()
        if parts.writer.saved < last and self._fatal is None:
            reason = parts.writer.problem or "the disk did not answer in time"
            self._fatal = CbbotError(
                f"stopped, but the last state is not saved: {reason}. Orders since {_when(parts.writer.saved_at_ms)} "
                "may be missing in it; the next start has to find them at the venue"
            )
        if await parts.writer.close():
            self._store.close()

    def _beat(self) -> None:
        """About once a second: the odds and ends of a running bot."""
        if self._parts is None:
            return
        loop, writer = self._parts.loop, self._parts.writer
        if self._client.superseded:
            self._fatal = superseded(loop.state.identity.bot_id, loop.state.epoch)
            self.stop()
        self._tell_trouble()
        now = asyncio.get_running_loop().time()
        # A save that hung may have ended well since, and left the pause behind.
        unsaved = bool(writer.problem) or DISK in loop.state.paused_by or self._trades_missing(loop.state)
        if unsaved and now - self._saved_again_at >= _SAVE_AGAIN_SECONDS:
            self._saved_again_at = now
            loop.save(self._parts.begun.clock.now_ms())
        if now - self._beat_at >= _HEARTBEAT_SECONDS:
            self._beat_at = now
            status = self.status()
            fields = {"equity": status.equity_usd, "marked": status.equity_marked_usd, "lots": status.open_lots}
            _LOG.info("equity", extra={"fields": {**fields, "daily_pnl": status.daily_pnl_usd}})
        if self._broadcast.has_listeners:
            self._broadcast.publish("status", self.status().model_dump())

    def _trades_missing(self, state: TraderState) -> bool:
        """Whether the log lacks trades that the state has: an append failed, and the next trade may be days away."""
        # While something is being executed, the append may just be under way.
        busy = self._parts is None or self._parts.executor.busy
        return not busy and bool(state.trades) and self._trade_log.behind(state.trades[-1].number)

    def _tell_trouble(self) -> None:
        """Once when it begins, once when it is over; the log has it from where it happens."""
        moment = self._moment()
        before, self._trouble = self._trouble, moment.failing or moment.problem
        if self._slack is not None and bool(before) != bool(self._trouble):
            self._slack("error" if self._trouble else "recovered", {"detail": self._trouble or before})

    @property
    def alive(self) -> bool:
        """Whether the loop, or the start before it, has moved lately, and does not fail at one thing ever again."""
        if self._parts is None or self._boot.waits_for:
            moved_at = self._boot.moved_at
        elif self._parts.loop.failing(_STUCK_SECONDS):
            return False
        else:
            moved_at = self._parts.loop.moved_at
        return asyncio.get_running_loop().time() - moved_at < _STUCK_SECONDS

    @property
    def readiness(self) -> tuple[bool, str]:
        """Ready, or what it waits for; not while the state cannot be saved, though exits go out."""
        moment = self._moment()
        phase, reason = phase_of(moment)
        return phase not in ("starting", "reconciling") and not moment.failing and not moment.problem, reason

    @property
    def state(self) -> TraderState | None:
        """The newest state; None during the start."""
        return self._parts.loop.state if self._parts is not None else None

    def status(self) -> BotStatus:
        return status_of(self.about, self._moment())

    def lots(self) -> list[LotRow] | None:
        """None when it is not known which there are."""
        if self._parts is None:
            return None if self._last_known.open_lots is None else list(self._last_known.lots)
        if self._parts.loop.state.not_known:
            return None
        state, instrument = self._parts.loop.state, self._parts.begun.rules.instrument
        return [lot_row(instrument, lot, state.market.last_price) for lot in state.lots]

    def trades(self, limit: int, before: int | None) -> list[NumberedTrade] | None:
        """Newest first. Those of the state that a crash kept from the log come before the log's.

        None when none is known, nor whether there are any.
        """
        logged = self._trade_log.last_number
        if not (logged or self._last_known.trades) and self.lots() is None:
            return None
        newer = [trade for trade in reversed(self._last_known.trades) if trade.number > logged]
        rows = [trade for trade in newer if before is None or trade.number < before][:limit]
        return rows + self._trade_log.page(limit - len(rows), before)

    def decisions(self, limit: int) -> list[DecisionRow]:
        """Newest first."""
        if self._parts is None:
            return []
        newest = list(self._parts.loop.decisions)[-limit:]
        return [decision_row(self._parts.begun.rules.instrument, decision) for decision in reversed(newest)]

    def candles(self, limit: int) -> list[CandleRow]:
        """Oldest first; the newest may be in progress."""
        if self._parts is None:
            return []
        instrument = self._parts.begun.rules.instrument
        return [candle_row(instrument, candle) for candle in _candles(self._parts)[-limit:]]

    def averages(self, limit: int) -> list[AverageRow]:
        """At the same candles."""
        return [] if self._parts is None else average_rows(self._parts.begun.rules, _candles(self._parts), limit)

    def gates(self) -> Gates | None:
        if self._parts is None:
            return None
        begun, loop = self._parts.begun, self._parts.loop
        return gates_of(begun.rules, loop.state, loop.tally.counts, loop.tally.since_ms, begun.clock.now_ms())

    def events(self) -> AsyncIterator[tuple[str, Mapping[str, object]]]:
        return self._broadcast.listen()

    def exposition(self) -> bytes:
        metrics, parts, moment = self.metrics, self._parts, self._moment()
        metrics.ready.set(status_of(self.about, moment).ready)
        metrics.price_age.set(or_nan(moment.price_age_seconds))
        if parts is not None:
            observe_running(metrics, parts.loop, parts.writer, parts.begun.clock)
        return metrics.exposition()

    async def pause_entries(self, by: str) -> None:
        await self._controlled(lambda now_ms: EntriesPaused(now_ms, by))

    async def resume_entries(self, by: str) -> None:
        await self._controlled(lambda now_ms: EntriesResumed(now_ms, by))

    async def flatten(self) -> None:
        await self._controlled(FlattenAsked)

    async def _controlled(self, event_at: Callable[[int], Event]) -> None:
        """Steps an event of a person's and returns once what follows from it is durable.

        Raises:
            Retryable: it is not durable, or the bot does not get to it.
        """
        if self._parts is None:
            await self._controlled_early(event_at(self._machine_ms()))
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put(event_at(self._parts.begun.clock.now_ms()), done)
        try:
            await asyncio.wait_for(done, _CONTROL_SECONDS)
        except TimeoutError as error:
            raise Retryable("the bot did not get to it in time; look at /status before asking again") from error

    async def _controlled_early(self, event: Event) -> None:
        """During the start, before there is a state to step."""
        try:
            await asyncio.wait_for(self._early.take(event, halted=bool(self._last_known.halted)), SAVE_SECONDS)
        except OSError as error:
            reason = "the disk does not answer" if isinstance(error, TimeoutError) else error
            raise Retryable(f"it is in force, but a restart would forget it: {reason}") from error
        finally:
            self._last_known = self._early.shown(self._last_known)
            self.metrics.observe_last_known(self._last_known)

    def _moment(self) -> Moment:
        parts, waits_for, known = self._parts, self._boot.waits_for, self._last_known
        if parts is None:
            return Moment(None, None, None, waits_for, "", "", None, known.saved_ms, None, known)
        fresh_at, decisions = parts.ticks.fresh_at, parts.loop.decisions
        now = asyncio.get_running_loop().time()
        return Moment(
            rules=parts.begun.rules,
            state=parts.loop.state,
            decision=decisions[-1] if decisions else None,
            waits_for=waits_for,
            failing="" if waits_for else parts.loop.failing(_STUCK_SECONDS),
            problem=parts.writer.problem,
            price_age_seconds=None if fresh_at is None else round(now - fresh_at, 3),
            saved_ms=parts.writer.saved_at_ms if parts.writer.saved_at_ms is not None else known.saved_ms,
            clock_offset_ms=parts.begun.clock.offset_ms(),
            last_known=known,
        )


def _candles(parts: _Parts) -> list[Candle]:
    return with_forming(parts.candles.recent, parts.loop.state.market.forming)


def _when(saved_at_ms: int | None) -> str:
    return "the start" if saved_at_ms is None else rfc3339(saved_at_ms)
