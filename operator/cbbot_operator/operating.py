"""The operator at work: queue, workers, resync, poller and watches as tasks that live and die together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from cbbot.contract.tradingbot import KIND
from cbbot.errors import CbbotError, Retryable
from cbbot.process.stop_signals import heeded_signals
from cbbot_operator import health, operator_metrics
from cbbot_operator.bot_poller import Poller
from cbbot_operator.bots import HttpBots
from cbbot_operator.bridges import HttpBridges
from cbbot_operator.cluster import Cluster, HttpCluster, connect, served
from cbbot_operator.configuration import Configuration
from cbbot_operator.keys import Key
from cbbot_operator.kinds import CACHED, KINDS, WATCHED, Kind
from cbbot_operator.kopf_tasks import run_again, run_kopf
from cbbot_operator.lease import Lease
from cbbot_operator.new_kinds import notice_new_kinds
from cbbot_operator.observed import api_key_secret, slack_secret
from cbbot_operator.readiness import Health
from cbbot_operator.reconciler import Reconciler
from cbbot_operator.task_group import run_until
from cbbot_operator.watch_cache import WatchCache
from cbbot_operator.watch_evidence import WatchEvidence, watches_of
from cbbot_operator.watch_login import watch_login
from cbbot_operator.watches import Watches, watch_settings
from cbbot_operator.workqueue import Urgency, WorkQueue

__all__ = ["lead_again", "operate", "queue_all", "queue_gone", "watched_kinds", "work"]

_LOG = logging.getLogger(__name__)
_FACTS_SECONDS = 10
_KINDS_SECONDS = 15
_LIST_AGAIN_SECONDS = 2


async def operate(configuration: Configuration) -> None:
    """Run until a signal.

    Raises:
        CbbotError: no way to the cluster.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def heed_signals() -> None:
        for number in heeded_signals():
            loop.add_signal_handler(number, stop.set)

    heed_signals()
    async with await connect() as cluster, HttpBots() as bots, HttpBridges() as bridges:
        lease = Lease(cluster, configuration.lease_namespace, configuration.lease_name, configuration.identity)
        cluster.may_write = bots.may_steer = lease.holds
        state = Health(lease)
        server = await health.serve(configuration.port, state.alive, state.ready)
        try:
            await lead_again(
                stop,
                lambda: _wait_for_lead(cluster, state),
                lambda: _lead(configuration, cluster, (bots, bridges), state, stop, heed_signals),
            )
        finally:
            await lease.release()
            await server.cleanup()


async def lead_again(
    stop: asyncio.Event, wait: Callable[[], Coroutine[Any, Any, None]], lead: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """``wait`` for the lead and ``lead``, until ``stop`` is set.

    A lead that is lost or does not come about, as in an outage of the API server, is waited for again: all that was
    known is begun anew, the process is not.
    """
    while not stop.is_set():
        operator_metrics.LEADING.set(0)
        await run_until(stop, wait())
        if stop.is_set():
            return
        try:
            await lead()
        except Retryable as error:
            _LOG.warning("%s: standing by", error)
        finally:
            operator_metrics.LEADING.set(0)
            operator_metrics.BOTS.clear()
            operator_metrics.DEGRADED.clear()


async def _wait_for_lead(cluster: Cluster, state: Health) -> None:
    while not await _knows_tradingbots(cluster):
        _LOG.warning("the cluster does not know TradingBots yet: apply crds/tradingbots.yaml")
        await asyncio.sleep(5)
    state.knows_tradingbots = True
    state.evidence = None
    await state.lease.acquire()


async def _knows_tradingbots(cluster: Cluster) -> bool:
    try:
        return await cluster.serves(KIND)
    except CbbotError as error:
        _LOG.warning("%s", error)
        return False


async def _lead(
    configuration: Configuration,
    cluster: HttpCluster,
    asked: tuple[HttpBots, HttpBridges],
    state: Health,
    stop: asyncio.Event,
    heed_signals: Callable[[], None],
) -> None:
    lease = state.lease
    cache = WatchCache()
    dynamic = not configuration.namespaces
    reconciler = Reconciler(cluster, configuration, cache=cache, facts_seconds=_FACTS_SECONDS)
    queue: WorkQueue[Key] = WorkQueue()
    operator_metrics.QUEUE_DEPTH.set_function(lambda: len(queue))
    poller = Poller(reconciler, *asked, queue.add)

    def secret_users(namespace: str, name: str) -> Iterable[Key]:
        for key, known in reconciler.known.items():
            spec = known.seen.spec
            if key.namespace == namespace and spec is not None and name in (api_key_secret(spec), slack_secret(spec)):
                yield key

    watches = Watches(queue.add, cache, secret_users, lease.name, lease.echoed)
    # Without rights to notice new definitions kopf must only be told of those that are there.
    wanted = watched_kinds(configuration)
    kinds = wanted if dynamic else tuple(await served(cluster, wanted))
    # Long lists, or an API server that is away, must not outlast the lead.
    await run_until(stop, lease.keep(), _list_first(cache, cluster, configuration, kinds))
    if stop.is_set():
        return
    evidence = state.evidence = WatchEvidence(watches_of(kinds, configuration.namespaces))

    async def watch(over: asyncio.Event) -> None:
        if not await cluster.serves(KIND):  # kopf would go on without them, and not notice when they are back
            raise Retryable("the cluster does not know TradingBots any more: apply crds/tradingbots.yaml")
        await run_kopf(
            heed_signals,
            registry=watches.registry(kinds, watch_login(cluster.credentials, evidence)),
            settings=watch_settings(dynamic=dynamic),
            clusterwide=not configuration.namespaces,
            namespaces=configuration.namespaces,
            standalone=True,
            stop_flag=over,
        )

    operator_metrics.LEADING.set(1)
    _LOG.info("leading", extra={"fields": {"namespaces": ",".join(configuration.namespaces) or "*"}})
    try:
        await run_until(
            stop,
            lease.keep(),
            poller.run(configuration.poll_seconds),
            _resync(cluster, cache, configuration, kinds, queue, evidence.listed_anew),
            notice_new_kinds(cluster, lambda: queue_all(cache, queue, _FACTS_SECONDS), _KINDS_SECONDS, _FACTS_SECONDS),
            *(work(queue, reconciler) for _ in range(configuration.workers)),
            stops_itself=lambda over: run_again(over, lambda: watch(over)),
        )
    finally:
        queue.close()


def watched_kinds(configuration: Configuration) -> tuple[Kind, ...]:
    """Without the right to list Secrets none is watched: those that are needed are read by name."""
    return tuple(kind for kind in WATCHED if configuration.watch_secrets or kind is not KINDS["Secret"])


async def work(queue: WorkQueue[Key], reconciler: Reconciler) -> None:
    """One worker: reconcile whatever comes next, for ever."""
    while True:
        key, waited = await queue.get()
        operator_metrics.QUEUE_LATENCY.observe(waited)
        try:
            with operator_metrics.RECONCILE_SECONDS.time():
                await reconciler.reconcile(key)
        except CbbotError as error:
            _retry(queue, key, "failed", str(error))
        except Exception as error:  # noqa: BLE001  top of the loop: our bug with one TradingBot must not stop the others
            _LOG.exception("reconciliation broke", extra={"fields": {"tradingbot": str(key)}})
            _retry(queue, key, "broken", repr(error))
        else:
            operator_metrics.RECONCILES.labels("done").inc()
            queue.forget(key)
        finally:
            queue.done(key)


def _retry(queue: WorkQueue[Key], key: Key, result: str, why: str) -> None:
    operator_metrics.RECONCILES.labels(result).inc()
    operator_metrics.RETRIES.inc()
    pause = queue.retry(key)
    _LOG.warning("%s; again in %.0f s", why, pause, extra={"fields": {"tradingbot": str(key)}})


async def _list_first(cache: WatchCache, cluster: Cluster, configuration: Configuration, kinds: Iterable[Kind]) -> None:
    """Fill the cache before the watches start: they show what is there in no order, and not when that is all."""
    while True:
        try:
            return await _list_cached(cache, cluster, configuration, kinds)
        except Retryable as error:
            _LOG.warning("%s", error)
            await asyncio.sleep(_LIST_AGAIN_SECONDS)


async def _list_cached(
    cache: WatchCache, cluster: Cluster, configuration: Configuration, kinds: Iterable[Kind]
) -> None:
    cached = await served(cluster, [kind for kind in kinds if kind in CACHED])
    await cache.list_anew(cluster, cached, configuration.namespaces or (None,))


async def _resync(
    cluster: Cluster,
    cache: WatchCache,
    configuration: Configuration,
    kinds: Iterable[Kind],
    queue: WorkQueue[Key],
    listed_anew: asyncio.Event,
) -> None:
    """Look at every TradingBot now and then, whatever events were missed, and at once where some were."""
    while True:
        pause = configuration.resync_seconds * random.uniform(0.9, 1.1)  # noqa: S311  jitter is no secret
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(listed_anew.wait(), pause)
            await asyncio.sleep(_LIST_AGAIN_SECONDS)  # the other kinds' watches are often interrupted with it
        spread = _FACTS_SECONDS if listed_anew.is_set() else configuration.resync_seconds / 10
        listed_anew.clear()
        known = cache.resources()
        with contextlib.suppress(Retryable):  # the next round comes
            await _list_cached(cache, cluster, configuration, kinds)
        queue_all(cache, queue, spread)
        queue_gone(cache, queue, known)


def queue_gone(cache: WatchCache, queue: WorkQueue[Key], known: Iterable[Key]) -> None:
    """Queue those of ``known`` that are there no more: no watch has shown it, and they may have left something."""
    for key in set(known).difference(cache.resources()):
        queue.add(key)


def queue_all(cache: WatchCache, queue: WorkQueue[Key], spread_seconds: float) -> None:
    """Queue every TradingBot, spread over ``spread_seconds`` so that they do not come at once."""
    for key in cache.resources():
        queue.add_after(key, random.uniform(0, spread_seconds), Urgency.RESYNC)  # noqa: S311  likewise
