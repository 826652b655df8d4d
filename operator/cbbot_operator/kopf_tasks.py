"""kopf as a part of a process, not the whole of it: it takes no signals, ends no tasks but its own and keeps nothing
of the objects that it has shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from typing import Any

import kopf
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory

__all__ = ["NoMemories", "run_kopf"]

_Task = asyncio.Task[Any]


class _EveryTask(Collection[_Task]):
    """To kopf every task that began after it is its own, to be waited for and canceled when it ends."""

    def __contains__(self, task: object) -> bool:
        return True

    def __iter__(self) -> Iterator[_Task]:
        return iter(asyncio.all_tasks())

    def __len__(self) -> int:
        return len(asyncio.all_tasks())


class NoMemories(ResourceMemories):  # kopf.operator takes one and exports none
    """kopf's notes about an object serve its handlers of changes; there are none here, and of each child there would be
    a kilobyte.
    """

    async def recall(self, raw_body: Any, **options: Any) -> ResourceMemory:
        return await super().recall(raw_body, **{**options, "ephemeral": True})


async def run_kopf(heed_signals: Callable[[], None], **options: Any) -> None:
    """``kopf.operator`` with its ``options``. ``heed_signals`` takes the process's signals back, which kopf takes."""
    tasks = await kopf.spawn_tasks(memories=NoMemories(), **options)
    heed_signals()
    await kopf.run_tasks(tasks, ignored=_EveryTask())
