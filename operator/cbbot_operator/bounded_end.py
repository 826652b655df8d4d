"""An event loop whose end waits for nobody for long: a task may miss that it is canceled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

__all__ = ["run_to_bounded_end"]

_LOG = logging.getLogger(__name__)
_END_SECONDS = 3.0


def run_to_bounded_end(main: Coroutine[Any, Any, None], end_seconds: float = _END_SECONDS) -> None:
    """As ``asyncio.run``, but what does not end within ``end_seconds`` is left behind and named.

    Raises: what ``main`` raises.
    """
    loop = asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(main)
    finally:
        # What kopf's generators say of their end is of no use to anybody.
        loop.set_exception_handler(lambda _, context: _LOG.debug("while ending: %s", context.get("message")))
        loop.run_until_complete(_end(end_seconds))
        asyncio.set_event_loop(None)
        loop.close()


async def _end(seconds: float) -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        _, left = await asyncio.wait(left, timeout=seconds)
    for task in left:
        _LOG.warning("%s does not end", task.get_name())
    await asyncio.wait([asyncio.ensure_future(asyncio.get_running_loop().shutdown_asyncgens())], timeout=seconds)
