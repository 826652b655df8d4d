"""What a tick costs on its way through the bridge, and whether a million of them cost memory.

    python benchmarks/bridge_ticks.py [--ticks 1000000] [--timed 3000]

First a bridge as a process, with a venue made of a WebSocket: from the moment a ticker is sent to the answer
of GET /price that shows it, asked for over one connection again and again, so that one request's time is in
it. Then stream and prices of a bridge alone, in this process, fed by another one as fast as it goes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from machine_facts import machine
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from cbbot.domain.timestamps import rfc3339_ms
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.bridge_settings import load_settings
from cbbot_bridge.coinbase.ws_messages import TickerUpdate

PRODUCT = "BTC-USD"
MARKS = 10
BATCH = 500


def now_text() -> str:
    return rfc3339_ms(time.time_ns() // 1_000_000)


def ticker(sequence: int, price: str) -> str:
    entry = {
        "type": "ticker", "product_id": PRODUCT, "price": price, "volume_24_h": "11005.02", "low_24_h": "65000.01",
        "high_24_h": "69000.99", "low_52_w": "40000", "high_52_w": "109000", "price_percent_chg_24_h": "-0.28",
        "best_bid": price, "best_bid_quantity": "0.17", "best_ask": price, "best_ask_quantity": "0.21",
    }  # fmt: skip
    body = {"channel": "ticker", "client_id": "", "timestamp": now_text(), "sequence_num": sequence}
    return json.dumps({**body, "events": [{"type": "update", "tickers": [entry]}]})


def answer_http(_connection: ServerConnection, request: Request) -> Response | None:
    """The venue's time; nothing else is known, but a WebSocket is welcome."""
    if "Upgrade" in request.headers:
        return None
    if request.path.endswith("/time"):
        body = json.dumps({"epochMillis": str(time.time_ns() // 1_000_000)}).encode()
        return Response(
            200, "OK", Headers({"Content-Type": "application/json", "Content-Length": str(len(body))}), body
        )
    return Response(503, "Service Unavailable", Headers({"Content-Length": "0"}), b"")


@asynccontextmanager
async def venue(feed: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[int]:
    """A venue on a free port; ``feed`` has the connection after its two subscriptions were answered."""

    async def handle(connection: ServerConnection) -> None:
        for _ in range(2):
            await connection.recv()
            await connection.send(json.dumps({"channel": "subscriptions", "events": [{"subscriptions": {}}]}))
        await feed(connection)

    # No pings: behind a flood of ticks a pong takes its time, the more so on a busy machine.
    async with serve(handle, "127.0.0.1", 0, process_request=answer_http, ping_interval=None) as server:
        yield next(iter(server.sockets)).getsockname()[1]


async def to_price(timed: int) -> None:
    """Milliseconds from a frame to the price it tells."""
    connected: asyncio.Future[ServerConnection] = asyncio.get_running_loop().create_future()

    async def feed(connection: ServerConnection) -> None:
        connected.set_result(connection)
        await connection.wait_closed()

    async with venue(feed) as port:
        keys = {"COINBASE_API_BASE": f"http://127.0.0.1:{port}", "COINBASE_AUTH": "none", "BRIDGE_TOKEN": "x" * 32}
        command = (sys.executable, "-m", "cbbot_bridge", "--host", "127.0.0.1", "--port", "0")
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **keys}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            assert process.stdout is not None
            bridge = json.loads(await process.stdout.readline())["port"]
            connection = await asyncio.wait_for(connected, 30)
            found, alone = await timed_prices(connection, bridge, timed)
        finally:
            process.send_signal(signal.SIGTERM)
            await process.wait()
    for name, taken in (("frame to /price", found), ("GET /price alone", alone)):
        cuts = statistics.quantiles(taken, n=1000)
        print(f"{name}: p50 {cuts[499]:.2f} ms, p99 {cuts[989]:.2f} ms, p99.9 {cuts[998]:.2f} ms, {len(taken):,} times")


async def timed_prices(connection: ServerConnection, port: int, timed: int) -> tuple[list[float], list[float]]:
    found, alone = [], []
    url = f"http://127.0.0.1:{port}/price?product_id={PRODUCT}"
    async with httpx.AsyncClient(trust_env=False) as client:
        for number in range(timed):
            price = f"{60_000 + number}.25"
            began = time.perf_counter()
            await connection.send(ticker(number, price))
            while True:
                asked = time.perf_counter()
                answer = (await client.get(url)).json()
                now = time.perf_counter()
                alone.append((now - asked) * 1e3)
                if answer.get("price") == price:
                    break
            found.append((now - began) * 1e3)
            await asyncio.sleep(0.002)
    return found, alone


async def send_many(ticks: int) -> None:
    """The feeding process: tells its port, sends, waits for the end."""

    async def feed(connection: ServerConnection) -> None:
        with contextlib.suppress(OSError):
            for number in range(ticks):
                await connection.send(ticker(number, f"{60_000 + number % 997}.{number % 100:02d}"))
                if number % BATCH == 0:
                    await asyncio.sleep(0)
            await connection.wait_closed()

    async with venue(feed) as port:
        print(port, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def memory(ticks: int) -> None:
    """Resident memory of stream and prices while ``ticks`` come."""
    feeder = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--feed", str(ticks), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert feeder.stdin is not None
    assert feeder.stdout is not None
    port = int(await feeder.stdout.readline())
    bridge = Bridge(load_settings({"COINBASE_API_BASE": f"http://127.0.0.1:{port}", "COINBASE_AUTH": "none"}))
    heard = 0
    done = asyncio.Event()
    marks: list[tuple[int, float]] = []
    take = bridge.stream.on_ticker

    def counted(update: TickerUpdate, timestamp: str) -> None:
        nonlocal heard
        take(update, timestamp)
        heard += 1
        if heard % (ticks // MARKS) == 0:
            marks.append((heard, resident_mib()))
        if heard == ticks:
            done.set()

    bridge.stream.on_ticker = counted
    logging.disable()
    async with bridge.running():
        began, spent = time.perf_counter(), time.process_time()
        await done.wait()
        took, cpu = time.perf_counter() - began, time.process_time() - spent
    feeder.stdin.close()
    await feeder.wait()
    price = bridge.prices.price(PRODUCT)
    assert price is not None
    assert not price.stale
    counts = bridge.stream.counts
    assert (counts.gaps, counts.malformed, counts.reconnects) == (0, 0, 1), counts
    print(f"\n{ticks:,} ticks in {took:.0f} s, {cpu / ticks * 1e6:.0f} us CPU a tick")
    for number, mib in marks:
        print(f"  after {number:9,}: RSS {mib:6.2f} MiB")
    later = marks[1:]
    slope = statistics.linear_regression([number for number, _ in later], [mib for _, mib in later]).slope
    print(f"  slope after the first tenth: {slope * 1e6:+.2f} MiB a million ticks")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=1_000_000)
    parser.add_argument("--timed", type=int, default=3_000)
    parser.add_argument("--feed", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.feed is not None:
        asyncio.run(send_many(given.feed))
        return
    print(machine())
    asyncio.run(to_price(given.timed))
    asyncio.run(memory(given.ticks))


if __name__ == "__main__":
    main()
