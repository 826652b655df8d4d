"""Answers that are read from a file: beside the event loop, one at a time, and not waited for without end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from cbbot.errors import Retryable
from cbbot.process.daemon_calls import in_daemon_thread

__all__ = ["FileReading"]

T = TypeVar("T")

_SECONDS: Final = 5.0


class FileReading:
    """One thread at most: while a disk hangs, requests for what is on it fail, and nothing else does."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._under_way: asyncio.Task[None] | None = None

    async def done(self, read: Callable[[], T]) -> T:
        """What ``read`` returns.

        Raises:
            Retryable: the disk has not answered in time.
            what ``read`` raises.
        """
        found: list[T] = []
        try:
            async with asyncio.timeout(self._seconds):
                while self._under_way is not None and not self._under_way.done():
                    await asyncio.wait({self._under_way})
                self._under_way = asyncio.create_task(in_daemon_thread(lambda: found.append(read())))
                # Whoever asked may have gone when it fails.
                self._under_way.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
                await asyncio.shield(self._under_way)
        except TimeoutError as error:
            raise Retryable(f"the disk has not answered for {self._seconds:g} s: ask again later") from error
        return found[0]
