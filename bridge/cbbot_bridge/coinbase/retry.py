"""When to ask Coinbase again, and after how long: tenacity with our rules."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tenacity import AsyncRetrying, RetryCallState, wait_exponential

from cbbot_bridge.coinbase.rest_answers import Answer, Meaning

__all__ = ["RetryPolicy", "deserves_another"]

# A burst of 429 passes if one keeps still, and so do the 401 that Coinbase answers to good keys now and then;
# a fault that stays for four tries is an outage to report.
_TRIES = {
    Meaning.RATE_LIMITED: 7,
    Meaning.UNAUTHORIZED: 7,
    Meaning.FAILED: 4,
    Meaning.TIMED_OUT: 4,
    Meaning.UNREACHABLE: 4,
}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with jitter, inside a total time in seconds.

    ``least_seconds``: with less than that left no order is sent, for there would be no time to hear of it.
    ``uniform`` draws a float of [0, 1) for the jitter.
    """

    base_seconds: float = 0.125
    cap_seconds: float = 2.5
    total_seconds: float = 12.0
    least_seconds: float = 3.0
    uniform: Callable[[], float] = random.random

    def wait(self, state: RetryCallState) -> float:
        """How long to wait before the next try. Never nothing: a refused connection must not spin."""
        pause = wait_exponential(self.base_seconds, self.cap_seconds)(state)
        return pause + self.uniform() * 2 * self.base_seconds

    def tries(
        self,
        begin_by: float,
        monotonic: Callable[[], float],
        before_sleep: Callable[[RetryCallState], Awaitable[None]],
    ) -> AsyncRetrying:
        """Calls what it is given until its :class:`Answer` deserves no further try, and returns the last one.

        No try begins after ``begin_by`` on the clock ``monotonic``. What a try raises is passed on at once.
        """
        return AsyncRetrying(
            wait=self.wait,
            retry=deserves_another,
            stop=lambda state: monotonic() + state.upcoming_sleep >= begin_by,
            before_sleep=before_sleep,
            retry_error_callback=_last_answer,
        )


def deserves_another(state: RetryCallState) -> bool:
    """Whether another try is worth its while, by what the last one answered and how many there were."""
    if state.outcome is None or state.outcome.failed:
        return False
    return state.attempt_number < _TRIES.get(_last_answer(state).meaning, 0)


def _last_answer(state: RetryCallState) -> Answer:
    if state.outcome is None:
        raise AssertionError("asked for the answer of a try that has not been made")
    answer: Answer = state.outcome.result()
    return answer
