"""Pause, resume and flatten while a bot starts and while it trades: taken, kept over a kill, done once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from simulation.trading_processes import Ambush, TradingProcesses, agree_and_go_on, trading

pytestmark = [pytest.mark.anyio, pytest.mark.processes, pytest.mark.slow]


async def at_once(parts: TradingProcesses, *actions: str) -> None:
    answers = await asyncio.gather(*(parts.control(action) for action in actions))
    assert [answer.status_code for answer in answers] == [200] * len(actions), [answer.text for answer in answers]


async def test_a_flatten_asked_for_by_several_at_once_sells_every_lot_once(tmp_path: Path) -> None:
    async with trading(tmp_path) as parts:
        for _ in range(3):
            await parts.until(lambda status: bool(status["open_lots"]), "a lot")
            await at_once(parts, "flatten", "pause-entries", "flatten", "flatten")
            status = await parts.until(lambda status: not status["open_lots"] and not status["pending_orders"], "flat")
            assert status["entries"]["paused_by"] == ["hand"]
            found = await parts.agreed()
            assert found.differences == []
            assert (await parts.held())["BTC"] == 0
            await at_once(parts, "flatten", "flatten")
            await at_once(parts, "resume", "resume")
            await parts.until(lambda status: status["entries"]["paused_by"] == [], "the end of the pause")
        await agree_and_go_on(parts)


async def test_a_flatten_that_a_kill_interrupts_ends_with_the_next_start(tmp_path: Path) -> None:
    taken = Ambush()
    async with trading(tmp_path, taken=taken) as parts:
        await parts.until(lambda status: bool(status["open_lots"]) and not status["pending_orders"], "a lot")
        taken.act = parts.kill_bot
        await parts.control("flatten")
        async with asyncio.timeout(60):
            await taken.met.wait()
        await parts.start_bot()
        await parts.ready()
        status = await parts.until(lambda status: not status["open_lots"] and not status["pending_orders"], "flat")
        assert status["entries"]["paused_by"] == ["hand"]
        assert (await parts.agreed()).differences == []
        assert (await parts.held())["BTC"] == 0


async def test_what_is_asked_during_a_start_without_a_bridge_is_taken_kept_over_kills_and_done_once(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path) as parts:
        await parts.until(lambda status: bool(status["open_lots"]), "a lot")
        await parts.kill_bot()
        await parts.kill_bridge()
        document = parts.document()
        assert document is not None
        await parts.start_bot()
        await at_once(parts, "flatten", "flatten")
        status = await parts.status()
        assert not status["ready"]
        assert (status["open_lots"], status["entries"]["paused_by"]) == (len(document["lots"]), ["hand"])
        await parts.kill_bot()
        await parts.start_bot()
        await at_once(parts, "resume", "resume")
        await at_once(parts, "pause-entries")
        await parts.kill_bot()
        await parts.start_bot()
        await parts.start_bridge()
        await parts.ready()
        status = await parts.until(lambda status: not status["open_lots"] and not status["pending_orders"], "flat")
        assert status["entries"]["paused_by"] == ["hand"]
        assert (await parts.agreed()).differences == []
        assert (await parts.held())["BTC"] == 0
        await agree_and_go_on(parts)
