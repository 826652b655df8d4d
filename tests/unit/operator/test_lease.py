from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from cbbot_operator.lease import Lease, LostLease
from unit.operator.memory_cluster import Clock, MemoryCluster, Run

LeaseOf = Callable[[str], Lease]


@pytest.fixture
def lease_of(cluster: MemoryCluster, clock: Clock) -> LeaseOf:
    """Leases that are renewed without waiting."""
    return lambda identity: Lease(cluster, "operators", "cbbot-operator", identity, clock, renew_seconds=0)


def holder(cluster: MemoryCluster) -> str:
    return str(cluster.objects["Lease", "operators", "cbbot-operator"]["spec"]["holderIdentity"])


def test_the_first_operator_leads_and_marks_its_lease_for_watching(
    run: Run, lease_of: LeaseOf, cluster: MemoryCluster
) -> None:
    lease = lease_of("a")
    run(lease.acquire())
    assert lease.leading
    assert holder(cluster) == "a"
    assert cluster.objects["Lease", "operators", "cbbot-operator"]["metadata"]["labels"] == {"cbbot.io/watch": "true"}


def test_a_second_operator_waits_until_the_lease_has_run_out(
    run: Run, lease_of: LeaseOf, cluster: MemoryCluster, clock: Clock
) -> None:
    run(lease_of("a").acquire())

    async def stand_by() -> None:
        second = lease_of("b")
        cluster.requests.clear()
        acquiring = asyncio.ensure_future(second.acquire())
        for _ in range(10):
            await asyncio.sleep(0)
        assert cluster.requests.count(("get", "Lease", "cbbot-operator")) > 1
        assert not second.leading
        assert holder(cluster) == "a"
        clock.advance(31)
        await acquiring

    run(stand_by())
    assert holder(cluster) == "b"


def test_a_released_lease_is_taken_at_once(run: Run, lease_of: LeaseOf, cluster: MemoryCluster) -> None:
    first = lease_of("a")
    run(first.acquire())
    run(first.release())
    assert holder(cluster) == ""
    run(lease_of("b").acquire())
    assert holder(cluster) == "b"


def test_a_lease_that_another_took_is_lost(run: Run, lease_of: LeaseOf, clock: Clock) -> None:
    first = lease_of("a")
    run(first.acquire())
    clock.advance(31)
    second = lease_of("b")
    run(second.acquire())

    async def both_renew() -> None:
        kept = [asyncio.ensure_future(lease.keep()) for lease in (second, first)]
        while not any(task.done() for task in kept):
            clock.advance(1)
            await asyncio.sleep(0)
        kept[0].cancel()
        await kept[1]

    with pytest.raises(LostLease):
        run(both_renew())
    assert not first.leading
    assert second.leading


def test_watches_are_dead_when_no_renewal_came_back_for_three_minutes(
    run: Run, lease_of: LeaseOf, clock: Clock
) -> None:
    lease = lease_of("a")
    run(lease.acquire())
    clock.advance(179)
    assert lease.watches_live
    clock.advance(2)
    assert not lease.watches_live
    lease.echoed()
    assert lease.watches_live


def test_an_operator_that_stands_by_is_alive(lease_of: LeaseOf, clock: Clock) -> None:
    lease = lease_of("b")
    clock.advance(10_000)
    assert lease.watches_live
