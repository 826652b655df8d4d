"""The venue's clock is set, the bridge is dead or frozen: what is open is watched on, and no order is made twice."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from simulation.trading_processes import SPEED, Ambush, TradingProcesses, agree_and_go_on, trading

pytestmark = [pytest.mark.anyio, pytest.mark.processes, pytest.mark.slow]


async def trades_on(parts: TradingProcesses) -> None:
    """Lots are bought, and leave by their levels."""
    before = len(parts.trades())
    async with asyncio.timeout(60):
        while len(parts.trades()) < before + 2:
            status = await parts.status()
            assert status["phase"] == "trading", status
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("hours", [1, -1, 8], ids=["an hour ahead", "an hour back", "asleep for eight hours"])
async def test_a_venue_s_clock_that_is_set_stops_no_exit(tmp_path: Path, hours: int) -> None:
    async with trading(tmp_path) as parts:
        await parts.adjust("faults", path="/time", change="clock", offset_seconds=hours * 3600, times=1_000_000)
        await parts.counted("bot_clock_jumps_total", 1)
        await trades_on(parts)
        await parts.no_faults()
        await parts.counted("bot_clock_jumps_total", 2)
        await trades_on(parts)
        await agree_and_go_on(parts)


async def test_after_ten_minutes_without_a_bridge_what_was_under_way_is_known_and_the_lots_leave(
    tmp_path: Path,
) -> None:
    """The venue's minutes. The bridge dies with an order that the exchange has taken."""
    taken = Ambush()
    async with trading(tmp_path, taken=taken) as parts:
        await parts.until(lambda status: bool(status["open_lots"]), "a lot")
        taken.act = parts.kill_bridge
        async with asyncio.timeout(60):
            await taken.met.wait()
        await parts.venue_seconds(600)
        status = await parts.status()
        assert status["phase"] == "trading"
        assert not status["entries"]["allowed"], "the fate of an order is not known"
        assert status["pending_orders"] > 0
        await parts.start_bridge()
        await parts.until(lambda status: status["pending_orders"] == 0, "the end of the order")
        await trades_on(parts)
        await agree_and_go_on(parts)


@pytest.mark.parametrize("where", ["ordered", "sent"], ids=["not read yet", "sent without an answer"])
async def test_a_bridge_frozen_with_an_order_does_not_place_it_when_another_has_looked_for_it(
    tmp_path: Path, where: str
) -> None:
    """What the bridge in its place has said in the meantime, that there is no such order, must stay true."""
    ambush = Ambush(passes=where == "ordered")
    async with trading(tmp_path, **{where: ambush}) as parts:
        frozen = parts.bridge
        assert frozen is not None

        async def freeze() -> None:
            frozen.send_signal(signal.SIGSTOP)

        ambush.act = freeze
        async with asyncio.timeout(60):
            await ambush.met.wait()
        await parts.to_bridge.cut()
        parts.bridge = None
        try:
            await parts.start_bridge()
            await parts.until(lambda status: status["pending_orders"] == 0 and bool(status["open_lots"]), "another lot")
            # Longer than an entry may leave, which is counted in this machine's seconds.
            await parts.venue_seconds(SPEED * 11)
            frozen.send_signal(signal.SIGCONT)
            await trades_on(parts)
            await agree_and_go_on(parts)
        finally:
            frozen.kill()
            await frozen.wait()
