"""Processes of the simulated world: tasks that can all be dropped at once, as SIGKILL drops them."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["SimulatedProcess", "current_process"]

_T = TypeVar("_T")
_CURRENT: contextvars.ContextVar[SimulatedProcess | None] = contextvars.ContextVar("process", default=None)
_MOST_CLOSES = 50


class SimulatedProcess:
    """What is begun with :meth:`spawn`, and all that it begins in turn.

    After :meth:`kill` the loop runs nothing of it any more: no callback, no timer, no ``finally``. Its ports have to
    look at ``alive`` themselves, for the one step that may be running right now.
    """

    __slots__ = ("_tasks", "alive", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self._tasks: list[asyncio.Task[Any]] = []

    def spawn(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Runs ``work`` in this process; whoever awaits the task may be of another one."""
        context = contextvars.copy_context()
        context.run(_CURRENT.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)

    def began(self, task: asyncio.Task[Any]) -> None:
        """For the loop: keeps what was begun, so that nothing of it is collected, and closed, at a time of its own."""
        self._tasks.append(task)
        if len(self._tasks) > 256:
            self._tasks = [each for each in self._tasks if not each.done()]

    def kill(self) -> None:
        self.alive = False

    def bury(self) -> None:
        """Closes what was dropped, after the world has ended: ``finally`` blocks run into ports that are dead."""
        for task in self._tasks:
            if task.done():
                continue
            work = task.get_coro()
            for _ in range(_MOST_CLOSES):
                try:
                    if work is not None:
                        work.close()
                    break
                except BaseException:  # noqa: BLE001, S112  whatever it says, it is dead
                    continue
        self._tasks.clear()


def current_process() -> SimulatedProcess | None:
    """The process of the running callback."""
    return _CURRENT.get()
