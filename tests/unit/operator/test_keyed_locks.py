from __future__ import annotations

import asyncio

from cbbot_operator.keyed_locks import KeyedLocks
from unit.operator.memory_cluster import Run


def test_a_key_is_held_by_one_and_others_are_free(run: Run) -> None:
    async def scenario() -> list[str]:
        locks: KeyedLocks[str] = KeyedLocks()
        told: list[str] = []
        go_on = asyncio.Event()

        async def hold(key: str, name: str) -> None:
            async with locks.of(key):
                told.append(name)
                await go_on.wait()

        tasks = [asyncio.ensure_future(hold(*one)) for one in (("a", "first"), ("a", "second"), ("b", "other"))]
        for _ in range(10):  # turns of the loop: enough for each to come as far as it can
            await asyncio.sleep(0)
        before = list(told)
        go_on.set()
        await asyncio.gather(*tasks)
        return [*before, *told[2:]]

    assert run(scenario()) == ["first", "other", "second"]


def test_there_are_no_more_locks_than_keys_in_use(run: Run) -> None:
    async def scenario() -> tuple[int, int]:
        locks: KeyedLocks[int] = KeyedLocks()
        for key in range(1000):
            async with locks.of(key):
                during = len(locks)
        waiter = asyncio.ensure_future(_hold(locks))
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        return during, len(locks)

    assert run(scenario()) == (1, 0)


async def _hold(locks: KeyedLocks[int]) -> None:
    async with locks.of(1):
        await asyncio.Event().wait()
