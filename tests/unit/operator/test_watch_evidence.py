"""Each watch's own proof that it lives, and one namespace's 403 that stays its own, with kopf and over HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import kopf
import pytest
from aiohttp import web

from cbbot_operator.api_access import Access, FixedCredentials
from cbbot_operator.kinds import KINDS
from cbbot_operator.watch_cache import WatchCache
from cbbot_operator.watch_evidence import WatchEvidence, watches_of
from cbbot_operator.watch_login import watch_login
from cbbot_operator.watches import Watches, watch_settings
from unit.operator.memory_cluster import MonotonicClock, Run

TRADINGBOTS, SECRETS, MONITORS = KINDS["TradingBot"], KINDS["Secret"], KINDS["ServiceMonitor"]


class Streams:
    """Watches that stay open; a test writes into each, and says where nothing is allowed."""

    def __init__(self) -> None:
        self.open: dict[str, web.StreamResponse] = {}
        self.forbidden: set[str] = set()
        self.refused: list[str] = []
        self.progress = asyncio.Condition()
        self.closing = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.strip("/")
        if path in self.forbidden:
            async with self.progress:
                self.refused.append(path)
                self.progress.notify_all()
            return web.json_response({"message": "no rights"}, status=403)
        if "watch" not in request.query:
            return web.json_response(self.listed(path))
        response = web.StreamResponse()
        await response.prepare(request)
        async with self.progress:
            self.open[path] = response
            self.progress.notify_all()
        await self.closing.wait()
        return response

    def listed(self, path: str) -> dict[str, Any]:
        if path == "api":
            return {"versions": ["v1"]}
        if path == "apis":
            versions = {kind.group: {"version": kind.version} for kind in KINDS.values() if kind.group}
            return {
                "groups": [
                    {"name": group, "versions": [version], "preferredVersion": version}
                    for group, version in versions.items()
                ]
            }
        here = [kind for kind in KINDS.values() if kind.root == path]
        if here:
            common = {"singularName": "", "namespaced": True, "verbs": ["list", "watch"]}
            return {"resources": [{"name": kind.plural, "kind": kind.name, **common} for kind in here]}
        return {"items": [], "metadata": {"resourceVersion": "1"}}

    async def until(self, *paths: str) -> None:
        async with self.progress:
            await self.progress.wait_for(lambda: self.open.keys() >= set(paths))

    async def bookmark(self, path: str) -> None:
        event = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "2"}}}
        await self.open[path].write(json.dumps(event).encode() + b"\n")

    async def gone(self, path: str) -> None:
        event = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}}
        await self.open[path].write(json.dumps(event).encode() + b"\n")


class Served:
    """The streams behind an address, and kopf on them."""

    def __init__(self, evidence: WatchEvidence, *namespaces: str) -> None:
        self.streams = Streams()
        self._evidence = evidence
        self._namespaces = namespaces
        self._stop = asyncio.Event()

    async def __aenter__(self) -> Streams:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.streams.handle)
        self._shell = web.AppRunner(app, shutdown_timeout=0.1)
        await self._shell.setup()
        await web.TCPSite(self._shell, "127.0.0.1", 0).start()
        access = Access(server=f"http://127.0.0.1:{self._shell.addresses[0][1]}")
        watches = Watches(lambda *_: None, WatchCache(), lambda *_: [], "cbbot-operator", lambda: None)
        login = watch_login(FixedCredentials(access), self._evidence)
        self._kopf = asyncio.ensure_future(
            kopf.operator(
                registry=watches.registry([TRADINGBOTS, SECRETS], login),
                settings=watch_settings(dynamic=False),
                standalone=True,
                namespaces=self._namespaces,
                stop_flag=self._stop,
            )
        )
        return self.streams

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        self.streams.closing.set()
        await self._kopf
        await self._shell.cleanup()


async def until_heard(evidence: WatchEvidence, *silent: str) -> None:
    """What a server wrote arrives a moment later."""
    while [str(watch) for watch in evidence.silent()] != list(silent):  # noqa: ASYNC110  counted, not announced
        await asyncio.sleep(0.01)


def test_a_dead_watch_is_not_masked_by_one_that_lives(run: Run) -> None:
    clock = MonotonicClock()
    evidence = WatchEvidence(watches_of([TRADINGBOTS, SECRETS], ["a"]), clock)
    tradingbots, secrets = TRADINGBOTS.path("a"), SECRETS.path("a")

    async def scenario() -> None:
        async with Served(evidence, "a") as streams:
            await streams.until(tradingbots, secrets)
            for _ in range(3):
                clock.advance(181)
                await streams.bookmark(secrets)
                await streams.bookmark(tradingbots)
                await until_heard(evidence)
            clock.advance(179)
            await until_heard(evidence)
            clock.advance(2)
            await streams.bookmark(secrets)
            await until_heard(evidence, "tradingbots in a")
            clock.advance(181)
            await until_heard(evidence, "tradingbots in a", "secrets in a")
            # A bookmark is enough: nothing has to change in the cluster, and nothing was written there.
            await streams.bookmark(tradingbots)
            await until_heard(evidence, "secrets in a")

    run(scenario())


def test_a_namespace_that_may_not_be_watched_is_named_and_the_others_go_on(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cbbot_operator")
    clock = MonotonicClock()
    evidence = WatchEvidence(watches_of([TRADINGBOTS, SECRETS], ["a", "b"]), clock, pause_seconds=0.01)
    forbidden = {TRADINGBOTS.path("b"), SECRETS.path("b")}
    allowed = {TRADINGBOTS.path("a"), SECRETS.path("a")}

    async def scenario() -> None:
        served = Served(evidence, "a", "b")
        served.streams.forbidden |= forbidden
        async with served as streams:
            await streams.until(*allowed)
            async with streams.progress:
                await streams.progress.wait_for(lambda: all(streams.refused.count(path) > 3 for path in forbidden))
            assert [str(watch) for watch in evidence.forbidden] == ["tradingbots in b", "secrets in b"]
            assert evidence.unopened == []
            assert not evidence.all_forbidden
            clock.advance(1000)
            assert [str(watch) for watch in evidence.silent()] == ["tradingbots in a", "secrets in a"]
            streams.forbidden.clear()
            await streams.until(*allowed, *forbidden)
            assert evidence.forbidden == []

    run(scenario())
    said = [record.message for record in caplog.records if "not allowed to watch" in record.message]
    assert len(said) == 2
    assert any("tradingbots in b: give the operator's service account its rights there back" in line for line in said)
    assert "allowed to watch tradingbots in b again" in caplog.text


def test_a_watch_that_lists_anew_is_told_for_no_watch_shows_what_ended_meanwhile(run: Run) -> None:
    evidence = WatchEvidence(watches_of([TRADINGBOTS, SECRETS], ["a"]), MonotonicClock())
    tradingbots, secrets = TRADINGBOTS.path("a"), SECRETS.path("a")

    async def scenario() -> None:
        async with Served(evidence, "a") as streams:
            await streams.until(tradingbots, secrets)
            await until_heard(evidence)
            assert not evidence.listed_anew.is_set()
            await streams.gone(tradingbots)
            await evidence.listed_anew.wait()

    run(scenario())


def test_what_is_not_open_yet_is_named_but_for_kinds_that_may_be_unknown() -> None:
    evidence = WatchEvidence(watches_of([TRADINGBOTS, MONITORS], []), MonotonicClock())
    assert [str(watch) for watch in evidence.unopened] == ["tradingbots"]
