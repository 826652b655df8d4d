from __future__ import annotations

import asyncio

from cbbot_operator.workqueue import WorkQueue
from unit.operator.memory_cluster import Run


def test_a_key_that_waits_is_not_queued_twice(run: Run) -> None:
    async def scenario() -> object:
        queue: WorkQueue[str] = WorkQueue()
        for _ in range(3):
            queue.add("a")
        queue.add("b")
        return [(await queue.get())[0], (await queue.get())[0], len(queue)]

    assert run(scenario()) == ["a", "b", 0]


def test_a_key_that_is_worked_on_comes_back_when_done_and_not_before(run: Run) -> None:
    async def scenario() -> object:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("a")
        await queue.get()
        queue.add("a")
        queue.add("a")
        during = len(queue)
        queue.done("a")
        after = len(queue)
        await queue.get()
        queue.done("a")
        return during, after, len(queue)

    assert run(scenario()) == (0, 1, 0)


def test_a_failing_key_waits_twice_as_long_every_time_up_to_a_bound(run: Run) -> None:
    async def scenario() -> object:
        queue: WorkQueue[str] = WorkQueue(first_pause=1, longest_pause=10, jitter=lambda: 0)
        pauses = [queue.retry("a") for _ in range(6)]
        pauses += [queue.retry("b")]
        queue.forget("a")
        pauses += [queue.retry("a")]
        queue.close()
        return pauses

    assert run(scenario()) == [1, 2, 4, 8, 10, 10, 1, 1]


def test_back_off_does_not_overflow_after_thousands_of_failures(run: Run) -> None:
    async def scenario() -> object:
        queue: WorkQueue[str] = WorkQueue(longest_pause=300, jitter=lambda: 1)
        for _ in range(5000):
            pause = queue.retry("a")
        queue.close()
        return pause

    assert run(scenario()) == 360


def test_jitter_lengthens_the_pause_by_at_most_a_fifth(run: Run) -> None:
    async def scenario() -> object:
        queue: WorkQueue[str] = WorkQueue(first_pause=1, jitter=lambda: 1)
        pause = queue.retry("a")
        queue.close()
        return pause

    assert run(scenario()) == 1.2


def test_an_appointment_is_kept_and_an_event_comes_before_it(run: Run) -> None:
    async def scenario() -> object:
        queue: WorkQueue[str] = WorkQueue()
        queue.add_after("later", 0.01)
        first = (await queue.get())[0]
        queue.done("later")
        queue.add_after("later", 1000)
        queue.add("later")
        second = (await queue.get())[0]
        queue.done("later")
        return first, second, len(queue)

    assert run(scenario()) == ("later", "later", 0)


def test_the_earlier_of_two_appointments_stands(run: Run) -> None:
    async def scenario() -> object:
        queue: WorkQueue[str] = WorkQueue()
        queue.add_after("a", 1000)
        queue.add_after("a", 0.01)
        queue.add_after("a", 1000)
        return (await asyncio.wait_for(queue.get(), 5))[0]

    assert run(scenario()) == "a"
