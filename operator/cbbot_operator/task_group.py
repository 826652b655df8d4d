"""Tasks that live and die together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Any

__all__ = ["run_until"]

_LOG = logging.getLogger(__name__)
_OWN_PACE_SECONDS = 5.0
_CANCEL_SECONDS = 5.0


async def run_until(
    stop: asyncio.Event, *coroutines: Coroutine[Any, Any, None], stops_itself: Coroutine[Any, Any, None] | None = None
) -> None:
    """Run all until one ends or ``stop`` is set; then end them all, within ten seconds.

    ``stops_itself`` heeds ``stop`` and gets five seconds for it while the others are ended. The error of one is raised,
    those of further ones are logged.
    """
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    patient = [asyncio.ensure_future(stops_itself)] if stops_itself is not None else []
    stopper = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([*tasks, *patient, stopper], return_when=asyncio.FIRST_COMPLETED)
    finally:
        ending = [*tasks, stopper]
        for task in ending:
            task.cancel()
        if stop.is_set() and patient:
            await asyncio.wait(patient, timeout=_OWN_PACE_SECONDS)
        for task in patient:
            task.cancel()
        await asyncio.wait([*ending, *patient], timeout=_CANCEL_SECONDS)
        failures = list(_failures([*tasks, *patient]))
    for failure in failures[1:]:
        _LOG.warning("%s", failure, exc_info=failure)
    if failures:
        raise failures[0]


def _failures(tasks: Iterable[asyncio.Task[None]]) -> Iterable[BaseException]:
    for task in tasks:
        if not task.done():
            _LOG.warning("%s does not end", task.get_name())
        elif not task.cancelled() and (failure := task.exception()) is not None:
            yield failure
