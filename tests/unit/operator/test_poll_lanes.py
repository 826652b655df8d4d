from __future__ import annotations

import asyncio

import pytest

from cbbot_operator.keys import Key
from cbbot_operator.poll_lanes import PollLanes
from unit.operator.memory_cluster import Run

KEYS = [Key("n", f"bot-{number}") for number in range(500)]


class Asked:
    """Bots of which some accept and never answer."""

    def __init__(self, lanes: PollLanes) -> None:
        self.hung: set[Key] = set()
        self.answered: list[Key] = []
        self.begun: list[Key] = []
        self._lanes = lanes

    async def visit(self, key: Key) -> None:
        async with self._lanes.place(key):
            self.begun.append(key)
            if key in self.hung:
                await asyncio.Event().wait()
            self.answered.append(key)


def test_bots_that_never_answer_cost_only_their_own_places(run: Run) -> None:
    async def scenario() -> None:
        lanes = PollLanes(prompt_seconds=0.2)
        bots = Asked(lanes)
        # More than there are places: those behind them wait until the places are given back, not for the answers.
        bots.hung = set(KEYS[:200])
        while len(bots.answered) < 300:
            await lanes.ask(KEYS, bots.visit)
        for _ in range(3):
            bots.answered.clear()
            await lanes.ask(KEYS, bots.visit)
            assert sorted(bots.answered) == sorted(KEYS[200:])
        await lanes.aclose()

    run(scenario())


def test_bots_that_begin_to_hang_hold_the_others_up_for_no_more_than_their_places(run: Run) -> None:
    async def scenario() -> None:
        lanes = PollLanes(prompt_seconds=0.2)
        bots = Asked(lanes)
        await lanes.ask(KEYS, bots.visit)
        assert len(bots.answered) == len(KEYS)
        bots.hung = set(KEYS[:200])
        bots.answered.clear()
        for _ in range(3):
            await lanes.ask(KEYS, bots.visit)
        assert set(bots.answered) == set(KEYS[200:])
        await lanes.aclose()

    run(scenario())


def test_one_that_is_being_asked_is_not_asked_twice(run: Run) -> None:
    async def scenario() -> None:
        lanes = PollLanes(prompt_seconds=0.05)
        bots = Asked(lanes)
        bots.hung = {KEYS[0]}
        for _ in range(3):
            await lanes.ask(KEYS[:2], bots.visit)
        assert bots.begun.count(KEYS[0]) == 1
        assert bots.answered == [KEYS[1]] * 3
        await lanes.aclose()

    run(scenario())


def test_one_that_answered_after_the_round_is_asked_in_the_next(run: Run) -> None:
    async def scenario() -> None:
        lanes = PollLanes(prompt_seconds=0.05)
        answer = asyncio.Event()
        begun: list[Key] = []

        async def visit(key: Key) -> None:
            async with lanes.place(key):
                begun.append(key)
                await answer.wait()

        await lanes.ask(KEYS[:1], visit)
        answer.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await lanes.ask(KEYS[:1], visit)
        assert begun == KEYS[:1] * 2

    run(scenario())


def test_what_a_visit_raises_is_raised_by_the_round(run: Run) -> None:
    async def broken(_: Key) -> None:
        raise ValueError("our bug")

    with pytest.raises(ValueError, match="our bug"):
        run(PollLanes().ask(KEYS[:1], broken))
