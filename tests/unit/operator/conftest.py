"""Fixtures of the operator's tests: a cluster, bots and a clock in memory."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cbbot_operator.configuration import Configuration, read_configuration
from cbbot_operator.keys import Key
from cbbot_operator.kinds import CACHED
from cbbot_operator.observed import Report
from cbbot_operator.reconciler import Reconciler
from cbbot_operator.watch_cache import WatchCache
from unit.operator.memory_cluster import (
    API_KEYS,
    KEY,
    LIVE,
    PAPER,
    Clock,
    Hear,
    Look,
    MakeStatus,
    MemoryBots,
    MemoryCluster,
    Observe,
    Run,
    bot_status_with,
    observed_of,
    run_to_the_end,
)


@pytest.fixture
def run() -> Run:
    return run_to_the_end


@pytest.fixture
def key() -> Key:
    return KEY


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster()


@pytest.fixture
def bots() -> MemoryBots:
    return MemoryBots()


@pytest.fixture
def bot_status() -> MakeStatus:
    return bot_status_with


@pytest.fixture
def observed() -> Observe:
    return observed_of


@pytest.fixture
def paper() -> dict[str, Any]:
    return copy.deepcopy(PAPER)


@pytest.fixture
def live() -> dict[str, Any]:
    return copy.deepcopy(LIVE)


@pytest.fixture
def api_keys() -> dict[str, bytes]:
    return dict(API_KEYS)


@pytest.fixture
def configuration() -> Configuration:
    return read_configuration(
        {"CBBOT_BOT_IMAGE": "bot:1", "CBBOT_BRIDGE_IMAGE": "bridge:1", "POD_NAMESPACE": "operators"}
    )


@pytest.fixture
def reconciler(cluster: MemoryCluster, configuration: Configuration, clock: Clock) -> Reconciler:
    return Reconciler(cluster, configuration, clock)


@pytest.fixture
def look(run: Run, reconciler: Reconciler, key: Key) -> Look:
    """The reconciler looks at the TradingBot once."""
    return lambda: run(reconciler.reconcile(key))


@pytest.fixture
def hear(run: Run, reconciler: Reconciler, key: Key, clock: Clock, bot_status: MakeStatus) -> Hear:
    """The reconciler hears the bot's figures."""
    return lambda **figures: run(reconciler.refresh(key, Report(clock(), bot_status(**figures))))


@pytest.fixture
def cache() -> WatchCache:
    return WatchCache()


@pytest.fixture
def watching_reconciler(
    cluster: MemoryCluster, configuration: Configuration, clock: Clock, cache: WatchCache
) -> Reconciler:
    """One that looks through the cache."""
    return Reconciler(cluster, configuration, clock, cache=cache)


@pytest.fixture
def watched_look(
    run: Run, cluster: MemoryCluster, key: Key, cache: WatchCache, watching_reconciler: Reconciler
) -> Look:
    """A look with the watches having shown everything; what they cost is not among the requests."""

    def look() -> None:
        noted = len(cluster.requests)
        run(cache.list_anew(cluster, CACHED, [key.namespace]))
        del cluster.requests[noted:]
        run(watching_reconciler.reconcile(key))

    return look
