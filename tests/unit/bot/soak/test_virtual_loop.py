"""The simulated world's event loop, where a process that was dropped is closed."""

from __future__ import annotations

import asyncio

from cbbot.soak.simulated_processes import SimulatedProcess
from cbbot.soak.virtual_loop import VirtualLoop


def test_a_process_that_was_dropped_ends_on_the_loop_of_its_world() -> None:
    """With none running, asyncio would make a real one for it that nobody closes."""
    loop = VirtualLoop()  # type: ignore[abstract]  # sockets, pipes and signals are no part of a world
    ended_on: list[asyncio.AbstractEventLoop] = []

    async def waits() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended_on.append(asyncio.gather().get_loop())

    async def main() -> None:
        SimulatedProcess("bot").spawn(waits())
        await asyncio.sleep(1)

    loop.run_until_complete(main())
    loop.close()
    assert ended_on == [loop]
