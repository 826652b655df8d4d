"""Many questions at once, so that who takes long costs others nothing.

Whoever took long last time, or was never asked, waits for its place among its own kind; those that answer at once never
wait for it. A round does not wait for it either: it goes on being asked, and is not asked twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from cbbot_operator.keys import Key

__all__ = ["PollLanes"]

_PLACES = 100
_PROMPT_SECONDS = 1.0


class PollLanes:
    """Two lanes with some places each, and what was begun in them."""

    def __init__(self, prompt_seconds: float = _PROMPT_SECONDS) -> None:
        self._prompt_seconds = prompt_seconds
        self._prompt = asyncio.Semaphore(_PLACES)
        self._others = asyncio.Semaphore(_PLACES)
        self._answering: set[Key] = set()
        self._begun: dict[Key, asyncio.Future[None]] = {}

    @contextlib.asynccontextmanager
    async def place(self, key: Key) -> AsyncIterator[None]:
        """A place in the lane that ``key`` has earned. It is kept for a second at most: who takes longer goes on
        without, and waits in the other lane next time."""
        gate = self._prompt if key in self._answering else self._others
        await gate.acquire()
        leaving = asyncio.get_running_loop().call_later(self._prompt_seconds, self._leave, key, gate)
        try:
            yield
        finally:
            if leaving.when() > asyncio.get_running_loop().time():
                leaving.cancel()
                self._answering.add(key)
                gate.release()

    def _leave(self, key: Key, gate: asyncio.Semaphore) -> None:
        self._answering.discard(key)
        gate.release()

    async def ask(self, keys: Iterable[Key], visit: Callable[[Key], Awaitable[None]]) -> None:
        """Visit all of ``keys`` that are not being visited. Returns when all have answered, and no later than a second
        after it began: the others go on.

        Raises: what a visit raised, of this round or of an earlier one.
        """
        self._end()
        for key in keys:
            if key not in self._begun:
                self._begun[key] = asyncio.ensure_future(visit(key))
        if self._begun:
            await asyncio.wait(self._begun.values(), timeout=self._prompt_seconds)
        self._end()

    def _end(self) -> None:
        done = [key for key, task in self._begun.items() if task.done()]
        for task in [self._begun.pop(key) for key in done]:
            task.result()

    def keep(self, keys: Iterable[Key]) -> None:
        """Forget who is not among ``keys``."""
        self._answering.intersection_update(keys)

    async def aclose(self) -> None:
        """End what is going on."""
        for task in self._begun.values():
            task.cancel()
        await asyncio.gather(*self._begun.values(), return_exceptions=True)
        self._begun.clear()
