"""A round of questions to a fleet of bots, answered by one stub server: time, CPU, memory and writes of the operator.

    python benchmarks/bot_polls.py [--bots 1000] [--hung 200] [--rounds 4]

Of the bots ``--hung`` accept and never answer. The operator's poller and reconciler are the real ones; the API server
is one in memory that counts what is written.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any, cast

from aiohttp import web
from machine_facts import machine

from cbbot.contract.spec_reader import read_spec
from cbbot_operator.bot_poller import Poller
from cbbot_operator.bots import HttpBots
from cbbot_operator.bridges import HttpBridges
from cbbot_operator.cluster import Cluster
from cbbot_operator.conditions import Outcome
from cbbot_operator.configuration import read_configuration
from cbbot_operator.keys import Key
from cbbot_operator.observed import Observed
from cbbot_operator.reconciler import Known, Reconciler

SPEC = {"product": {"id": "BTC-USD"}}
IMAGES = {"CBBOT_BOT_IMAGE": "bot:1", "CBBOT_BRIDGE_IMAGE": "bridge:1"}
STATUS = {
    "product_id": "BTC-USD",
    "mode": "paper",
    "venue": "Coinbase",
    "ready": True,
    "phase": "trading",
    "reason": "",
    "epoch": 3,
    "version": "0.1.0",
    "daily_pnl_usd": "3.4567",
    "unrealized_pnl_usd": "-0.0567",
    "exposure_usd": "50",
    "open_lots": 2,
    "breaker_tripped": False,
    "entries": {"allowed": True, "paused_by": []},
    "last_price": "112345.67",
    "price_age_seconds": 1.5,
    "last_decision": {"signal": "buy", "p_up": 0.6, "reason": "entered", "at": "2026-01-02T03:04:00Z"},
    "model": {"mode": "baseline", "last_fit_at": None},
    "pending_orders": 0,
    "last_save_at": None,
    "clock_offset_ms": 0,
    "warnings": [],
    "started_at": "2026-01-02T03:00:00Z",
}


async def serve() -> None:
    """The stub: every answer has another equity; a bot whose name begins with ``hung`` gives none."""
    cents = itertools.count()

    async def status(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name.startswith("hung"):
            await asyncio.Event().wait()
        equity = f"1003.{next(cents) % 10000:04}"
        said = {**STATUS, "bot": name, "namespace": "fleet", "equity_usd": equity, "equity_marked_usd": equity}
        return web.json_response(said)

    app = web.Application()
    app.router.add_get("/{name}/status", status)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.Event().wait()


class Written:
    """As much of a cluster as a poll needs."""

    def __init__(self) -> None:
        self.count = 0

    async def patch_status(self, kind: str, namespace: str, name: str, patch: dict[str, Any]) -> dict[str, Any]:
        self.count += 1
        return {**resource_of(Key(namespace, name)), "kind": kind, **patch}

    async def version(self) -> tuple[int, int]:
        return 1, 36

    async def create(self, obj: dict[str, Any]) -> dict[str, Any]:
        return obj


def resource_of(key: Key) -> dict[str, Any]:
    metadata = {"namespace": key.namespace, "name": key.name, "uid": key.name, "generation": 1, "resourceVersion": "1"}
    return {"kind": "TradingBot", "metadata": metadata, "spec": SPEC}


def known(key: Key, now: datetime) -> Known:
    done = {"observedGeneration": 1, "availableReplicas": 1, "updatedReplicas": 1}
    deployments = {
        ("Deployment", f"{key.name}-{part}"): {"metadata": {"generation": 1}, "spec": {"replicas": 1}, "status": done}
        for part in ("bot", "bridge")
    }
    seen = Observed(key=key, resource=resource_of(key), spec=read_spec(SPEC), children=deployments, now=now)
    return Known(seen, Outcome())


async def measure(bots: int, hung: int, rounds: int, port: int) -> None:
    written = Written()
    reconciler = Reconciler(cast("Cluster", written), read_configuration(IMAGES))
    keys = [Key("fleet", f"hung-{number}" if number < hung else f"bot-{number}") for number in range(bots)]
    bots_there = HttpBots(lambda key: f"http://127.0.0.1:{port}/{key.name}")
    # None of these bots has an API key: no bridge is asked.
    async with bots_there as asked, HttpBridges() as bridges:
        poller = Poller(reconciler, asked, bridges, lambda *_: None)
        begun = datetime.now(UTC)
        for key in keys:
            reconciler.known[key] = known(key, begun)
        for turn in range(1, rounds + 1):
            began, cpu, at = time.perf_counter(), time.process_time(), datetime.now(UTC)
            before = written.count
            await poller.round()
            while any(not heard(reconciler, key, at) for key in keys[hung:]):  # noqa: ASYNC110  nothing tells of it
                await asyncio.sleep(0.01)
            wall, used = time.perf_counter() - began, time.process_time() - cpu
            print(f"round {turn}: {wall:.2f} s, {used:.2f} s of CPU, {written.count - before} writes of status")
        await poller.aclose()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{peak:.0f} MB resident at most")


def heard(reconciler: Reconciler, key: Key, since: datetime) -> bool:
    report = reconciler.known[key].seen.report
    return report is not None and report.status is not None and report.at >= since


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bots", type=int, default=1000)
    parser.add_argument("--hung", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return
    print(machine())
    stub = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert stub.stdout is not None
        port = json.loads(stub.stdout.readline())["port"]
        asyncio.run(measure(options.bots, options.hung, options.rounds, port))
    finally:
        stub.kill()
        stub.wait()


if __name__ == "__main__":
    main()
