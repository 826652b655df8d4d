"""Server-sent events: the bot's events as text, and the status again soon after them and now and then."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Final

from cbbot.web.served_bot import Bot

__all__ = ["event_text", "stream"]

_STATUS_SECONDS: Final = 1.0
# What changes without an event (an outage, a pause by the disk) is seen so soon; it is a sign of life as well.
_KEEP_ALIVE_SECONDS: Final = 5.0


async def stream(bot: Bot) -> AsyncIterator[str]:
    """The status first, then events as they come, for as long as somebody reads.

    The status follows an event within a second, and comes at most once in one.
    """
    events, loop = bot.events(), asyncio.get_running_loop()
    upcoming = asyncio.ensure_future(_next(events))
    sent_at, changed = loop.time(), False
    try:
        yield event_text("status", bot.status().model_dump())
        while True:
            due = sent_at + (_STATUS_SECONDS if changed else _KEEP_ALIVE_SECONDS)
            await asyncio.wait({upcoming}, timeout=max(due - loop.time(), 0.0))
            if not upcoming.done() or loop.time() >= due:
                sent_at, changed = loop.time(), False
                yield event_text("status", bot.status().model_dump())
                continue
            event, fields = upcoming.result()
            upcoming = asyncio.ensure_future(_next(events))
            changed = True
            yield event_text(event, fields)
    finally:
        upcoming.cancel()


def event_text(event: str, fields: Mapping[str, object]) -> str:
    """One event in the format of the HTML standard."""
    return f"event: {event}\ndata: {json.dumps(fields, default=str)}\n\n"


async def _next(
    events: AsyncIterator[tuple[str, Mapping[str, object]]],
) -> tuple[str, Mapping[str, object]]:
    return await anext(events)
