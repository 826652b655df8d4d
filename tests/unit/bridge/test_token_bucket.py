"""Our own allowance: a burst, then the rate; a part of it is for orders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from cbbot_bridge.assembly import Bridge
from cbbot_bridge.coinbase.budget import Allowance, BudgetExhausted, TokenBucket

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


async def test_however_many_reads_wait_a_quarter_of_the_rate_is_for_orders() -> None:
    clock = Clock()
    allowance = Allowance(rate=4.0, burst=8.0, clock=clock)
    waiting = [asyncio.create_task(allowance.take(100.0, for_order=False)) for _ in range(50)]
    await asyncio.sleep(0)
    for _ in range(2):
        await allowance.take(0.0, for_order=True)
    with pytest.raises(BudgetExhausted):
        await allowance.take(0.9, for_order=True)
    clock.now += 1.0
    await allowance.take(0.0, for_order=True)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_orders_take_what_reads_leave_and_reads_leave_what_is_for_orders() -> None:
    allowance = Allowance(rate=4.0, burst=8.0, clock=Clock())
    for _ in range(8):
        await allowance.take(0.0, for_order=True)
    assert allowance.left == 0.0
    allowance = Allowance(rate=4.0, burst=8.0, clock=Clock())
    for _ in range(6):
        await allowance.take(0.0, for_order=False)
    with pytest.raises(BudgetExhausted):
        await allowance.take(0.3, for_order=False)
    assert allowance.left == 2.0


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


async def test_a_tiny_allowance_still_lets_both_through() -> None:
    allowance = Allowance(rate=0.1, burst=2.0, clock=Clock())
    await allowance.take(0.0, for_order=False)
    await allowance.take(0.0, for_order=True)


async def test_a_venue_without_signatures_is_asked_as_fast_as_its_market_runs(
    make_bridge: Callable[..., Bridge],
) -> None:
    coinbase = make_bridge(COINBASE_AUTH="jwt").budget_left()
    simulator = make_bridge(COINBASE_AUTH="none", COINBASE_API_BASE="http://127.0.0.1:9").budget_left()
    assert float(coinbase.public) == 10.0
    assert float(simulator.public) > 1000.0
