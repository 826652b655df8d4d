"""Real processes: an order that the exchange has taken, unseen and without an answer, is the same when sent again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from simulation.trading_processes import Ambush, agree_and_go_on, trading

pytestmark = [pytest.mark.anyio, pytest.mark.processes, pytest.mark.slow]

# The bot asks after an order 2 s later: at this speed the order is unseen still, and not too old to be sent again.
SPEED = 3
UNSEEN_MS = 20_000


async def nothing() -> None:
    """Whoever waits for the answer just does not get it."""


async def test_an_order_whose_answer_is_lost_is_sent_again_under_its_own_id_and_filled_once(tmp_path: Path) -> None:
    posted: list[str] = []
    answered = Ambush()

    async def ordered(order: str, _: bytes) -> bool:
        posted.append(order)
        return True

    async with trading(tmp_path, speed=SPEED, ordered=ordered, answered=answered) as parts:
        await parts.adjust(order_visible_delay_ms=UNSEEN_MS)
        answered.act = nothing
        async with asyncio.timeout(60):
            await answered.met.wait()
        lost = posted.index(answered.order)
        await parts.until(lambda _: len(posted) > lost + 1, "the order once more")
        assert posted[lost + 1] == answered.order
        await parts.until(lambda status: status["pending_orders"] == 0, "the end of the order")
        await agree_and_go_on(parts)
