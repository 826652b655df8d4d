"""Real simulator, real bridge: what is wrong for a while at the venue is right again at the bridge soon after."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulation.served import Served

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

PATIENCE_SECONDS = 30
TOKEN = "a-token-for-tests-only"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@contextmanager
def simulator(folder: Path, port: int = 0) -> Iterator[Served]:
    options = ["--port", str(port), "--walk", "7", "--speed", "600"]
    served = Served(["cbbot_bridge.simulator", *options], {}, folder / "simulator.log")
    try:
        yield served
    finally:
        served.end(signal.SIGTERM)


@asynccontextmanager
async def bridge(folder: Path, venue: Served, **environment: str) -> AsyncIterator[httpx.AsyncClient]:
    keys = {"COINBASE_API_BASE": venue.url, "COINBASE_AUTH": "none", "BRIDGE_TOKEN": TOKEN}
    served = Served(["cbbot_bridge", "--host", "127.0.0.1", "--port", "0"], keys | environment, folder / "bridge.log")
    try:
        async with httpx.AsyncClient(base_url=served.url, headers=HEADERS, trust_env=False, timeout=20) as client:
            yield client
    finally:
        served.end(signal.SIGTERM)


async def read(client: httpx.AsyncClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110  the event is in another process
            await asyncio.sleep(0.02)


async def fresh_prices(client: httpx.AsyncClient, count: int) -> None:
    """Waits for so many different prices, none of them stale."""
    seen: set[str] = set()

    async def enough() -> bool:
        price = await read(client, "/price?product_id=BTC-USD")
        if "error" not in price and not price["stale"]:
            seen.add(price["price"])
        return len(seen) >= count

    await until(enough)


async def test_a_simulator_that_begins_anew_takes_the_bridge_with_it(tmp_path: Path) -> None:
    with simulator(tmp_path) as first:
        async with bridge(tmp_path, first) as client:

            async def now_ms() -> int:
                return int((await read(client, "/time"))["epoch_ms"])

            async def half_an_hour_on() -> bool:
                return await now_ms() >= started + 1_800_000

            async def set_back() -> bool:
                return await now_ms() < before - 600_000

            async def five_candles() -> bool:
                return len(await read(client, "/candles?product_id=BTC-USD&limit=5")) == 5

            await fresh_prices(client, 3)
            started = await now_ms()
            await until(half_an_hour_on)
            before = await now_ms()
            first.end(signal.SIGTERM)
            with simulator(tmp_path, first.port):
                await until(set_back)
                await fresh_prices(client, 3)
                await until(five_candles)
                assert "bridge_clock_set_backs_total 1.0" in (await client.get("/metrics")).text
    lines = [json.loads(line) for line in (tmp_path / "bridge.log").read_text().splitlines()]
    assert [line["event"] for line in lines].count("the venue's clock was set back") == 1


async def test_a_product_that_the_venue_does_not_have_costs_the_others_nothing(tmp_path: Path) -> None:
    keys = {"COINBASE_WS_PRODUCTS": "NOPE-USD,BTC-USD", "COINBASE_WS_STALE_SEC": "1"}
    with simulator(tmp_path) as venue:
        async with bridge(tmp_path, venue, **keys) as client:
            await fresh_prices(client, 10)
            upstream = await read(client, "/upstream")
            metrics = (await client.get("/metrics")).text
    assert upstream["websocket"] == {
        "enabled": True,
        "connected": True,
        "reconnects": 0,
        "gaps": 0,
        "refused_products": ["NOPE-USD"],
    }
    assert "Coinbase does not stream NOPE-USD: its price is polled" in upstream["warnings"]
    assert "bridge_ws_refused_products 1.0" in metrics
    assert "bridge_ws_errors_total 1.0" in metrics
