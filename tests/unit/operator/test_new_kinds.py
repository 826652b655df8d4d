"""ServiceMonitors appear, and go, while the operator runs."""

from __future__ import annotations

import asyncio
import contextlib

from cbbot.errors import Retryable
from cbbot_operator.new_kinds import notice_new_kinds
from unit.operator.memory_cluster import MemoryCluster


class Learning(MemoryCluster):
    """Knows ServiceMonitors, or fails to tell, as the list says, one answer after the other."""

    def __init__(self, *answers: bool | None) -> None:
        super().__init__()
        self.answers = list(answers)
        self.asked = asyncio.Event()

    async def serves(self, kind: str) -> bool:
        answer = self.answers.pop(0)
        if not self.answers:
            self.asked.set()
            await asyncio.Event().wait()
        if answer is None:
            raise Retryable("no answer")
        return answer if kind == "ServiceMonitor" else True


def looks_after(*answers: bool | None) -> int:
    looks = 0

    def look_again() -> None:
        nonlocal looks
        looks += 1

    async def main() -> None:
        cluster = Learning(*answers, None)
        task = asyncio.create_task(notice_new_kinds(cluster, look_again, 0, 0))
        await cluster.asked.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(main(), 10))
    return looks


def test_every_tradingbot_is_looked_at_again_when_a_kind_appears_or_goes() -> None:
    assert looks_after(False, False, True, True, False) == 2


def test_what_is_as_it_was_is_no_reason_and_a_silent_server_says_nothing() -> None:
    assert looks_after(True, True, None, True) == 0
    assert looks_after(False, None, True) == 1
