"""Our own allowance: a burst, then the rate; orders go before reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from cbbot_bridge.assembly import Bridge
from cbbot_bridge.coinbase.budget import BudgetExhausted, TokenBucket

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_a_burst_leaves_at_once_and_the_next_one_has_to_wait() -> None:
    bucket = TokenBucket(rate=2.0, burst=3.0, clock=Clock())
    for _ in range(3):
        await bucket.take(0.0)
    assert bucket.left == 0.0
    with pytest.raises(BudgetExhausted):
        await bucket.take(0.4)


async def test_tokens_come_back_at_the_rate_and_no_further_than_the_burst() -> None:
    clock = Clock()
    bucket = TokenBucket(rate=2.0, burst=3.0, clock=clock)
    await bucket.take(0.0)
    await bucket.take(0.0)
    clock.now += 0.5
    assert bucket.left == pytest.approx(2.0)
    clock.now += 1000
    assert bucket.left == 3.0


async def test_reads_leave_the_last_tokens_to_orders() -> None:
    bucket = TokenBucket(rate=1.0, burst=5.0, clock=Clock())
    await bucket.take(0.0, keep=3.0)
    await bucket.take(0.0, keep=3.0)
    with pytest.raises(BudgetExhausted):
        await bucket.take(0.5, keep=3.0)
    for _ in range(3):
        await bucket.take(0.0)


async def test_a_refused_request_takes_nothing() -> None:
    bucket = TokenBucket(rate=1.0, burst=2.0, clock=Clock())
    await bucket.take(0.0)
    await bucket.take(0.0)
    for _ in range(10):
        with pytest.raises(BudgetExhausted):
            await bucket.take(0.5)
    await bucket.take(1.0)


async def test_who_asks_first_is_served_first() -> None:
    bucket = TokenBucket(rate=100.0, burst=1.0)
    served: list[int] = []

    async def ask(number: int) -> None:
        await bucket.take(1.0)
        served.append(number)

    await asyncio.gather(*(ask(number) for number in range(5)))
    assert served == [0, 1, 2, 3, 4]


async def test_a_tiny_allowance_still_lets_reads_through() -> None:
    bucket = TokenBucket(rate=0.1, burst=2.0, clock=Clock())
    await bucket.take(0.0, keep=3.0)


async def test_a_venue_without_signatures_is_asked_as_fast_as_its_market_runs(
    make_bridge: Callable[..., Bridge],
) -> None:
    coinbase = make_bridge(COINBASE_AUTH="jwt").budget_left()
    simulator = make_bridge(COINBASE_AUTH="none", COINBASE_API_BASE="http://127.0.0.1:9").budget_left()
    assert float(coinbase.public) == 10.0
    assert float(simulator.public) > 1000.0
