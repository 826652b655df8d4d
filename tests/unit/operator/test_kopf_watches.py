"""kopf with our handlers and settings, against an API server that knows every kind and remembers every request."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Sequence, Set
from typing import Any

import kopf
import pytest
from aiohttp import web

from cbbot_operator.api_access import Access, FixedCredentials
from cbbot_operator.keys import Key
from cbbot_operator.kinds import KINDS, WATCHED, Kind
from cbbot_operator.kopf_tasks import NoMemories
from cbbot_operator.watch_cache import WatchCache
from cbbot_operator.watch_evidence import WatchEvidence, watches_of
from cbbot_operator.watch_login import watch_login
from cbbot_operator.watches import Watches, watch_settings
from cbbot_operator.workqueue import Urgency
from unit.operator.memory_cluster import Run

Watching = Callable[..., tuple["ApiServer", list[Key]]]

CHANGE = {
    "type": "ADDED",
    "object": {
        **KINDS["TradingBot"].head(),
        "metadata": {"namespace": "trading", "name": "btc", "uid": "1", "generation": 1, "resourceVersion": "2"},
        "spec": {},
    },
}


class ApiServer:
    """Discovery, empty lists, and watches that stay open; the TradingBots' watch has one change."""

    def __init__(self) -> None:
        self.news = [CHANGE]
        self.written: list[tuple[str, str]] = []
        self.remembered = 0
        self.listed: set[str] = set()
        self.watched: dict[str, str] = {}
        self.progress = asyncio.Condition()
        self.closing = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method != "GET":
            self.written.append((request.method, request.path))
        if "watch" in request.query:
            return await self._watch(request)
        return web.json_response(self._discovered(request.path.strip("/")))

    def _discovered(self, path: str) -> dict[str, Any]:
        by_root = defaultdict(list)
        for kind in KINDS.values():
            by_root[kind.root].append(kind)
        if path == "api":
            return {"versions": ["v1"]}
        if path == "apis":
            groups = {kind.group: {"version": kind.version} for kind in KINDS.values() if kind.group}
            return {
                "groups": [
                    {"name": group, "versions": [version], "preferredVersion": version}
                    for group, version in groups.items()
                ]
            }
        resources = [
            {"name": kind.plural, "kind": kind.name, "singularName": "", "namespaced": True, "verbs": ["list", "watch"]}
            for kind in by_root[path]
        ]
        if resources:
            return {"resources": resources}
        self.listed.add(path)
        return {"items": [], "metadata": {"resourceVersion": "1"}}

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        if request.path.endswith("/tradingbots") and self.news:
            await response.write(json.dumps(self.news.pop()).encode() + b"\n")
        async with self.progress:
            self.watched[request.path.strip("/")] = request.query.get("labelSelector", "")
            self.progress.notify_all()
        await self.closing.wait()
        return response


@pytest.fixture
def watching(run: Run) -> Watching:
    """Run kopf until all of ``expected`` is watched and a key has come; gives back server and keys."""

    def runner(
        kinds: Sequence[Kind], expected: Set[str], *, dynamic: bool, **scope: Any
    ) -> tuple[ApiServer, list[Key]]:
        async def scenario() -> tuple[ApiServer, list[Key]]:
            server, keys, stop = ApiServer(), [], asyncio.Event()
            arrived = asyncio.Event()

            def add(key: Key, urgency: Urgency) -> None:
                del urgency
                keys.append(key)
                arrived.set()

            app = web.Application()
            app.router.add_route("*", "/{path:.*}", server.handle)
            shell = web.AppRunner(app, shutdown_timeout=0.1)
            await shell.setup()
            await web.TCPSite(shell, "127.0.0.1", 0).start()
            access = Access(server=f"http://127.0.0.1:{shell.addresses[0][1]}", authorization="Bearer t0ken")
            evidence = WatchEvidence(watches_of(kinds, scope.get("namespaces", ())), pause_seconds=0.01)
            login = watch_login(FixedCredentials(access), evidence)
            watches = Watches(add, WatchCache(), lambda *_: [], "cbbot-operator", lambda: None)
            memories = NoMemories()
            operator = asyncio.ensure_future(
                kopf.operator(
                    registry=watches.registry(kinds, login),
                    settings=watch_settings(dynamic=dynamic),
                    memories=memories,
                    standalone=True,
                    stop_flag=stop,
                    **scope,
                )
            )
            async with server.progress:
                await server.progress.wait_for(lambda: expected <= server.watched.keys())
            await arrived.wait()
            server.remembered = len(list(memories.iter_all_memories()))
            stop.set()
            server.closing.set()
            await operator
            await shell.cleanup()
            return server, keys

        return run(scenario())

    return runner


def test_kopf_posts_nothing_and_notices_definitions_only_where_it_may() -> None:
    for dynamic in (False, True):
        settings = watch_settings(dynamic=dynamic)
        assert settings.posting.enabled is False
        assert settings.scanning.disabled is not dynamic


def test_kopf_watches_what_the_table_says_and_writes_nothing(watching: Watching) -> None:
    expected = {kind.path("trading"): kind.watched for kind in WATCHED}
    server, keys = watching(WATCHED, expected.keys(), dynamic=False, namespaces=["trading"])
    assert server.watched == expected
    assert server.listed == expected.keys()
    assert server.written == []
    assert server.remembered == 0
    assert keys == [Key("trading", "btc")]


def test_a_kind_that_the_cluster_does_not_know_is_not_watched_in_listed_namespaces(watching: Watching) -> None:
    kinds = [kind for kind in WATCHED if not kind.optional]
    expected = {kind.path("trading") for kind in kinds}
    server, _ = watching(kinds, expected, dynamic=False, namespaces=["trading"])
    assert server.watched.keys() == expected


def test_cluster_wide_kopf_watches_definitions_too_and_still_writes_nothing(watching: Watching) -> None:
    scanned = {kind.path(): "" for kind in KINDS.values() if kind.scanning_verbs}
    expected = {kind.path(): kind.watched for kind in WATCHED} | scanned
    server, _ = watching(WATCHED, expected.keys(), dynamic=True, clusterwide=True)
    assert server.watched == expected
    assert server.listed == expected.keys()
    assert server.written == []
