"""A mistake of ours in one command keeps none of the others from being executed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from cbbot.domain.order import Side
from cbbot.runtime.command_executor import CommandBatch, CommandExecutor
from cbbot.runtime.event_queue import EventQueue
from cbbot.trader.commands import Checkpoint, Command, Notify, Place
from cbbot.trader.events import Event, OrderAccepted, OrderRefused, OrderUnknown
from cbbot.trader.intent import Intent, Progress, Purpose
from cbbot.views.bot_metrics import BotMetrics

EXIT = Intent("bot-1-1", Purpose.EXIT, 1, Side.SELL, 5, 0, "stop_loss", 1_000)
ENTRY = Intent("bot-1-2", Purpose.ENTRY, 2, Side.BUY, 5, 7, "", 1_000)
NOTICE = Notify("breaker", {})


class Office:
    """Broker, writer and notifier in one; ``broken`` names what raises."""

    immediate = True
    saved = 0

    def __init__(self, broken: str) -> None:
        self.broken = broken
        self.until: dict[Purpose, float] = {}

    def fails(self, what: str) -> None:
        if what == self.broken:
            raise RuntimeError(what)

    async def save(self, _generation: int, _state: object) -> bool:
        self.fails("save")
        return True

    def notify(self, _notice: Notify) -> None:
        self.fails("notify")

    async def place(self, intent: Intent, _price: int, now_ms: int, until: float) -> AsyncIterator[OrderAccepted]:
        self.until[intent.purpose] = until
        self.fails("place")
        yield OrderAccepted(now_ms, intent.client_order_id, "venue")


def state_of(*intents: Intent) -> Any:
    """What a command executor reads of a state."""
    by_id = {intent.client_order_id: intent for intent in intents}
    return SimpleNamespace(paused_by=frozenset(), intent=by_id.get)


def executed(broken: str, *commands: Command) -> tuple[Event, float]:
    """What the trader hears of its exit, and how many failures were counted."""

    async def run_all() -> tuple[Event, float]:
        office: Any = Office(broken)
        queue, metrics = EventQueue(), BotMetrics()
        executor = CommandExecutor(office, office, queue, metrics, office)
        running = asyncio.create_task(executor.run())
        state = state_of(*(command.intent for command in commands if isinstance(command, Place)))
        executor.submit(CommandBatch(1, state, commands, 2_000))
        await executor.drained()
        running.cancel()
        queued = await asyncio.wait_for(queue.next(), 1)
        return queued.event, metrics.registry.get_sample_value("bot_step_failures_total") or 0.0

    return asyncio.run(run_all())


@pytest.mark.parametrize("broken", ["save", "notify"])
def test_an_exit_goes_out_whatever_failed_before_it(broken: str) -> None:
    event, failures = executed(broken, Checkpoint(), NOTICE, Place(EXIT, 100))
    assert event == OrderAccepted(2_000, "bot-1-1", "venue")
    assert failures == 1


def test_an_order_that_fails_by_our_mistake_is_unknown_and_so_asked_after() -> None:
    event, failures = executed("place", Checkpoint(), Place(EXIT, 100), NOTICE)
    assert event == OrderUnknown(2_000, "bot-1-1", "RuntimeError: place")
    assert failures == 1


def test_an_entry_has_a_bound_from_when_it_was_decided_and_an_exit_has_none(virtually: Any) -> None:
    async def main() -> None:
        office: Any = Office("")
        executor = CommandExecutor(office, office, EventQueue(), BotMetrics(), office)
        await asyncio.sleep(100)
        executor.submit(CommandBatch(0, state_of(ENTRY, EXIT), (Place(ENTRY, 100), Place(EXIT, 100)), 2_000))
        await asyncio.sleep(32)  # frozen before it was sent
        running = asyncio.create_task(executor.run())
        await executor.drained()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert office.until == {Purpose.ENTRY: 110.0, Purpose.EXIT: math.inf}

    virtually(main)


@pytest.mark.parametrize(("decided_ms", "bound"), [(-6_000, 4.0), (-60_000, 0.0), (60_000, 10.0)])
def test_an_entry_that_is_sent_again_has_the_bound_of_its_decision(
    virtually: Any, decided_ms: int, bound: float
) -> None:
    async def main() -> None:
        office: Any = Office("")
        executor = CommandExecutor(office, office, EventQueue(), BotMetrics(), office)
        again = replace(ENTRY, progress=Progress.UNKNOWN, created_ms=2_000 + decided_ms)
        running = asyncio.create_task(executor.run())
        executor.submit(CommandBatch(0, state_of(again), (Place(again, 100),), 2_000))
        await executor.drained()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert office.until == {Purpose.ENTRY: bound}

    virtually(main)


@pytest.mark.parametrize("commanded", [True, False], ids=["with commands", "without"])
def test_an_order_whose_end_is_known_meanwhile_is_not_sent_once_more(commanded: bool) -> None:
    async def main() -> None:
        office: Any = Office("")
        executor = CommandExecutor(office, office, EventQueue(), BotMetrics(), office)
        doubted = replace(EXIT, progress=Progress.UNKNOWN)
        executor.submit(CommandBatch(0, state_of(doubted), (Place(doubted, 100),), 2_000))
        # The disk was slow with what came before, and the answer came.
        newer = CommandBatch(1, state_of(), (NOTICE,) if commanded else (), 5_000)
        (executor.submit if commanded else executor.note)(newer)
        running = asyncio.create_task(executor.run())
        await executor.drained()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert office.until == {}

    asyncio.run(main())


@pytest.mark.parametrize(
    ("progress", "answer"),
    [(Progress.SENT, OrderRefused), (Progress.UNKNOWN, OrderAccepted)],
    ids=["new", "sent again"],
)
def test_on_a_full_disk_a_new_entry_is_refused_and_one_that_was_written_down_before_is_not_forgotten(
    progress: Progress, answer: type[Event]
) -> None:
    event, _ = executed("", Place(replace(ENTRY, progress=progress), 100))
    assert isinstance(event, answer)


@pytest.mark.parametrize(
    ("intent", "answered"),
    [
        (ENTRY, ["stopping"]),
        # The venue may have it from before: refused, it would be forgotten.
        (replace(ENTRY, progress=Progress.UNKNOWN), []),
        (EXIT, ["OrderAccepted"]),
    ],
    ids=["entry", "entry sent again", "exit"],
)
def test_when_the_bot_stops_no_entry_leaves_and_later_nothing(intent: Intent, answered: list[str]) -> None:
    async def codes(*, hold: bool) -> list[str]:
        office: Any = Office("")
        queue = EventQueue()
        executor = CommandExecutor(office, office, queue, BotMetrics(), office)
        running = asyncio.create_task(executor.run())
        executor.refuse_entries()
        if hold:
            executor.hold_orders()
        executor.submit(CommandBatch(0, state_of(intent), (Checkpoint(), Place(intent, 100)), 2_000))
        await executor.drained()
        running.cancel()
        answers = []
        while queue.answered:
            answers.append((await queue.next()).event)
        return [event.code if isinstance(event, OrderRefused) else type(event).__name__ for event in answers]

    assert asyncio.run(codes(hold=False)) == answered
    assert asyncio.run(codes(hold=True)) == [], "it stays in the state, and the next start looks it up"
