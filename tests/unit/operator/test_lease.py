from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from cbbot_operator.lease import Lease, LostLease
from unit.operator.memory_cluster import MemoryCluster, MonotonicClock, Run

LeaseOf = Callable[[str], Lease]


@pytest.fixture
def monotonic() -> MonotonicClock:
    return MonotonicClock()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cbbot_operator.lease._AGAIN_SECONDS", 0)


@pytest.fixture
def lease_of(cluster: MemoryCluster, monotonic: MonotonicClock) -> LeaseOf:
    """Leases that are renewed without waiting."""
    return lambda identity: Lease(cluster, "operators", "cbbot-operator", identity, monotonic, renew_seconds=0)


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
    run: Run, lease_of: LeaseOf, cluster: MemoryCluster, monotonic: MonotonicClock
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
        monotonic.advance(31)
        await acquiring

    run(stand_by())
    assert holder(cluster) == "b"


def test_who_was_frozen_knows_at_once_that_another_may_lead(
    run: Run, lease_of: LeaseOf, monotonic: MonotonicClock
) -> None:
    lease = lease_of("a")
    assert not lease.holds()
    run(lease.acquire())
    monotonic.advance(19)
    assert lease.holds()
    monotonic.advance(1)
    assert lease.leading  # nobody has told it yet
    assert not lease.holds()


def test_a_released_lease_is_taken_at_once(run: Run, lease_of: LeaseOf, cluster: MemoryCluster) -> None:
    first = lease_of("a")
    run(first.acquire())
    run(first.release())
    assert holder(cluster) == ""
    run(lease_of("b").acquire())
    assert holder(cluster) == "b"


def test_a_lease_that_another_took_is_lost(run: Run, lease_of: LeaseOf, monotonic: MonotonicClock) -> None:
    first, second = lease_of("a"), lease_of("b")
    run(first.acquire())

    async def take_over() -> None:
        taking = asyncio.ensure_future(second.acquire())
        for _ in range(5):
            await asyncio.sleep(0)
        monotonic.advance(31)
        await taking

    async def both_renew() -> None:
        await take_over()
        kept = [asyncio.ensure_future(lease.keep()) for lease in (second, first)]
        while not any(task.done() for task in kept):
            monotonic.advance(1)
            await asyncio.sleep(0)
        kept[0].cancel()
        await kept[1]

    with pytest.raises(LostLease):
        run(both_renew())
    assert not first.leading
    assert second.leading


def test_watches_are_dead_when_no_renewal_came_back_for_three_minutes(
    run: Run, lease_of: LeaseOf, monotonic: MonotonicClock
) -> None:
    lease = lease_of("a")
    run(lease.acquire())
    monotonic.advance(179)
    assert lease.watches_live
    monotonic.advance(2)
    assert not lease.watches_live
    lease.echoed()
    assert lease.watches_live


def test_an_operator_that_stands_by_is_alive(lease_of: LeaseOf, monotonic: MonotonicClock) -> None:
    lease = lease_of("b")
    monotonic.advance(10_000)
    assert lease.watches_live


@pytest.mark.parametrize("renewed", ["2001-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z", "garbage", None])
def test_another_nodes_clock_decides_nothing(
    run: Run, lease_of: LeaseOf, cluster: MemoryCluster, monotonic: MonotonicClock, renewed: str | None
) -> None:
    """Its holder renews it every few seconds; only what its clock says is wrong."""
    first, second = lease_of("a"), lease_of("b")
    run(first.acquire())

    async def stand_by() -> None:
        acquiring = asyncio.ensure_future(second.acquire())
        spec = cluster.objects["Lease", "operators", "cbbot-operator"]["spec"]
        for turn in range(10):
            spec |= {"renewTime": renewed, "leaseTransitions": turn}
            for _ in range(5):
                await asyncio.sleep(0)
            monotonic.advance(20)
            assert not acquiring.done()
        for _ in range(5):
            await asyncio.sleep(0)
        # Now it is silent: its duration runs from its last change that we saw.
        monotonic.advance(31)
        await acquiring

    run(stand_by())
    assert holder(cluster) == "b"


def test_a_renewal_that_hangs_does_not_outlast_the_lead(
    run: Run, lease_of: LeaseOf, cluster: MemoryCluster, monotonic: MonotonicClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = lease_of("a")
    run(lease.acquire())
    # Of the lead's twenty seconds a tenth of one is left.
    monotonic.advance(19.9)

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    async def keep() -> None:
        asyncio.get_running_loop().call_later(0.1, monotonic.advance, 0.1)
        await lease.keep()

    monkeypatch.setattr(cluster, "get", hang)
    with pytest.raises(LostLease):
        run(keep())
    assert not lease.leading


def test_a_release_that_is_not_answered_ends_all_the_same(
    run: Run, lease_of: LeaseOf, cluster: MemoryCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = lease_of("a")
    run(lease.acquire())
    monkeypatch.setattr("cbbot_operator.lease._RELEASE_SECONDS", 0.05)

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(cluster, "replace", hang)
    run(lease.release())
    assert not lease.leading


def test_who_leads_and_since_when_is_in_the_lease(run: Run, lease_of: LeaseOf, cluster: MemoryCluster) -> None:
    first, second = lease_of("a"), lease_of("b")
    run(first.acquire())
    assert first.leader == "a"
    began = cluster.objects["Lease", "operators", "cbbot-operator"]["spec"]
    assert began["leaseTransitions"] == 0
    run(first.release())
    run(second.acquire())
    assert second.leader == "b"
    assert cluster.objects["Lease", "operators", "cbbot-operator"]["spec"]["leaseTransitions"] == 1
    assert began["acquireTime"] <= cluster.objects["Lease", "operators", "cbbot-operator"]["spec"]["acquireTime"]
