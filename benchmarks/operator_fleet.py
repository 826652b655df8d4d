"""What a fleet of TradingBots costs the operator and the API server, in the cluster of the kubeconfig.

    python benchmarks/operator_fleet.py [--bots 1000] [--changes 40] [--quiet-seconds 60] [--no-controllers]

The operator runs as a process on this machine, in a namespace of its own that is deleted at the end. The cluster must
know TradingBots; nodes are not needed. What its controllers do (pods, claims) is part of the picture, unless they are
stopped meanwhile: that takes a control plane on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from control_plane import server_cpu, without_controllers
from machine_facts import machine

from cbbot.contract.tradingbot import KIND
from cbbot_operator.cluster import Cluster, connect
from cbbot_operator.keys import SETTINGS_HASH
from cbbot_operator.kinds import KINDS

AT_ONCE: Final = 30
PORT: Final = 18080
WRITES: Final = ("PATCH", "POST", "DELETE")
LOG: Final = Path(tempfile.gettempdir()) / "operator_fleet.log"
LINE: Final = re.compile(r"^(\w+)(?:\{([^}]*)\})? (\S+)$")


class Metrics:
    """The operator's own figures at one moment."""

    def __init__(self) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        self.samples: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        for line in text.splitlines():
            if (found := LINE.match(line)) is None:
                continue
            name, labels, value = found.groups()
            self.samples[name] += float(value)  # type: ignore[assignment]  # Counter counts floats as well
            if name == "cbbot_operator_children_total":
                self.samples[labels.split('"')[1]] += float(value)  # type: ignore[assignment]  # Counter counts floats as well
            if name == "cbbot_operator_reconciles_total" and "done" in labels:
                self.samples["done"] += float(value)  # type: ignore[assignment]  # Counter counts floats as well
            if name == "cbbot_operator_api_requests_total":
                self.requests[dict(re.findall(r'(\w+)="([^"]*)"', labels))["verb"]] += int(float(value))

    @property
    def cpu(self) -> float:
        return self.samples["process_cpu_seconds_total"]

    @property
    def writes(self) -> int:
        return sum(self.requests[verb] for verb in WRITES)

    @property
    def megabytes(self) -> float:
        return self.samples["process_resident_memory_bytes"] / 1e6


@contextmanager
def operator(namespace: str, resync_seconds: int) -> Iterator[subprocess.Popen[bytes]]:
    """The operator as a process, until the block ends."""
    environment = {
        **os.environ,
        "CBBOT_BOT_IMAGE": "example.org/bot:1",
        "CBBOT_BRIDGE_IMAGE": "example.org/bridge:1",
        "CBBOT_NAMESPACES": namespace,
        "POD_NAMESPACE": namespace,
        "CBBOT_POLL_SECONDS": "600",
        "CBBOT_RESYNC_SECONDS": str(resync_seconds),
        "PORT": str(PORT),
        "LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "cbbot_operator"]
    with LOG.open("ab") as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


async def until(what: str, holds: Any, seconds: float) -> float:
    """Wait for ``holds(Metrics)``; how long it took."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        try:
            if holds(Metrics()):
                return time.monotonic() - begun
        except (urllib.error.URLError, ConnectionError):
            pass
        await asyncio.sleep(0.25)
    sys.exit(f"not within {seconds:.0f} s: {what}")


async def in_turns(actions: list[Any]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(action: Any) -> None:
        async with gate:
            await action()

    await asyncio.gather(*(one(action) for action in actions))


def tradingbot(namespace: str, name: str) -> dict[str, Any]:
    spec = {"product": {"id": "BTC-USD"}, "exchange": {"venue": "Coinbase"}}
    return {**KINDS[KIND].head(), "metadata": {"namespace": namespace, "name": name}, "spec": spec}


async def with_status(cluster: Cluster, namespace: str) -> int:
    """TradingBots whose status is that of their generation."""
    found, token = 0, ""
    while True:
        page, token = await cluster.page(KIND, namespace, "", 250, token)
        for resource in page:
            seen = (resource.get("status") or {}).get("observedGeneration")
            found += seen == resource["metadata"]["generation"]
        if not token:
            return found


async def creation(cluster: Cluster, namespace: str, names: list[str]) -> None:
    children = 10 + 2 * await cluster.serves("ServiceMonitor")
    before, begun, server = Metrics(), time.monotonic(), server_cpu()
    await in_turns([lambda name=name: cluster.create(tradingbot(namespace, name)) for name in names])
    asked = time.monotonic() - begun
    wanted = before.samples["created"] + children * len(names)
    await until("all children made", lambda metrics: metrics.samples["created"] >= wanted, 3600)
    while await with_status(cluster, namespace) < len(names):  # noqa: ASYNC110  another process writes them
        await asyncio.sleep(1)
    taken, after = time.monotonic() - begun, Metrics()
    by_verb = {verb: (after.requests[verb] - before.requests[verb]) / len(names) for verb in sorted(after.requests)}
    words = ", ".join(f"{verb} {count:.2f}" for verb, count in by_verb.items() if count >= 0.005)
    print(f"{len(names)} created (asked for within {asked:.1f} s): children and status after {taken:.1f} s")
    print(f"  requests a bot: {sum(by_verb.values()):.2f} for {children} children ({words})")
    print(
        f"  operator: {after.cpu - before.cpu:.1f} s CPU, {after.megabytes:.0f} MB resident; "
        f"API server with etcd: {server_cpu() - server:.1f} s CPU"
    )


async def settled() -> None:
    """Wait for what is still under way (the controllers' pods, the status of the last change): 5 s without a write."""
    begun, last = time.monotonic(), Metrics()
    while time.monotonic() - begun < 600:
        await asyncio.sleep(5)
        now = Metrics()
        if now.writes == last.writes:
            print(f"  the last write {time.monotonic() - begun - 5:.0f} s later")
            return
        last = now
    sys.exit("the operator still writes after 600 s")


async def quiet(seconds: float) -> None:
    before = Metrics()
    await asyncio.sleep(seconds)
    after = Metrics()
    writes = after.writes - before.writes
    share = 100 * (after.cpu - before.cpu) / seconds
    print(f"{seconds:.0f} s of quiet: {share:.2f} % of a core, {writes} writes, {after.megabytes:.0f} MB")


async def changes(cluster: Cluster, namespace: str, names: list[str], count: int, when: str) -> None:
    """From the answer to a change of the spec to the Deployment's changed template."""
    took = []
    for name in random.sample(names, min(count, len(names))):
        where = "Deployment", namespace, f"{name}-bot"
        before = await settings_hash(cluster, where)
        percent = round(random.uniform(1, 9), 4)
        await cluster.patch(KIND, namespace, name, {"spec": {"exits": {"takeProfitPct": percent}}})
        begun = time.monotonic()
        while await settings_hash(cluster, where) == before:
            if time.monotonic() - begun > 120:
                sys.exit(f"{name}: the Deployment did not change within 120 s")
            await asyncio.sleep(0.01)
        took.append(time.monotonic() - begun)
    took.sort()
    p95 = took[min(len(took) - 1, int(0.95 * len(took)))]
    print(
        f"change to Deployment, {when}: p50 {statistics.median(took):.3f} s, p95 {p95:.3f} s, longest {took[-1]:.3f} s"
    )


async def settings_hash(cluster: Cluster, where: tuple[str, str, str]) -> str:
    deployment = await cluster.get(*where)
    if deployment is None:
        sys.exit(f"{where[2]} is not there")
    return str(deployment["spec"]["template"]["metadata"]["annotations"][SETTINGS_HASH])


async def cold_start(names: list[str], begun: float, server: float) -> None:
    await until("every TradingBot looked at", lambda metrics: metrics.samples["done"] >= len(names), 3600)
    after = Metrics()
    print(
        f"cold start: all looked at after {time.monotonic() - begun:.1f} s with {after.writes} writes "
        f"and {after.requests['GET']} reads, {after.cpu:.1f} s CPU, {after.megabytes:.0f} MB; "
        f"API server with etcd: {server_cpu() - server:.1f} s CPU"
    )


async def measure(bots: int, count: int, quiet_seconds: float, namespace: str) -> None:
    names = [f"bot-{number:04}" for number in range(bots)]
    async with await connect() as cluster:
        with operator(namespace, 3600):
            await until("the operator's endpoint", lambda _: True, 60)
            await until(
                "the watches", lambda metrics: metrics.samples["cbbot_operator_last_watch_event_timestamp_seconds"], 60
            )
            await creation(cluster, namespace, names)
            await settled()
            await quiet(quiet_seconds)
            await changes(cluster, namespace, names, count, "quiet")
            await settled()
        begun, server = time.monotonic(), server_cpu()
        # Every 10 s the whole fleet is listed and looked at.
        with operator(namespace, 10):
            await cold_start(names, begun, server)
            await changes(cluster, namespace, names, count, "resync upon resync")
            print(f"  {Metrics().megabytes:.0f} MB after that")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bots", type=int, default=1000)
    parser.add_argument("--changes", type=int, default=40)
    parser.add_argument("--quiet-seconds", type=float, default=60)
    parser.add_argument("--namespace", default=f"cbbot-fleet-{os.getpid()}")
    parser.add_argument("--no-controllers", action="store_true")
    given = parser.parse_args()
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}")
    kubectl("create", "namespace", given.namespace)
    try:
        with without_controllers() if given.no_controllers else nullcontext():
            asyncio.run(measure(given.bots, given.changes, given.quiet_seconds, given.namespace))
    finally:
        kubectl("delete", "namespace", given.namespace, "--wait=false")


def kubectl(*arguments: str) -> None:
    subprocess.run(["kubectl", *arguments], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
