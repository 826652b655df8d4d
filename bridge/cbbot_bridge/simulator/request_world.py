"""What a request reaches: the world that the application serves, and the file that keeps it."""

from __future__ import annotations

from typing import cast

from starlette.requests import Request

from cbbot_bridge.simulator.state_file import StateFile
from cbbot_bridge.simulator.world import World

__all__ = ["keep_world", "world_of"]


def world_of(request: Request) -> World:
    """The world this application serves."""
    return cast("World", request.app.state.world)


async def keep_world(request: Request) -> None:
    """To be awaited before an answer: what a customer is told is in the state file first."""
    await cast("StateFile", request.app.state.state_file).save()
