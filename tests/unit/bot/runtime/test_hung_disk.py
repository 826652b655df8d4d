"""A disk that answers never, or not in time: exits go out, entries do not, it is said, and a stop ends."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cbbot.errors import CbbotError, Retryable
from cbbot.runtime.early_control import EarlyControl
from cbbot.runtime.state_writer import SAVE_SECONDS
from cbbot.runtime.store import read_generation
from cbbot.trader.events import EntriesPaused
from full_disk import full

LIVE = {
    "DRY_RUN": "false", "MAX_ORDER_USD": "100", "MAX_EXPOSURE_USD": "1000", "USE_TICK_PRICE": "true",
    "TICK_INTERVAL_SEC": "1",
}  # fmt: skip


class Disk:
    """In the place of the thread: saves take ``seconds``, or hang until it is well again."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.begun = 0
        self._answers = asyncio.Event()
        self._answers.set()

    def freeze(self) -> None:
        self._answers.clear()

    def thaw(self) -> None:
        self._answers.set()

    async def __call__(self, save: Callable[[], None]) -> None:
        self.begun += 1
        await self._answers.wait()
        await asyncio.sleep(self.seconds)
        save()


def test_exits_go_out_while_a_save_hangs_and_health_says_why(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        disk = Disk()
        rig = make_rig(bridge, tmp_path, disk, STOP_LOSS_PCT="0.3")
        await rig.until(lambda: len(rig.bot.lots() or ()) >= 2)
        opened = {lot.lot for lot in rig.bot.lots()}
        disk.freeze()
        begun = disk.begun
        await rig.until(lambda: not rig.bot.lots())
        status, (ready, reason) = rig.bot.status(), rig.bot.readiness
        assert status.entries.paused_by == ["disk"]
        assert "the disk has not answered for 5 s" in status.reason
        assert (ready, reason) == (False, status.reason)
        assert rig.bot.alive, "a restart would leave lots unwatched"
        assert rig.exposed()["bot_save_failures_total"] >= 2
        assert disk.begun == begun + 1, "no second save is begun while one hangs"
        disk.thaw()
        await rig.until(lambda: bool(rig.bot.lots()))
        assert rig.bot.status().entries.paused_by == []
        assert {lot.lot for lot in rig.bot.lots()}.isdisjoint(opened)
        assert rig.bot.readiness[0]
        await rig.stop()
        assert len(read_generation(rig.store.path)["trades"]) == rig.trade_log.last_number

    virtually(main)


def test_an_exit_waits_for_a_hanging_disk_no_longer_than_the_limit(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        disk = Disk()
        rig = make_rig(bridge, tmp_path, disk, **LIVE, BUY_THRESHOLD="0")
        await rig.until(lambda: bool(rig.bot.lots()) and not rig.bot.status().pending_orders)
        disk.freeze()
        asked = asyncio.get_running_loop().time()
        flattening = asyncio.create_task(rig.bot.flatten())
        await rig.until(lambda: sum("base_size" in order for order in bridge.orders.values()) == 1)
        assert asyncio.get_running_loop().time() - asked <= SAVE_SECONDS + 5
        with pytest.raises(Retryable, match=r"in force, but a restart would forget it: .* has not answered"):
            await flattening
        disk.thaw()
        await rig.stop()

    virtually(main)


def test_a_stop_ends_while_the_disk_hangs_and_says_that_the_state_is_not_saved(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        disk = Disk()
        rig = make_rig(bridge, tmp_path, disk)
        await rig.until(lambda: rig.bot.readiness[0])
        disk.freeze()
        asked = asyncio.get_running_loop().time()
        rig.bot.stop()
        with pytest.raises(CbbotError, match=r"the last state is not saved: .* has not answered"):
            await rig.running
        assert asyncio.get_running_loop().time() - asked < 2 * SAVE_SECONDS

    virtually(main)


def test_a_stop_on_a_full_disk_is_no_success(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path)
        await rig.until(lambda: rig.bot.readiness[0])
        monkeypatch.setattr(os, "write", full)
        rig.bot.stop()
        with pytest.raises(CbbotError, match=r"No space left.*Orders since 20\d\d-.* may be missing"):
            await rig.running

    virtually(main)


def test_a_save_that_ends_after_all_counts_and_lets_entries_go_on(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        disk = Disk()
        rig = make_rig(bridge, tmp_path, disk, BUY_THRESHOLD="1", USE_TICK_PRICE="true")
        await rig.until(lambda: rig.bot.readiness[0])
        disk.freeze()
        with pytest.raises(Retryable):
            await rig.bot.pause_entries("resource")
        assert "disk" in rig.bot.status().entries.paused_by
        disk.thaw()
        await rig.until(lambda: rig.bot.status().entries.paused_by == ["resource"], 60)
        assert read_generation(rig.store.path)["paused_by"] == ["resource"]
        await rig.stop()

    virtually(main)


def test_an_entry_that_waits_for_the_disk_does_not_leave_after_a_stop(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        disk = Disk()
        rig = make_rig(bridge, tmp_path, disk, **LIVE, BUY_THRESHOLD="0")
        await rig.until(lambda: rig.bot.readiness[0] and not rig.bot.status().pending_orders)
        disk.seconds = 4
        await rig.until(lambda: rig.bot.status().pending_orders == 1)
        sent = len(bridge.orders)
        await rig.stop()
        assert len(bridge.orders) == sent
        assert read_generation(rig.store.path)["intents"] == []

    virtually(main)


def test_an_exit_that_waits_for_the_disk_leaves_and_its_end_is_in_the_state(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        disk = Disk()
        rig = make_rig(bridge, tmp_path, disk, **LIVE, BUY_THRESHOLD="0")
        await rig.until(lambda: bool(rig.bot.lots()) and not rig.bot.status().pending_orders)
        disk.seconds = 3
        flattening = asyncio.create_task(rig.bot.flatten())
        await rig.until(lambda: rig.bot.status().pending_orders == 1)
        await rig.stop()
        await asyncio.gather(flattening, return_exceptions=True)
        document = read_generation(rig.store.path)
        assert (document["intents"], document["lots"]) == ([], [])
        assert sum("base_size" in order for order in bridge.orders.values()) == 1

    virtually(main)


def test_a_save_that_hung_until_the_bot_had_stopped_replaces_nothing(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    """The lock is free by then, and the state may be another bot's."""
    bridge = fake_bridge()

    async def main() -> None:
        disk, hung = Disk(), []

        async def thread(save: Callable[[], None]) -> None:
            hung.append(save)
            await disk(save)

        rig = make_rig(bridge, tmp_path, thread)
        await rig.until(lambda: rig.bot.readiness[0])
        disk.freeze()
        rig.bot.stop()
        await asyncio.gather(rig.running, return_exceptions=True)
        before = rig.store.path.read_bytes()
        with pytest.raises(OSError, match="no longer this process's"):
            hung[-1]()
        assert rig.store.path.read_bytes() == before

    virtually(main)


def test_once_a_full_disk_has_room_again_entries_are_let_go_within_two_seconds(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    async def main() -> None:
        rig = make_rig(fake_bridge(), tmp_path)
        await rig.until(lambda: rig.bot.readiness[0])
        loop, save = asyncio.get_running_loop(), rig.store.save
        for ask in (rig.bot.pause_entries, rig.bot.resume_entries, rig.bot.pause_entries):
            rig.store.save = full
            with pytest.raises(Retryable):
                await ask("hand")
            await rig.until(lambda: "disk" in rig.bot.state.paused_by)
            rig.store.save, freed_at = save, loop.time()
            await rig.until(lambda: "disk" not in rig.bot.state.paused_by)
            assert loop.time() - freed_at <= 2.0
        await rig.stop()

    virtually(main)


async def paused_twice_on_a_disk_that_hangs(control: Path) -> tuple[int, int]:
    """How many writes had begun while the first one hung, and once it was over."""
    disk = Disk()
    early = EarlyControl(control, disk)
    disk.freeze()
    for by in ("hand", "resource"):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(early.take(EntriesPaused(0, by), halted=False), SAVE_SECONDS)
    hanging = disk.begun
    disk.thaw()
    await asyncio.wait_for(early.take(EntriesPaused(0, "disk"), halted=False), SAVE_SECONDS)
    return hanging, disk.begun


def test_what_is_asked_during_a_start_is_written_by_one_thread_at_a_time(virtually: Any, tmp_path: Path) -> None:
    """Who asked has stopped waiting; the thread has not, and two of them would write into one file."""
    control = tmp_path / "bot_state.json.control"
    assert virtually(lambda: paused_twice_on_a_disk_that_hangs(control)) == (1, 3)
    words = {event.by for event in EarlyControl(control, Disk()).events(0) if isinstance(event, EntriesPaused)}
    assert words == {"hand", "resource", "disk"}
