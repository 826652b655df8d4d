"""Tasks that live and die together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from cbbot.errors import CbbotError

__all__ = ["NeverEnding", "run_until"]

_LOG = logging.getLogger(__name__)
_OWN_PACE_SECONDS = 5.0
_CANCEL_SECONDS = 5.0


class NeverEnding(CbbotError):
    """Tasks go on though they were canceled: only the end of the process ends them."""


async def run_until(
    stop: asyncio.Event,
    *coroutines: Coroutine[Any, Any, None],
    stops_itself: Callable[[asyncio.Event], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Run all until one ends or ``stop`` is set; then end them all, within ten seconds.

    ``stops_itself`` ends when the event that it is given is set, and gets five seconds for it while the others are
    ended. The error of one is raised, those of further ones are logged.

    Raises:
        NeverEnding: one has failed, and some of the others cannot be ended.
    """
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    over = asyncio.Event()
    patient = [asyncio.ensure_future(stops_itself(over))] if stops_itself is not None else []
    stopper = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([*tasks, *patient, stopper], return_when=asyncio.FIRST_COMPLETED)
    finally:
        ending = [*tasks, stopper]
        for task in ending:
            task.cancel()
        over.set()
        if patient:
            await asyncio.wait(patient, timeout=_OWN_PACE_SECONDS)
        for task in patient:
            task.cancel()
        await asyncio.wait([*ending, *patient], timeout=_CANCEL_SECONDS)
        failures = list(_failures([*tasks, *patient]))
    for failure in failures[1:]:
        _LOG.warning("%s", failure, exc_info=failure)
    unended = [task.get_name() for task in (*tasks, *patient) if not task.done()]
    for name in unended:
        _LOG.warning("%s does not end", name)
    if failures and unended:
        raise NeverEnding(f"{failures[0]}; {', '.join(unended)}: no end") from failures[0]
    if failures:
        raise failures[0]


def _failures(tasks: Iterable[asyncio.Task[None]]) -> Iterable[BaseException]:
    for task in tasks:
        if task.done() and not task.cancelled() and (failure := task.exception()) is not None:
            yield failure
