"""One question that many have: those who ask it at the same time share an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

__all__ = ["SharedAnswer"]

V = TypeVar("V")


class SharedAnswer(Generic[V]):
    """The newest answer to one question; those who ask while it is being asked share the next one."""

    def __init__(self, ask: Callable[[], Awaitable[V]]) -> None:
        self._ask = ask
        self._lock = asyncio.Lock()
        self._newest: tuple[float, V] | None = None

    async def get(self, monotonic: Callable[[], float], seconds: float) -> V:
        """An answer to a question that was put less than ``seconds`` before this call, or after it."""
        came = monotonic()
        async with self._lock:
            # An answer to a question put after this caller came is good for it, however new it has to be.
            if self._newest is None or self._newest[0] <= came - seconds:
                self._newest = monotonic(), await self._ask()
            return self._newest[1]
