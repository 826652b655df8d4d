from __future__ import annotations

import asyncio

import pytest

from cbbot_operator.kinds import WATCHED
from cbbot_operator.lease import Lease
from cbbot_operator.readiness import Health
from cbbot_operator.watch_evidence import WatchEvidence, watches_of
from unit.operator.memory_cluster import MemoryCluster, MonotonicClock, Run


def test_ready_is_who_knows_tradingbots_and_leads_with_every_watch_open(run: Run, cluster: MemoryCluster) -> None:
    lease = Lease(cluster, "operators", "cbbot-operator", "a", MonotonicClock())
    health = Health(lease)
    assert "does not know TradingBots yet" in health.ready()
    health.knows_tradingbots = True
    assert health.ready() == "nobody leads yet"
    run(lease.acquire())
    assert health.ready() == "starting to watch"
    health.evidence = WatchEvidence(watches_of(WATCHED, ["a"]), MonotonicClock())
    assert health.ready().startswith("not watching yet: tradingbots in a, ")
    health.evidence = WatchEvidence([], MonotonicClock())
    assert health.ready() == ""


def test_one_that_stands_by_for_another_is_ready_and_alive(run: Run, cluster: MemoryCluster) -> None:
    run(Lease(cluster, "operators", "cbbot-operator", "a", MonotonicClock()).acquire())
    clock = MonotonicClock()
    second = Lease(cluster, "operators", "cbbot-operator", "b", clock, renew_seconds=0)
    health = Health(second, knows_tradingbots=True)

    async def look_once() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(second.acquire(), 0.05)

    run(look_once())
    assert health.ready() == ""
    clock.advance(10_000)
    assert health.alive() == ""


def test_a_silent_watch_is_a_reason_to_restart_whatever_the_lease_says(run: Run, cluster: MemoryCluster) -> None:
    clock = MonotonicClock()
    lease = Lease(cluster, "operators", "cbbot-operator", "a", clock)
    health = Health(lease, knows_tradingbots=True, evidence=WatchEvidence(watches_of(WATCHED[:1], ["a"]), clock))
    run(lease.acquire())
    assert health.alive() == ""
    clock.advance(181)
    assert health.alive() == "no event of our own Lease for three minutes"
    lease.echoed()
    assert health.alive() == "nothing heard for three minutes: tradingbots in a"
