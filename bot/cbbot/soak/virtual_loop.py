"""An event loop on a simulated clock: when nothing is ready, time jumps to the next timer.

No selector, no threads, no real clock. Callbacks run in the order in which they became ready, timers in the order of
their times and then of their making: the same program runs the same way, step for step.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, NoReturn, TypeVar, TypeVarTuple

from cbbot.soak.simulated_processes import SimulatedProcess, process_of

__all__ = ["VirtualLoop", "WorldEnded"]

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class WorldEnded(Exception):
    """Nothing is left that could happen, and what was waited for has not."""


class _Step(asyncio.TimerHandle):
    """One callback that is to run, and whose it is."""

    __slots__ = ("at", "ended", "number", "process", "work")

    def __init__(
        self,
        at: float,
        number: int,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> None:
        # Not the base's: what it keeps for debugging is all that it does.
        self.at = at
        self.number = number
        context = context if context is not None else contextvars.copy_context()
        self.process = process_of(context)
        self.work = (context.run, callback, args)
        self.ended = False

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"<step {self.number} at {self.at}>"

    def cancel(self) -> None:
        self.ended = True

    def cancelled(self) -> bool:
        return self.ended

    def when(self) -> float:
        return self.at


class VirtualLoop(asyncio.AbstractEventLoop):
    """``after_step(process)`` is called after each callback of a process that lives."""

    def __init__(self) -> None:
        self._now = 0.0
        self._number = 0
        self._ready: deque[_Step] = deque()
        self._timers: list[tuple[float, int, _Step]] = []
        self._closed = self._running = False
        self.after_step: Callable[[SimulatedProcess], None] = lambda _: None
        self.failures: list[str] = []
        self.steps = 0
        self._processes: dict[SimulatedProcess, None] = {}

    def time(self) -> float:
        return self._now

    def call_soon(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        self._number += 1
        step = _Step(self._now, self._number, callback, args, context)
        self._ready.append(step)
        return step

    def call_soon_threadsafe(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        when = self._now + delay
        self._number = number = self._number + 1
        step = _Step(when, number, callback, args, context)
        heapq.heappush(self._timers, (when, number, step))
        return step

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        self._number += 1
        step = _Step(when, self._number, callback, args, context)
        heapq.heappush(self._timers, (when, self._number, step))
        return step

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, _T] | Generator[Any, None, _T],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[_T]:
        context = context if context is not None else contextvars.copy_context()
        task = asyncio.Task(coro, loop=self, name=None if name is None else str(name), context=context)
        process = process_of(context)
        if process is not None:
            self._processes[process] = None
            process.began(task)
        return task

    def run_until_complete(self, future: Generator[Any, None, _T] | Awaitable[_T]) -> _T:
        """Runs until ``future`` is done.

        Raises:
            WorldEnded: it never will be.
        """
        assert isinstance(future, Awaitable)  # noqa: S101  bare generators are of another age
        waited = asyncio.ensure_future(future, loop=self)
        self._running = True
        asyncio._set_running_loop(self)  # noqa: SLF001  how a loop says that it runs
        try:
            self._run_until(waited.done)
        finally:
            self._running = False
            asyncio._set_running_loop(None)  # noqa: SLF001  as above
        return waited.result()

    def _run_until(self, done: Callable[[], bool]) -> None:
        ready = self._ready
        while not done():
            if not ready:
                self._advance()
            step = ready.popleft()
            process = step.process
            if step.ended or not (process is None or process.alive):
                continue
            step.ended = True
            run, callback, args = step.work
            if process is None:
                run(callback, *args)
                continue
            self.steps += 1
            run(callback, *args)
            if process.alive:
                process.stepped()
                self.after_step(process)

    def _advance(self) -> None:
        """To the next timer of something that lives, and all that are due with it."""
        timers, ready, pop = self._timers, self._ready, heapq.heappop
        while timers:
            at, _, first = pop(timers)
            if first.ended or (first.process is not None and not first.process.alive):
                continue
            self._now = max(self._now, at)
            ready.append(first)
            break
        else:
            raise WorldEnded("nothing is left that could happen")
        while timers and timers[0][0] <= self._now:
            ready.append(pop(timers)[2])

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What nobody awaited has failed: kept, for whoever asks whether all went well."""
        self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Ends every process, and closes what was dropped with it."""
        self._closed = True
        # What a ``finally`` block asks of a loop is asked of this one; with none running asyncio makes a real one.
        asyncio._set_running_loop(self)  # noqa: SLF001  as above
        try:
            for process in list(self._processes):
                process.bury()
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001  as above
        self._processes.clear()
        self._ready.clear()
        self._timers.clear()

    def get_debug(self) -> bool:
        return False

    async def shutdown_asyncgens(self) -> None:
        """Those of a process that was dropped are closed with it."""

    def stop(self) -> NoReturn:
        raise NotImplementedError("the world ends when what it waits for is done")
