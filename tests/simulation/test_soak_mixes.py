"""Runs that concentrate on one kind of trouble: faults meet there that hardly ever do where everything goes wrong."""

from __future__ import annotations

import pytest

from cbbot.soak.fault_mixes import MIXES
from cbbot.soak.simulated_world import run_plan
from cbbot_bridge.in_memory.in_memory_exchange import exchange_side
from cbbot_bridge.in_memory.soak_command import plan_of_seed

SEEDS = {"doubt": range(1, 13), "power": range(1, 4), "starts": range(1, 7), "writers": range(1, 7)}
RUNS = [(mix, seed) for mix, seeds in SEEDS.items() for seed in seeds]


@pytest.mark.parametrize(("mix", "seed"), RUNS)
def test_no_invariant_breaks_where_one_kind_of_trouble_is_frequent(mix: str, seed: int) -> None:
    result = run_plan(plan_of_seed(seed, 0.25, mix), exchange_side)

    assert (result.violated, result.detail) == ("", "")
    assert result.orders > 0


def test_every_mix_is_run() -> None:
    assert {*SEEDS, "everything"} == {*MIXES}
