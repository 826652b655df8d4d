"""A disk that is full, frozen, broken or torn under a bot that trades: entries stop, exits go on, nothing is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from simulation.private_mounts import ext4, tmpfs
from simulation.trading_processes import Ambush, TradingProcesses, start_again, trading

pytestmark = [pytest.mark.anyio, pytest.mark.processes, pytest.mark.slow]

SLOWER = {"TAKE_PROFIT_PCT": "0.1", "SCALP_TP_MIN_PCT": "0.1", "STOP_LOSS_PCT": "0.1"}
"""Lots that live for some seconds: there are some when the disk fails, and they leave while it does."""


async def lots_leave_and_none_come(parts: TradingProcesses) -> None:
    """Entries have been stopped by the disk; the open lots go by their levels."""
    status = await parts.until(lambda status: "disk" in status["entries"]["paused_by"], "the pause")
    assert bool(status["open_lots"])
    assert not status["entries"]["allowed"]
    await parts.until(lambda status: status["open_lots"] == 0, "the exits of all lots")


def two_lots(status: dict[str, Any]) -> bool:
    return (status["open_lots"] or 0) >= 2


async def test_on_a_full_disk_lots_leave_and_a_start_with_room_finds_all_of_it(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "128k") as disk:
        async with trading(tmp_path, settings=SLOWER, state_folder=disk.folder / "state") as parts:
            await parts.until(two_lots, "two lots")
            filler = disk.fill()
            await lots_leave_and_none_come(parts)
            before = parts.document()
            assert before is not None
            assert before["lots"], "the disk still has the lots that were sold"
            await parts.kill_bot()
            filler.unlink()
            await start_again(parts)


async def test_on_a_broken_disk_lots_leave_and_a_start_on_a_mended_one_finds_all_of_it(tmp_path: Path) -> None:
    image = tmp_path / "image"
    with ext4(tmp_path / "disk", image) as disk:
        async with trading(tmp_path, settings=SLOWER, state_folder=disk.folder / "state") as parts:
            await parts.until(two_lots, "two lots")
            disk.break_()
            await lots_leave_and_none_come(parts)
            await parts.kill_bot()
            disk.mend(image)
            await start_again(parts)


async def test_a_disk_that_is_frozen_stops_no_exit_and_once_it_thaws_nothing_is_lost(tmp_path: Path) -> None:
    with ext4(tmp_path / "disk", tmp_path / "image") as disk:
        async with trading(tmp_path, settings=SLOWER, state_folder=disk.folder / "state") as parts:
            await parts.until(two_lots, "two lots")
            disk.freeze()
            try:
                await lots_leave_and_none_come(parts)
                assert parts.bot is not None
                parts.bot.kill()
            finally:
                disk.thaw()
            # A process that writes to a frozen file system ends only when it may.
            await parts.kill_bot()
            await start_again(parts)


async def test_a_start_on_a_state_that_cannot_be_written_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    image = tmp_path / "image"
    with ext4(tmp_path / "disk", image) as disk:
        async with trading(tmp_path, settings=SLOWER, state_folder=disk.folder / "state") as parts:
            await parts.until(two_lots, "two lots")
            await parts.kill_bot()
            disk.break_()
            await parts.start_bot()
            assert parts.bot is not None
            assert await parts.bot.wait() == 3
            assert str(parts.state.parent) in parts.log("bot").read_text().splitlines()[-1]
            disk.mend(image)
            await start_again(parts)


async def test_with_an_order_under_way_and_a_torn_newest_generation_the_order_is_adopted(tmp_path: Path) -> None:
    taken = Ambush()
    async with trading(tmp_path, taken=taken) as parts:
        await parts.until(lambda status: bool(status["open_lots"]), "a lot")
        taken.act = parts.kill_bot
        async with asyncio.timeout(60):
            await taken.met.wait()
        content = parts.state.read_bytes()
        parts.state.write_bytes(content[: len(content) // 2])
        await start_again(parts)
        status = await parts.status()
        assert any("went on with the previous generation" in warning for warning in status["warnings"])
        assert taken.order in {order["client_order_id"] for order in await parts.orders()}
