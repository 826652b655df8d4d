"""A process of the bridge's from its start to its end: it may be killed, stopped for a while, and slowed down.

Whatever enters or leaves it passes through here. One that is dead sends nothing and answers nobody, whatever its tasks do
while they are taken down; one that is frozen does both once it is thawed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

__all__ = ["BridgeLife"]


class BridgeLife:
    """``context`` is what its tasks run in."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._held_back: list[Callable[[], None]] = []
        self.alive = True
        self.frozen = False
        self.lag_seconds = 0.0
        """What slows down every step in and out."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task of the process."""
        task = asyncio.get_running_loop().create_task(work, context=self._context)
        self._tasks[task] = None
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None and self.alive:
            raise error

    def when_awake(self, act: Callable[[], None]) -> None:
        """Now, or once it is thawed; never when it is dead."""
        if self.frozen and self.alive:
            self._held_back.append(act)
        elif self.alive:
            act()

    async def awake(self) -> None:
        """Returns when the process may send something, and never when it is dead."""
        while self.frozen or not self.alive:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if self.alive:
                self._held_back.append(lambda waiting=waiting: waiting.done() or waiting.set_result(None))  # type: ignore[misc]
            await waiting

    def freeze(self) -> None:
        """It gets no processor, as after SIGSTOP."""
        self.frozen = True

    def thaw(self) -> None:
        """It goes on; what came meanwhile is there at once."""
        self.frozen = False
        held_back, self._held_back = self._held_back, []
        for act in held_back:
            self.when_awake(act)

    def kill(self) -> None:
        """It is gone from this moment on, as after SIGKILL."""
        self.alive = False
        self._held_back.clear()
        for task in list(self._tasks):
            task.cancel()
