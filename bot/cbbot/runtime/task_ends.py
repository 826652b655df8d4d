"""How tasks that belong together end."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["cancelled", "first_to_fail"]


async def cancelled(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def first_to_fail(*tasks: asyncio.Task[None]) -> None:
    """These run for ever: the first that ends has failed, and its error is ours."""
    ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in ended:
        task.result()
