"""The operator as a process, against an API server of the test's own: how it begins and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from cbbot_operator.kinds import KINDS
from free_port import free_port
from started_processes import start_async

pytestmark = pytest.mark.processes

# The bounds of task_group.py and lease.py together, and some for a machine that is busy.
STOP_SECONDS = 20.0


class BusyApiServer:
    """Knows all kinds or none, gives the Lease to whoever asks, and never answers a question for a child."""

    def __init__(self) -> None:
        self.knows_kinds = True
        self.lease: dict[str, Any] | None = None
        self.hanging = asyncio.Event()
        self.closing = asyncio.Event()
        self.paths: list[str] = []
        self.errors: list[dict[str, Any]] = []
        """What the next watches of TradingBots say before they end."""
        self.watched_again = asyncio.Event()
        self.watches: list[web.Request] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.strip("/")
        self.paths.append(path)
        if "/leases" in path and "watch" not in request.query and path != KINDS["Lease"].path("trading"):
            return await self._lease(request)
        if request.method == "POST":
            return await self._lease(request)
        found = self._discovered(path)
        if found is not None:
            return web.json_response(found)
        if "watch" in request.query:
            response = web.StreamResponse()
            await response.prepare(request)
            self.watches.append(request)
            if path == KINDS["TradingBot"].path("trading"):
                if self.errors:
                    await response.write(json.dumps({"type": "ERROR", "object": self.errors.pop(0)}).encode() + b"\n")
                else:
                    self.watched_again.set()
            await self.closing.wait()
            return response
        if path.endswith(("/tradingbots/btc", "/namespaces/trading")):
            self.hanging.set()
            await self.closing.wait()
        items = [self._tradingbot()] if path == KINDS["TradingBot"].path("trading") else []
        return web.json_response({"items": items, "metadata": {"resourceVersion": "1"}})

    async def _lease(self, request: web.Request) -> web.StreamResponse:
        if request.method in ("POST", "PUT"):
            self.lease = await request.json()
        if self.lease is None:
            return web.json_response({"message": "none"}, status=404)
        self.lease["metadata"]["resourceVersion"] = "1"
        return web.json_response(self.lease)

    def open_watches(self) -> list[str]:
        """Their paths, one for each connection that is open."""
        connections = [(watch.path, watch.transport) for watch in self.watches]
        return sorted(path for path, transport in connections if transport is not None and not transport.is_closing())

    def _tradingbot(self) -> dict[str, Any]:
        metadata = {"namespace": "trading", "name": "btc", "uid": "1", "generation": 1, "resourceVersion": "1"}
        return {**KINDS["TradingBot"].head(), "metadata": metadata, "spec": {"product": {"id": "BTC-USD"}}}

    def _discovered(self, path: str) -> dict[str, Any] | None:
        if path == "api":
            return {"versions": ["v1"]}
        if path == "apis":
            versions = {kind.group: {"version": kind.version} for kind in KINDS.values() if kind.group}
            return {
                "groups": [{"name": name, "versions": [one], "preferredVersion": one} for name, one in versions.items()]
            }
        here = [kind for kind in KINDS.values() if kind.root == path]
        if not here:
            return None
        common = {"singularName": "", "namespaced": True, "verbs": ["list", "watch"]}
        known = here if self.knows_kinds else []
        return {"resources": [{"name": kind.plural, "kind": kind.name, **common} for kind in known]}


@contextlib.asynccontextmanager
async def running(server: BusyApiServer, folder: Path, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    shell = web.AppRunner(app, shutdown_timeout=0.1)
    await shell.setup()
    await web.TCPSite(shell, "127.0.0.1", 0).start()
    (folder / "config").write_text(
        yaml.safe_dump(
            {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "users": [{"name": "u", "user": {"token": "t0ken"}}],
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{shell.addresses[0][1]}"}}],
            }
        )
    )
    environment = {
        **os.environ,
        "KUBECONFIG": str(folder / "config"),
        "PORT": str(port),
        "POD_NAMESPACE": "trading",
        "CBBOT_BOT_IMAGE": "bot:1",
        "CBBOT_BRIDGE_IMAGE": "bridge:1",
    }
    command = (sys.executable, "-X", "dev", "-m", "cbbot_operator")
    process = await start_async(*command, env=environment, stderr=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        server.closing.set()
        await shell.cleanup()


async def ready(port: int) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    return answer.status, await answer.text()
            await asyncio.sleep(0.05)


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    async def scenario() -> tuple[int | None, bytes, bytes]:
        with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as taken:
            port = int(taken.getsockname()[1])
            async with running(BusyApiServer(), tmp_path, port) as process:
                said, complaint = await asyncio.wait_for(process.communicate(), 60)
                return process.returncode, said, complaint

    code, _, complaint = asyncio.run(scenario())
    assert code == 2
    (line,) = [line for line in complaint.decode().splitlines() if line.startswith("cbbot-operator: ")]
    assert "PORT=" in line
    assert "Address already in use" in line
    assert "Traceback" not in complaint.decode()


def test_it_is_not_ready_before_it_knows_tradingbots_and_leads(tmp_path: Path) -> None:
    async def scenario() -> tuple[tuple[int, str], bytes]:
        port = free_port()
        server = BusyApiServer()
        server.knows_kinds = False
        async with running(server, tmp_path, port) as process:
            found = await asyncio.wait_for(ready(port), 60)
            process.send_signal(signal.SIGTERM)
            said, complaint = await asyncio.wait_for(process.communicate(), STOP_SECONDS)
            assert process.returncode == 0
            return found, said + complaint

    (status, words), said = asyncio.run(scenario())
    assert (status, words) == (503, "the cluster does not know TradingBots yet: apply crds/tradingbots.yaml")
    assert b"Traceback" not in said


def test_told_to_stop_while_busy_it_ends_in_time_and_gives_the_lease_back(tmp_path: Path) -> None:
    async def scenario() -> tuple[BusyApiServer, float, bytes]:
        server = BusyApiServer()
        async with running(server, tmp_path, free_port()) as process:
            await asyncio.wait_for(server.hanging.wait(), 60)
            began = time.monotonic()
            # Somebody who is impatient sends it twice.
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGTERM)
            said, complaint = await asyncio.wait_for(process.communicate(), STOP_SECONDS + 10)
            assert process.returncode == 0
            return server, time.monotonic() - began, said + complaint

    server, seconds, said = asyncio.run(scenario())
    assert seconds < STOP_SECONDS
    assert server.lease is not None
    assert server.lease["spec"]["holderIdentity"] == ""
    for words in ("never retrieved", "Traceback", "was never awaited", "Unclosed"):
        assert words not in said.decode()


def test_an_error_in_a_watch_ends_neither_the_watches_nor_the_process(tmp_path: Path) -> None:
    async def scenario() -> bytes:
        server = BusyApiServer()
        server.errors = [{"kind": "Status", "code": 500, "message": "etcd"}]
        async with running(server, tmp_path, free_port()) as process:
            await asyncio.wait_for(server.watched_again.wait(), 60)
            open_then = server.open_watches()
            assert len(open_then) == len(set(open_then))
            process.send_signal(signal.SIGTERM)
            said, complaint = await asyncio.wait_for(process.communicate(), STOP_SECONDS + 10)
            assert process.returncode == 0
            return said + complaint

    said = asyncio.run(scenario()).decode()
    assert "the watches have ended: WatchingError" in said
    assert said.count('"event": "starting"') == 1
