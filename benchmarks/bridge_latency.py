"""What the bridge adds to an order, and how soon it answers GET /price at 1,000 requests a second.

    python benchmarks/bridge_latency.py [--orders 300] [--seconds 20] [--rate 1000]

Orders go to the simulator straight and through the bridge, in turns, over a kept connection each. Prices are asked for
at fixed times, whether or not earlier answers have come, and timed from when they were due; the bridge has processor 0
to itself, the simulator and this program have the other.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import itertools
import json
import os
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from benchmarked_servers import FAST, SIMULATOR, Served, served
from machine_facts import machine

TOKEN: Final = "a-token-for-benchmarks"  # noqa: S105 - of a server that lives for seconds
CONNECTIONS: Final = 32
ORDERS: Final = "/api/v3/brokerage/orders"


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def order_sender(server: Served, path: str, body: Callable[[str], Any]) -> Callable[[str], float]:
    """Sends one order over a kept connection; the seconds until the whole answer was there."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}

    def send(client_order_id: str) -> float:
        content = json.dumps(body(client_order_id))
        started = time.perf_counter()
        connection.request("POST", path, content, headers)
        answer = connection.getresponse()
        received = answer.read()
        seconds = time.perf_counter() - started
        assert answer.status == 200, received
        assert json.loads(received)["success"] is True, received
        return seconds

    return send


def time_orders(simulator: Served, bridge: Served, count: int) -> None:
    size = {"market_market_ioc": {"quote_size": "1"}}
    common = {"product_id": "BTC-USD", "side": "BUY"}
    senders = {
        "straight": order_sender(
            simulator, ORDERS, lambda name: {**common, "client_order_id": name, "order_configuration": size}
        ),
        "bridge": order_sender(
            bridge, "/order/market", lambda name: {**common, "client_order_id": name, "quote_size": "1"}
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in senders}
    for number in range(count + 10):
        for name, send in senders.items():
            seconds = send(f"{name}-{number}")
            if number >= 10:
                times[name].append(seconds * 1000)
    straight, through = (statistics.median(times[name]) for name in senders)
    print(
        f"order, ms: straight p50 {straight:.2f}, through the bridge p50 {through:.2f}, added {through - straight:.2f};"
    )
    print(f"           p99 {percentile(times['straight'], 0.99):.2f} and {percentile(times['bridge'], 0.99):.2f}")


class Asker(asyncio.Protocol):
    """One kept connection: a request at a time, those that are due meanwhile wait and their waiting counts."""

    def __init__(self, request: bytes, taken: list[float]) -> None:
        self._request = request
        self._taken = taken
        self._due: deque[float] = deque()
        self._got = b""
        self.idle = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def ask(self, due: float) -> None:
        self._due.append(due)
        self.idle.clear()
        if len(self._due) == 1:
            self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, _, body = self._got.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 10**9)
        if len(body) < length:
            return
        assert head.startswith(b"HTTP/1.1 200"), self._got
        assert b'"price"' in body, self._got
        self._got = b""
        self._taken.append(time.perf_counter() - self._due.popleft())
        if self._due:
            self._transport.write(self._request)
        else:
            self.idle.set()


async def time_prices(bridge: Served, rate: int, seconds: float) -> list[float]:
    host = f"127.0.0.1:{bridge.port}"
    request = f"GET /price?product_id=BTC-USD HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n".encode()
    taken: list[float] = []
    loop = asyncio.get_running_loop()
    askers = [
        (await loop.create_connection(lambda: Asker(request, taken), "127.0.0.1", bridge.port))[1]
        for _ in range(CONNECTIONS)
    ]
    began = time.perf_counter()
    turn = itertools.cycle(askers)
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        next(turn).ask(due)
    await asyncio.gather(*(asker.idle.wait() for asker in askers))
    return taken


def wait_for_a_price(bridge: Served) -> None:
    until = time.monotonic() + 20
    while "price" not in bridge.get("/price?product_id=BTC-USD"):
        assert time.monotonic() < until, "no price came"
        time.sleep(0.1)


def bridge_to(simulator: Served) -> AbstractContextManager[Served]:
    venue = {"COINBASE_API_BASE": simulator.url, "COINBASE_AUTH": "none", "BRIDGE_TOKEN": TOKEN}
    return served(["cbbot_bridge", "--host", "127.0.0.1", "--port", "0"], processor=0, **venue)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=int, default=1000)
    options = parser.parse_args()
    print(machine())
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {1})
    with (
        served([*SIMULATOR, FAST, "--balance=USD=1000000000"], processor=1) as simulator,
        bridge_to(simulator) as bridge,
    ):
        wait_for_a_price(bridge)
        time_orders(simulator, bridge, options.orders)
    with served([*SIMULATOR, "--speed=1"], processor=1) as simulator, bridge_to(simulator) as bridge:
        wait_for_a_price(bridge)
        asyncio.run(time_prices(bridge, options.rate, 2.0))
        used = cpu_seconds(bridge)
        taken = [seconds * 1000 for seconds in asyncio.run(time_prices(bridge, options.rate, options.seconds))]
        busy = (cpu_seconds(bridge) - used) / options.seconds
    figures = ", ".join(f"p{share * 100:g} {percentile(taken, share):.2f}" for share in (0.5, 0.9, 0.99, 0.999))
    print(f"GET /price at {options.rate}/s, ms: {figures}, most {max(taken):.2f}; {len(taken)} answers,")
    print(f"           {busy:.2f} of a processor, {busy / options.rate * 1e6:.0f} us of CPU a request")


def cpu_seconds(server: Served) -> float:
    """CPU that the server has used, where the system tells it."""
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as file:  # noqa: PTH123 - no file of ours
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
