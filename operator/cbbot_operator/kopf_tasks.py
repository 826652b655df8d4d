"""kopf as a part of a process, not the whole of it: it takes no signals, ends no tasks but its own and keeps nothing
of the objects that it has shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import kopf
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory

from cbbot_operator.task_group import NeverEnding

__all__ = ["NoMemories", "run_again", "run_kopf"]

_LOG = logging.getLogger(__name__)
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 10.0
_END_SECONDS = 2.0
_AGAIN_SECONDS = 0.3
_TRIES = 8
_KOPF = Path(kopf.__file__).parent
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
    """``kopf.operator`` with its ``options``. ``heed_signals`` takes the process's signals back, which kopf takes.

    Raises:
        NeverEnding: something of kopf goes on though it was canceled.
    """
    tasks = await kopf.spawn_tasks(memories=NoMemories(), **options)
    heed_signals()
    running = asyncio.ensure_future(kopf.run_tasks(tasks, ignored=_EveryTask()))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait([running], timeout=_END_SECONDS)
    finally:
        await _end_what_is_left()
    if not running.cancelled():
        running.result()


async def _end_what_is_left() -> None:
    """Cancel what kopf has begun until it ends: a watch may miss it once, and goes on beside the next ones."""
    for _ in range(_TRIES):
        left = [task for task in asyncio.all_tasks() if _is_of_kopf(task)]
        if not left:
            return
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=_AGAIN_SECONDS)
    raise NeverEnding("kopf has lost a watch and does not end the others")


def _is_of_kopf(task: _Task) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and Path(code.co_filename).is_relative_to(_KOPF)


async def run_again(
    stop: asyncio.Event, run: Callable[[], Awaitable[None]], first_pause: float = _FIRST_PAUSE_SECONDS
) -> None:
    """Until ``stop`` is set ``run`` is begun anew whenever it ends, after a pause that grows while it ends soon.

    kopf gives up all watches at much that an API server may say to one of them: an error that is not 410 in the stream,
    a line that was cut, errors for a minute, a token of a page that has expired.

    Raises:
        NeverEnding: what has ended left something behind, so that only another process helps.
    """
    pause = first_pause
    while True:
        began = time.monotonic()
        try:
            await run()
            why = "for no reason"
        except NeverEnding:
            raise
        except Exception as error:  # noqa: BLE001  what kopf raises has no common base, and its cause may be anything
            why = f"{type(error).__name__}: {error}"
        if stop.is_set():
            return
        if time.monotonic() - began > _LONGEST_PAUSE_SECONDS:
            pause = first_pause
        _LOG.warning("the watches have ended: %s; opened anew in %.0f s", why[:500], pause)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
            return
        pause = min(_LONGEST_PAUSE_SECONDS, pause * 2)
