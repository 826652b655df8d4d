"""Runs of the simulated world: each from its seed, the same every time, and no invariant broken in any."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from cbbot.runtime.state_writer import StateWriter
from cbbot.soak.campaign import shortened
from cbbot.soak.fault_plan import Injection, Plan
from cbbot.soak.simulated_world import run_plan
from cbbot.trader.trader_state import TraderState
from cbbot_bridge.in_memory.in_memory_exchange import InMemoryExchange, exchange_side
from cbbot_bridge.in_memory.soak_command import plan_of_seed
from cbbot_bridge.in_memory.soak_jobs import run_all
from started_processes import start

_SEEDS = "1..300"
_HOURS = "0.25"
PATIENCE_SECONDS: Final = 1800


def soaked(*options: str, **environment: str) -> tuple[int, str]:
    """The exit code and output of ``cbbot soak``."""
    with start(
        [sys.executable, "-m", "cbbot", "soak", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment},
    ) as process:
        try:
            said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            # It ends its own processes then.
            process.terminate()
    return process.returncode, said


@pytest.mark.timeout(PATIENCE_SECONDS + 20)
def test_no_invariant_breaks_in_three_hundred_runs(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"

    code, said = soaked("--seeds", _SEEDS, "--hours", _HOURS, "--jobs", "2", "--json", str(figures))

    assert code == 0, said
    found = json.loads(figures.read_text())
    assert found["seeds"] == 300
    assert found["broken"] == []
    assert found["orders"] > 1000
    assert found["bot_crashes"] > 500
    assert found["bridge_crashes"] > 100


def test_a_campaign_that_is_stopped_reports_what_it_has_done(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    options = ["--seeds", "1..100000", "--hours", "0.02", "--jobs", "2", "--json", str(figures)]
    command = [sys.executable, "-m", "cbbot", "soak", *options]
    with start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            while not figures.exists():
                assert process.poll() is None
                select.select([], [], [], 0.02)
        finally:
            process.terminate()
        said, errors = process.communicate(timeout=60)

    assert process.returncode == 143, errors
    assert json.loads(figures.read_text())["complete"] is False
    assert "of 100,000 seeds" in errors
    assert "simulated hours" in said


def test_a_long_campaign_says_how_far_it_is_and_keeps_no_plans() -> None:
    runs = [partial(plan_of_seed, seed, 0.02) for seed in (1, 2, 3)]

    ended = list(run_all(runs, 2, look_every=0.0))

    results = [each[0] for each in ended if each is not None]
    assert sorted(result.seed for result in results) == [1, 2, 3]
    assert None in ended
    assert all(result.plan is None for result in results)


def test_a_seed_gives_the_same_events_whatever_the_process() -> None:
    one, other = (soaked("--seed", "7", "--hours", "0.3", PYTHONHASHSEED=salt)[1].splitlines()[0] for salt in "12")

    assert one == other
    assert one.startswith("seed 7: ")


def test_two_seeds_give_different_events() -> None:
    results = [run_plan(plan_of_seed(seed, 0.1), exchange_side) for seed in (1, 2)]

    assert results[0].digest != results[1].digest


def test_candles_that_come_between_two_prices_are_no_looks_at_the_lots() -> None:
    """Five exits are found to be absent; a candle closes and the next one begins before the next price comes."""
    faults = (
        Injection(at=54.744, site="bridge>venue.fills", kind="bridge_killed", seconds=71.3, share=0.251),
        Injection(at=76.415, site="exchange", kind="view_only", seconds=187.5, share=0.522),
    )

    result = run_plan(Plan(seed=1000282, hours=0.25, injections=faults), exchange_side)

    assert (result.violated, result.detail) == ("", "")


def test_a_run_that_fails_is_a_finding_and_ends_no_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: InMemoryExchange) -> None:
        raise ZeroDivisionError(f"in {type(self).__name__}")

    monkeypatch.setattr(InMemoryExchange, "heal", fails)
    result = run_plan(plan_of_seed(1, 0.02), exchange_side)

    assert (result.seed, result.violated) == (1, "a run comes to its end")
    assert result.detail == "ZeroDivisionError: in InMemoryExchange"


def test_a_bot_that_sends_before_it_has_saved_is_caught_with_a_short_list(monkeypatch: pytest.MonkeyPatch) -> None:
    async def not_saved(self: StateWriter, generation: int, state: TraderState) -> bool:  # noqa: ARG001  as the writer's
        self.saved = generation
        return True

    monkeypatch.setattr(StateWriter, "save", not_saved)
    result = run_plan(plan_of_seed(3, 0.3), exchange_side)

    assert result.violated == "written down before it is sent"
    assert len(shortened(result, exchange_side).injections) <= 3
