"""What is asked of a bot that is still starting is taken, durable, shown, and stepped before the first order."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from cbbot.errors import Retryable, UnsafeStart
from cbbot.runtime.store import read_generation
from full_disk import full

EAGER = {"BUY_THRESHOLD": "0", "USE_TICK_PRICE": "true", "TICK_INTERVAL_SEC": "1"}


def down(bridge: Any) -> None:
    bridge.broken["/exchange/filters"] = lambda _: httpx.Response(503, json={"error": {"code": "x", "message": "no"}})


@pytest.mark.parametrize("killed", [False, True])
def test_a_pause_during_a_first_start_holds_before_the_first_order(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path, killed: bool
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        down(bridge)
        rig = make_rig(bridge, tmp_path, **EAGER)
        await asyncio.sleep(5)
        await rig.bot.pause_entries("hand")
        assert rig.bot.status().entries.paused_by == ["hand"]
        assert rig.exposed()["bot_entries_paused"] == 1
        if killed:
            rig.running.cancel()
            await asyncio.gather(rig.running, return_exceptions=True)
            rig = make_rig(bridge, tmp_path, **EAGER)
            assert rig.bot.status().entries.paused_by == ["hand"]
        bridge.broken.clear()
        await rig.until(lambda: rig.bot.readiness[0])
        await asyncio.sleep(300)
        assert (rig.bot.lots(), rig.bot.status().entries.paused_by) == ([], ["hand"])
        assert read_generation(rig.store.path)["paused_by"] == ["hand"]
        assert not (tmp_path / "bot_state.json.control").exists()
        await rig.bot.resume_entries("hand")
        await rig.until(lambda: bool(rig.bot.lots()))
        await rig.stop()
        again = make_rig(bridge, tmp_path, **EAGER)
        await again.until(lambda: again.bot.readiness[0])
        assert again.bot.status().entries.paused_by == []
        await again.stop()

    virtually(main)


def test_the_last_word_of_each_counts_and_a_flatten_closes_the_lots_of_the_state(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, **EAGER)
        await rig.until(lambda: bool(rig.bot.lots()))
        await rig.bot.pause_entries("resource")
        await rig.stop()
        down(bridge)
        rig = make_rig(bridge, tmp_path, **EAGER)
        await rig.bot.flatten()
        await rig.bot.pause_entries("resource")
        await rig.bot.resume_entries("resource")
        status = rig.bot.status()
        assert status.entries.paused_by == ["hand"]
        assert "closes every lot" in status.reason
        bridge.broken.clear()
        await rig.until(lambda: rig.bot.readiness[0] and not rig.bot.lots())
        assert rig.bot.status().entries.paused_by == ["hand"]
        assert {trade.exit_reason for trade in rig.bot.trades(1, None)} == {"flatten"}
        await rig.stop()

    virtually(main)


@pytest.mark.parametrize(
    ("asked", "paused_by"),
    [(["resume"], ["hand"]), (["resume", "resume"], []), (["resume", "pause"], ["hand"]), (["pause"], ["hand"])],
)
@pytest.mark.parametrize("killed", [False, True])
def test_a_resume_during_the_start_ends_a_halt_and_says_what_goes_on(
    make_rig: Any,
    virtually: Any,
    fake_bridge: Any,
    tmp_path: Path,
    asked: list[str],
    paused_by: list[str],
    killed: bool,
) -> None:
    """A person's first word ends the halt, and entries stay paused until the next, as in a bot that has started."""
    bridge, still_halted = fake_bridge(), asked == ["pause"]

    async def main() -> None:
        rig = make_rig(bridge, tmp_path)
        await rig.until(lambda: rig.bot.readiness[0])
        await rig.stop()
        document = read_generation(rig.store.path)
        document.update(halted="an id used twice")
        rig.store.save(document)
        down(bridge)
        rig = make_rig(bridge, tmp_path)
        await asyncio.sleep(5)
        for word in asked:
            await (rig.bot.resume_entries("hand") if word == "resume" else rig.bot.pause_entries("hand"))
        if killed:
            rig.running.cancel()
            await asyncio.gather(rig.running, return_exceptions=True)
            rig = make_rig(bridge, tmp_path)
        status = rig.bot.status()
        words = "the state is halted: an id used twice" if still_halted else "no longer halted, by hand: exits go on"
        assert words in status.reason
        assert ("entries stay paused by hand" in status.reason) is (not still_halted and paused_by == ["hand"])
        assert (status.entries.paused_by, rig.exposed()["bot_halted"]) == (paused_by, still_halted)
        bridge.broken.clear()
        await rig.until(lambda: "history" not in rig.bot.status().reason and rig.bot.state is not None)
        await rig.until(lambda: rig.bot.state.watching)
        assert (bool(rig.bot.state.halted), sorted(rig.bot.state.paused_by)) == (still_halted, paused_by)
        await rig.stop()

    virtually(main)


def test_while_the_history_is_awaited_control_is_taken_as_ever(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()
    bridge.broken["/candles"] = lambda _: httpx.Response(503, json={"error": {"code": "x", "message": "no"}})

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, **EAGER)
        await asyncio.sleep(30)
        await rig.bot.pause_entries("hand")
        assert read_generation(rig.store.path)["paused_by"] == ["hand"]
        bridge.broken.clear()
        await rig.until(lambda: rig.bot.readiness[0])
        assert rig.bot.status().phase == "paused"
        await rig.stop()

    virtually(main)


def test_what_cannot_be_kept_is_said_and_in_force(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        down(bridge)
        rig = make_rig(bridge, tmp_path, **EAGER)
        await asyncio.sleep(5)
        with monkeypatch.context() as disk:
            disk.setattr(os, "write", full)
            with pytest.raises(Retryable, match=r"in force, but a restart would forget it: .*No space left"):
                await rig.bot.pause_entries("hand")
        bridge.broken.clear()
        await rig.until(lambda: rig.bot.readiness[0])
        assert rig.bot.status().entries.paused_by == ["hand"]
        await rig.stop()

    virtually(main)


@pytest.mark.parametrize("content", ["", "{", '{"paused": {"hand": "perhaps"}}', '{"halt": true}'])
def test_what_was_asked_and_cannot_be_read_is_refused_and_not_forgotten(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path, content: str
) -> None:
    (tmp_path / "bot_state.json.control").write_text(content)

    async def main() -> None:
        with pytest.raises(UnsafeStart, match="cannot be read"):
            make_rig(fake_bridge(), tmp_path)

    virtually(main)


def test_a_pause_on_a_full_disk_is_not_answered_as_durable_however_often_it_is_asked(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path)
        await rig.until(lambda: rig.bot.readiness[0])
        with monkeypatch.context() as disk:
            disk.setattr(os, "write", full)
            for _ in range(2):
                with pytest.raises(Retryable, match="No space left"):
                    await rig.bot.pause_entries("hand")
            assert "hand" in rig.bot.status().entries.paused_by
            assert read_generation(rig.store.path)["paused_by"] == []
        await rig.bot.pause_entries("hand")
        assert "hand" in read_generation(rig.store.path)["paused_by"]
        await rig.stop()

    virtually(main)
