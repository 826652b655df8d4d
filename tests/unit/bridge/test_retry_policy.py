"""How often Coinbase is asked again, and after how long."""

from __future__ import annotations

import pytest
from tenacity import AsyncRetrying, RetryCallState

from cbbot_bridge.coinbase.rest_answers import Answer, Meaning
from cbbot_bridge.coinbase.retry import RetryPolicy, deserves_another


def after(tries: int, meaning: Meaning = Meaning.FAILED) -> RetryCallState:
    """Where tenacity stands after so many tries, the last with an answer of this meaning."""
    state = RetryCallState(AsyncRetrying(), None, (), {})
    state.attempt_number = tries
    state.set_result(Answer(meaning, 0, {}))
    return state


def test_delays_grow_with_jitter_and_never_vanish() -> None:
    wait = RetryPolicy().wait
    for tries in range(1, 12):
        least = min(0.125 * 2 ** (tries - 1), 2.5)
        delays = {wait(after(tries)) for _ in range(50)}
        assert all(least <= delay <= least + 0.25 for delay in delays)
        assert len(delays) > 40


def test_a_burst_of_401_of_three_seconds_is_outlasted_as_one_of_429() -> None:
    wait = RetryPolicy().wait
    for meaning in (Meaning.UNAUTHORIZED, Meaning.RATE_LIMITED):
        tries = next(made for made in range(1, 100) if not deserves_another(after(made, meaning)))
        for _ in range(50):
            pauses = [wait(after(made)) for made in range(1, tries)]
            assert sum(pauses) > 3
            # The last try begins while there is time for it.
            assert sum(pauses) < RetryPolicy().total_seconds - RetryPolicy().least_seconds


@pytest.mark.anyio
async def test_no_try_begins_after_its_time_on_the_clock_that_is_given() -> None:
    """Tenacity's own clock stands still for a simulation; the given one decides."""
    now = 0.0
    tried: list[float] = []

    async def failing() -> Answer:
        nonlocal now
        tried.append(now)
        now += 5.0
        return Answer(Meaning.RATE_LIMITED, 429, {})

    async def no_more(_state: RetryCallState) -> None:
        """Before every wait."""

    policy = RetryPolicy(base_seconds=0.0001, cap_seconds=0.001)
    answer: Answer = await policy.tries(12.0, lambda: now, no_more)(failing)
    assert answer.meaning is Meaning.RATE_LIMITED
    assert tried == [0.0, 5.0, 10.0]


def test_jitter_is_drawn_from_what_is_given() -> None:
    wait = RetryPolicy(uniform=lambda: 0.5).wait
    assert {wait(after(1)) for _ in range(5)} == {0.125 + 0.125}
