from __future__ import annotations

import asyncio

import pytest

from cbbot_operator.cluster_facts import ClusterFacts
from unit.operator.memory_cluster import MemoryCluster, Run


class Monotonic:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def facts(cluster: MemoryCluster, monotonic: Monotonic) -> ClusterFacts:
    return ClusterFacts(cluster, 10, monotonic)


def asked(cluster: MemoryCluster) -> int:
    return cluster.requests.count(("get", "Namespace", "trading"))


def test_an_answer_is_good_for_a_while_and_no_longer(
    run: Run, facts: ClusterFacts, cluster: MemoryCluster, monotonic: Monotonic
) -> None:
    run(facts.namespace("trading", now=False))
    monotonic.seconds += 9
    run(facts.namespace("trading", now=False))
    assert asked(cluster) == 1
    monotonic.seconds += 1
    run(facts.namespace("trading", now=False))
    assert asked(cluster) == 2


def test_an_answer_of_before_the_question_is_not_good_enough_where_it_must_be_of_now(
    run: Run, facts: ClusterFacts, cluster: MemoryCluster
) -> None:
    assert run(facts.namespace("trading", now=False)).terminating is False
    cluster.terminating = True
    assert run(facts.namespace("trading", now=True)).terminating is True


def test_many_who_ask_at_once_share_one_question(run: Run, facts: ClusterFacts, cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        await asyncio.gather(*(facts.namespace("trading", now=False) for _ in range(50)))

    run(scenario())
    assert asked(cluster) == 1


def test_a_kind_that_appears_is_known_once_the_answer_is_old(
    run: Run, facts: ClusterFacts, cluster: MemoryCluster, monotonic: Monotonic
) -> None:
    assert "ServiceMonitor" not in run(facts.child_kinds())
    cluster.monitors = True
    monotonic.seconds += 10
    assert "ServiceMonitor" in run(facts.child_kinds())
