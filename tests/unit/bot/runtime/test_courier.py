"""A mistake of ours in one command keeps none of the others from being carried out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from cbbot.domain.order import Side
from cbbot.runtime.command_executor import Courier, Parcel
from cbbot.runtime.event_queue import Mailbox
from cbbot.trader.commands import Checkpoint, Command, Notify, Place
from cbbot.trader.events import Event, OrderAccepted, OrderUnknown
from cbbot.trader.intent import Intent, Purpose
from cbbot.views.bot_metrics import BotMetrics

EXIT = Intent("bot-1-1", Purpose.EXIT, 1, Side.SELL, 5, 0, "stop_loss", 1_000)
NOTICE = Notify("breaker", {})


class Office:
    """Broker, keeper and announcer in one; ``broken`` names what raises."""

    immediate = True
    saved = 0

    def __init__(self, broken: str) -> None:
        self.broken = broken

    def fails(self, what: str) -> None:
        if what == self.broken:
            raise RuntimeError(what)

    async def save(self, _generation: int, _state: object) -> bool:
        self.fails("save")
        return True

    def notify(self, _notice: Notify) -> None:
        self.fails("notify")

    async def place(self, intent: Intent, _price: int, now_ms: int) -> AsyncIterator[OrderAccepted]:
        self.fails("place")
        yield OrderAccepted(now_ms, intent.client_order_id, "venue")


def carried(broken: str, *commands: Command) -> tuple[Event, float]:
    """What the trader hears of its exit, and how many failures were counted."""

    async def carry() -> tuple[Event, float]:
        office: Any = Office(broken)
        mailbox, metrics = Mailbox(), BotMetrics()
        courier = Courier(office, office, mailbox, metrics, office)
        running = asyncio.create_task(courier.run())
        state: Any = SimpleNamespace(paused_by=frozenset())
        courier.carry(Parcel(1, state, commands, 2_000))
        await courier.drained()
        running.cancel()
        letter = await asyncio.wait_for(mailbox.next(), 1)
        return letter.event, metrics.registry.get_sample_value("bot_step_failures_total") or 0.0

    return asyncio.run(carry())


@pytest.mark.parametrize("broken", ["save", "notify"])
def test_an_exit_goes_out_whatever_failed_before_it(broken: str) -> None:
    event, failures = carried(broken, Checkpoint(), NOTICE, Place(EXIT, 100))
    assert event == OrderAccepted(2_000, "bot-1-1", "venue")
    assert failures == 1


def test_an_order_that_fails_by_our_mistake_is_unknown_and_so_asked_after() -> None:
    event, failures = carried("place", Checkpoint(), Place(EXIT, 100), NOTICE)
    assert event == OrderUnknown(2_000, "bot-1-1", "RuntimeError: place")
    assert failures == 1
