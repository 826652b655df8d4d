from __future__ import annotations

import asyncio

import pytest

from cbbot_operator.workqueue import Urgency, WorkQueue
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


def test_what_a_person_did_comes_before_children_and_they_before_a_resync(run: Run) -> None:
    async def scenario() -> object:
        queue: WorkQueue[str] = WorkQueue()
        for number in range(600):
            queue.add(f"resync-{number}", Urgency.RESYNC)
        queue.add("child", Urgency.CHILD)
        queue.add("person", Urgency.PERSON)
        return [(await queue.get())[0] for _ in range(3)]

    assert run(scenario()) == ["person", "child", "resync-0"]


def test_a_waiting_key_becomes_as_urgent_as_the_most_urgent_request_and_is_worked_on_once(run: Run) -> None:
    async def scenario() -> object:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("other", Urgency.CHILD)
        for urgency in (Urgency.RESYNC, Urgency.PERSON, Urgency.CHILD):
            queue.add("a", urgency)
        return [(await queue.get())[0], (await queue.get())[0], len(queue)]

    assert run(scenario()) == ["a", "other", 0]


def test_a_request_during_the_work_keeps_its_urgency(run: Run) -> None:
    async def scenario() -> object:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("a")
        await queue.get()
        queue.add("a", Urgency.RESYNC)
        queue.add("a", Urgency.PERSON)
        queue.add("b", Urgency.CHILD)
        queue.done("a")
        return (await queue.get())[0]

    assert run(scenario()) == "a"


@pytest.mark.parametrize(("urgency", "waiting"), [(Urgency.PERSON, 1), (Urgency.CHILD, 0), (Urgency.RESYNC, 0)])
def test_only_a_person_ends_the_pause_after_a_failure(run: Run, urgency: Urgency, waiting: int) -> None:
    async def scenario() -> object:
        queue: WorkQueue[str] = WorkQueue(first_pause=300)
        queue.add("a")
        await queue.get()
        queue.retry("a")
        queue.done("a")
        queue.add("a", urgency)
        queue.add_after("a", 0, urgency)
        await asyncio.sleep(0)
        found = len(queue)
        queue.close()
        return found

    assert run(scenario()) == waiting


def test_what_happened_during_failing_work_waits_for_the_back_off_too(run: Run) -> None:
    async def scenario() -> object:
        queue: WorkQueue[str] = WorkQueue(first_pause=300)
        queue.add("a")
        await queue.get()
        queue.add("a", Urgency.CHILD)
        queue.retry("a")
        queue.done("a")
        found = len(queue)
        queue.close()
        return found

    assert run(scenario()) == 0


def test_what_a_person_did_is_heard_of_between_two_keys_however_many_work(run: Run) -> None:
    """Work that asks nothing of the cluster never waits: the watches would be heard after the last key only."""

    async def scenario() -> int:
        queue: WorkQueue[int] = WorkQueue()
        taken: list[int] = []
        arrived = asyncio.Event()

        async def work() -> None:
            while True:
                key, _ = await queue.get()
                taken.append(key)
                queue.done(key)
                if key < 0:
                    arrived.set()

        def hear(iterations_left: int) -> None:
            # An event passes through some callbacks, one after the other, until it is a key.
            if iterations_left:
                asyncio.get_running_loop().call_soon(hear, iterations_left - 1)
            else:
                queue.add(-1, Urgency.PERSON)

        for key in range(500):
            queue.add(key, Urgency.RESYNC)
        workers = [asyncio.ensure_future(work()) for _ in range(10)]
        hear(20)
        await arrived.wait()
        for worker in workers:
            worker.cancel()
        return taken.index(-1)

    assert run(scenario()) <= 25
