"""Processes of the simulated world: tasks that can all be dropped at once, as SIGKILL drops them."""

from __future__ import annotations

import asyncio
import contextvars
import warnings
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

__all__ = ["ProcessDied", "SimulatedProcess", "current_process", "process_of"]

_T = TypeVar("_T")
_CURRENT: contextvars.ContextVar[SimulatedProcess | None] = contextvars.ContextVar("process", default=None)
_MOST_CLOSES: Final = 50
_KEPT_TASKS: Final = 256


class ProcessDied(BaseException):
    """Raised by a port that a dead process calls: nothing it does has an effect any more."""


class SimulatedProcess:
    """What is begun with :meth:`spawn`, and all that it begins in turn.

    After :meth:`kill` the loop runs nothing of it any more: no callback, no timer, no ``finally``. Its ports have to
    look at ``alive`` themselves, for the one step that may be running right now. ``on_death`` is called once.
    """

    __slots__ = ("_dies_in", "_tasks", "alive", "name", "on_death")

    def __init__(self, name: str, on_death: Callable[[], None] = lambda: None) -> None:
        self.name = name
        self.alive = True
        self.on_death = on_death
        self._tasks: list[asyncio.Task[Any]] = []
        self._dies_in = -1

    def spawn(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Runs ``work`` in this process; whoever awaits the task may be of another one."""
        context = contextvars.copy_context()
        context.run(_CURRENT.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)

    def began(self, task: asyncio.Task[Any]) -> None:
        """For the loop: keeps what was begun, so that nothing of it is collected, and closed, at a time of its own."""
        self._tasks.append(task)
        if len(self._tasks) > _KEPT_TASKS:
            self._tasks = [each for each in self._tasks if not each.done()]

    def die_in(self, steps: int) -> None:
        """Dies after so many more steps of any of its tasks: at any place where one of them waits."""
        self._dies_in = steps

    def stepped(self) -> None:
        """For the loop: one more step is done."""
        if self._dies_in >= 0:
            self._dies_in -= 1
            if self._dies_in < 0:
                self.kill()

    def kill(self) -> None:
        if self.alive:
            self.alive = False
            self.on_death()

    def bury(self) -> None:
        """Closes what was dropped, after the world has ended: ``finally`` blocks run into ports that are dead."""
        self.kill()
        with warnings.catch_warnings():
            # What a ``finally`` block begins now is never awaited.
            warnings.simplefilter("ignore")
            self._close_all()

    def _close_all(self) -> None:
        for task in self._tasks:
            work = None if task.done() else task.get_coro()
            for _ in range(_MOST_CLOSES):
                try:
                    if work is not None:
                        work.close()
                    break
                except BaseException:  # noqa: BLE001, S112  whatever it says, it is dead
                    continue
        self._tasks.clear()


def process_of(context: contextvars.Context) -> SimulatedProcess | None:
    """The process that runs in ``context``."""
    return context.get(_CURRENT)


def current_process() -> SimulatedProcess | None:
    """The process of the running callback."""
    return _CURRENT.get()
