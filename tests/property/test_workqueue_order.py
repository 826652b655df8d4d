"""The work queue against a model: any sequence of requests, work, failures and successes."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cbbot_operator.workqueue import Urgency, WorkQueue

KEYS = st.sampled_from("abcdef")
URGENCIES = st.sampled_from(Urgency)
EXERCISED: Counter[str] = Counter()


class QueueAndModel(RuleBasedStateMachine):
    """The model knows what waits, what is worked on, and who is in the pause after a failure."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.queue: WorkQueue[str] = WorkQueue(first_pause=1000, jitter=lambda: 0)
        self.waiting: dict[str, tuple[Urgency, int]] = {}
        self.working: dict[str, Urgency | None] = {}
        self.pausing: set[str] = set()
        self.order = 0

    def teardown(self) -> None:
        self.queue.close()
        self.loop.close()

    def expect(self, key: str, urgency: Urgency) -> None:
        if key in self.working:
            asked = self.working[key]
            self.working[key] = urgency if asked is None else min(asked, urgency)
            return
        if key in self.pausing:
            if urgency is not Urgency.PERSON:
                EXERCISED["held back"] += 1
                return
            self.pausing.discard(key)
            EXERCISED["pause ended by a person"] += 1
        if key not in self.waiting or urgency < self.waiting[key][0]:
            EXERCISED["overtaken"] += key in self.waiting
            self.waiting[key] = urgency, self.order
            self.order += 1

    async def _add(self, key: str, urgency: Urgency) -> None:
        self.queue.add(key, urgency)

    @rule(key=KEYS, urgency=URGENCIES)
    def request(self, key: str, urgency: Urgency) -> None:
        self.loop.run_until_complete(self._add(key, urgency))
        # A pause ended by a retry of the work itself is as urgent as a child's change.
        was_pausing = key in self.pausing
        self.expect(key, urgency)
        assert not (was_pausing and urgency is not Urgency.PERSON and key in self.waiting)

    @precondition(lambda self: self.waiting)
    @rule()
    def take(self) -> None:
        key, _ = self.loop.run_until_complete(asyncio.wait_for(self.queue.get(), 1))
        assert key == min(self.waiting, key=lambda name: self.waiting[name])
        EXERCISED["taken"] += 1
        del self.waiting[key]
        self.working[key] = None

    async def _end(self, key: str, *, well: bool) -> None:
        if well:
            self.queue.forget(key)
        else:
            self.queue.retry(key)
        self.queue.done(key)

    @precondition(lambda self: self.working)
    @rule(well=st.booleans(), index=st.integers(0, 5))
    def end(self, well: bool, index: int) -> None:
        key = sorted(self.working)[index % len(self.working)]
        asked = self.working.pop(key)
        self.loop.run_until_complete(self._end(key, well=well))
        if not well:
            self.pausing.add(key)
        if asked is not None:
            EXERCISED["asked during the work"] += 1
            self.expect(key, asked)

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        assert len(self.queue) == len(self.waiting)


def test_the_queue_gives_out_what_the_model_says() -> None:
    EXERCISED.clear()
    QueueAndModel.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
    QueueAndModel.TestCase("runTest").runTest()
    assert min(EXERCISED[what] for what in ("held back", "pause ended by a person", "overtaken", "taken")) > 10
    assert EXERCISED["asked during the work"] > 10
