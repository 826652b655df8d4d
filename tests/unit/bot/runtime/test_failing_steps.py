"""Steps that fail: no progress, and said when it lasts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, get_args

import pytest

from cbbot.runtime import live
from cbbot.trader.commands import Command
from cbbot.trader.events import EntriesPaused, Event, Tick
from cbbot.trader.machine import step
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import TraderState


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> set[type[Event]]:
    """Steps on events of these kinds fail."""
    kinds: set[type[Event]] = set()

    def stepping(rules: Rules, state: TraderState, event: Event) -> tuple[TraderState, tuple[Command, ...]]:
        if type(event) in kinds:
            raise ZeroDivisionError("division by zero")
        return step(rules, state, event)

    monkeypatch.setattr(live, "step", stepping)
    return kinds


@pytest.mark.parametrize(
    ("kinds", "reason"),
    [
        (get_args(Event), "every step fails: ZeroDivisionError: division by zero"),
        ((Tick,), "every step on Tick fails: ZeroDivisionError: division by zero"),
    ],
)
def test_a_loop_in_which_every_step_fails_is_neither_healthy_nor_ready_until_one_succeeds(
    make_rig: Any,
    virtually: Any,
    fake_bridge: Any,
    tmp_path: Path,
    poisoned: set[type[Event]],
    kinds: tuple[type[Event], ...],
    reason: str,
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, USE_TICK_PRICE="true")
        await rig.until(lambda: len(rig.bot.decisions(1000)) > 3)
        poisoned.update(kinds)
        await asyncio.sleep(25)
        assert (rig.bot.alive, rig.bot.status().phase) == (True, "trading")
        await asyncio.sleep(60)
        status = rig.bot.status()
        assert (rig.bot.alive, status.ready, status.phase, status.reason) == (False, False, "halted", reason)
        assert rig.bot.readiness == (False, reason)
        assert rig.exposed()["bot_ready"] == 0
        poisoned.clear()
        await rig.until(lambda: rig.bot.alive, 300)
        assert (rig.bot.readiness, rig.bot.status().phase) == ((True, ""), "trading")
        await rig.stop()

    virtually(main)


def test_one_failed_step_among_good_ones_changes_nothing(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path, poisoned: set[type[Event]]
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path)
        await rig.until(lambda: rig.bot.readiness[0])
        poisoned.add(EntriesPaused)
        await rig.bot.pause_entries("hand")
        assert rig.exposed()["bot_step_failures_total"] == 1
        for _ in range(120):
            assert (rig.bot.alive, rig.bot.status().ready, rig.bot.status().phase) == (True, True, "trading")
            await asyncio.sleep(1)
        await rig.stop()

    virtually(main)
