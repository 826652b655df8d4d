"""What waits to be stepped: answers to orders first, then events in order, then the newest tick.

Ticks never pile up: one that was not used before the next came is replaced by it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from cbbot.brokers.broker import OrderEvent
from cbbot.trader.events import Event, Tick, TimePassed

__all__ = ["EventQueue", "QueuedEvent"]


class QueuedEvent(NamedTuple):
    """An event; ``done`` is resolved once the commands that follow from it have been executed."""

    event: Event
    done: asyncio.Future[None] | None = None


class EventQueue:
    """For one reader. Writers never wait."""

    def __init__(self) -> None:
        self._answers: deque[QueuedEvent] = deque()
        self._events: deque[QueuedEvent] = deque()
        self._tick: Tick | None = None
        self._time: TimePassed | None = None
        self._filled = asyncio.Event()

    def answer(self, event: OrderEvent) -> None:
        """What became of an order: it goes before everything else."""
        self._answers.append(QueuedEvent(event))
        self._filled.set()

    def put(self, event: Event, done: asyncio.Future[None] | None = None) -> None:
        self._events.append(QueuedEvent(event, done))
        self._filled.set()

    def put_tick(self, tick: Tick) -> bool:
        """Whether an older tick was dropped for it."""
        dropped = self._tick is not None
        self._tick = tick
        self._filled.set()
        return dropped

    def put_time(self, passed: TimePassed) -> None:
        self._time = passed
        self._filled.set()

    @property
    def answered(self) -> bool:
        """Whether answers wait."""
        return bool(self._answers)

    def drop_market(self) -> None:
        """Forgets all that could start a new order; answers stay."""
        self._events = deque(queued for queued in self._events if queued.done is not None)
        self._tick = None

    async def next(self) -> QueuedEvent:
        while True:
            queued = self._pop()
            if queued is not None:
                return queued
            self._filled.clear()
            await self._filled.wait()

    def _pop(self) -> QueuedEvent | None:
        if self._answers:
            return self._answers.popleft()
        if self._events:
            return self._events.popleft()
        if self._tick is not None:
            tick, self._tick = self._tick, None
            return QueuedEvent(tick)
        if self._time is not None:
            passed, self._time = self._time, None
            return QueuedEvent(passed)
        return None
