"""Server-sent events: the bot's events as text, with a sign of life when nothing happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Final

from cbbot.web.served_bot import Bot

__all__ = ["event_text", "stream"]

_KEEP_ALIVE_SECONDS: Final = 15.0


async def stream(bot: Bot) -> AsyncIterator[str]:
    """The status first, then events as they come, for as long as somebody reads."""
    events = bot.events()
    upcoming = asyncio.ensure_future(_next(events))
    try:
        yield event_text("status", bot.status().model_dump())
        while True:
            await asyncio.wait({upcoming}, timeout=_KEEP_ALIVE_SECONDS)
            if not upcoming.done():
                yield ": nothing new\n\n"
                continue
            event, fields = upcoming.result()
            upcoming = asyncio.ensure_future(_next(events))
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
