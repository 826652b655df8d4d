"""Real simulator, real bridge, over HTTP: prices flow, candles page back, money moves exactly once."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from started_processes import start_async

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

TOKEN = "a-token-for-tests-only"
HEADERS = {"Authorization": f"Bearer {TOKEN}", "X-Bot-Id": "btc", "X-Bot-Epoch": "1795368120000"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def listening(module: str, *arguments: str, **extra: str) -> AsyncIterator[int]:
    """A process of ours that prints its port; it must stop with 0 on SIGTERM."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("COINBASE_", "BRIDGE_", "PORT"))}
    process = await start_async(sys.executable, "-m", module, *arguments, env={**kept, **extra})
    try:
        assert process.stdout is not None
        yield json.loads(await asyncio.wait_for(process.stdout.readline(), 60))["port"]
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 30) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def venue_and_bridge(
    folder: Path, *, signed: bool = False, speed: str = "60", **extra: str
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a bridge in front of a simulator."""
    simulator = ["--port", "0", "--walk", "7", "--speed", speed, "--balance", "USD=10000", "--faults"]
    auth = {"COINBASE_AUTH": "none"}
    if signed:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / "key.pem").write_bytes(pem)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (folder / "public.pem").write_bytes(public)
        simulator += ["--key-name", "a-key", "--public-key-file", str(folder / "public.pem")]
        auth = {"COINBASE_API_KEY_NAME": "a-key", "COINBASE_API_PRIVATE_KEY_FILE": str(folder / "key.pem")}
    async with listening("cbbot_bridge.simulator", *simulator) as venue_port:
        environment = {"COINBASE_API_BASE": f"http://127.0.0.1:{venue_port}", "BRIDGE_TOKEN": TOKEN, **auth, **extra}
        async with listening("cbbot_bridge", "--host", "127.0.0.1", "--port", "0", **environment) as port:
            base = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=base, headers=HEADERS, timeout=20, trust_env=False) as client:
                yield client


async def read(client: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def order(client: httpx.AsyncClient, number: int, side: str, **size: str) -> Any:
    body = {"client_order_id": f"e2e-{number}", "product_id": "BTC-USD", "side": side, **size}
    answer = await client.post("/order/market", json=body)
    assert answer.status_code == 200, answer.text
    async with asyncio.timeout(10):
        while True:
            state = await read(client, f"/order/{answer.json()['order_id']}")
            if state["status"] == "FILLED" and state["fills_agree"]:
                return state
            await asyncio.sleep(0.05)


async def balances(client: httpx.AsyncClient) -> tuple[Decimal, Decimal]:
    base = await read(client, "/balance/base", product_id="BTC-USD")
    quote = await read(client, "/balance/quote", product_id="BTC-USD")
    return Decimal(base["available"]), Decimal(quote["available"])


async def different_prices(client: httpx.AsyncClient, count: int) -> list[dict[str, Any]]:
    seen: dict[str, dict[str, Any]] = {}
    async with asyncio.timeout(20):
        while len(seen) < count:
            price = await read(client, "/price", product_id="BTC-USD")
            if "error" not in price:
                seen.setdefault(price["price"], price)
            await asyncio.sleep(0.05)
    return list(seen.values())


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
async def test_a_round_trip_moves_exactly_the_money_it_tells_of(tmp_path: Path, *, signed: bool) -> None:
    async with venue_and_bridge(tmp_path, signed=signed) as client:
        prices = await different_prices(client, 3)
        assert not any(price["stale"] for price in prices)
        assert [price["ts"] for price in prices] == sorted(price["ts"] for price in prices)
        fees = await read(client, "/fees")

        before = await balances(client)
        bought = await order(client, 1, "BUY", quote_size="1000")
        after = await balances(client)
        cost = Decimal(bought["filled_value"]) + Decimal(bought["commission_total_usd"])
        assert after[0] - before[0] == Decimal(bought["filled_size"]) > 0
        assert before[1] - after[1] == cost <= 1000
        rate = Decimal(bought["commission_total_usd"]) / Decimal(bought["filled_value"])
        assert abs(rate - Decimal(fees["taker_rate"])) < Decimal("1e-9")

        again = await order(client, 1, "BUY", quote_size="1000")
        assert again["order_id"] == bought["order_id"]
        assert await balances(client) == after

        sold = await order(client, 2, "SELL", base_size=bought["filled_size"])
        end = await balances(client)
        assert end[0] == before[0]
        assert end[1] - after[1] == Decimal(sold["filled_value"]) - Decimal(sold["commission_total_usd"])

        found = await read(client, "/order", client_order_id="e2e-2", product_id="BTC-USD", since=0)
        assert found == sold
        upstream = await read(client, "/upstream")
        assert upstream["credentials"]["valid"] is True
        assert upstream["websocket"]["connected"] is True
        assert upstream["clock_rate"] == pytest.approx(60, rel=0.2)


@pytest.mark.parametrize("speed", ["1", "1.01"])
async def test_a_signed_order_goes_through_where_the_venues_clock_runs_like_ours(tmp_path: Path, speed: str) -> None:
    """Such a venue's time is not ours, and the bridge signs by it."""
    async with venue_and_bridge(tmp_path, signed=True, speed=speed) as client:
        bought = await order(client, 1, "BUY", quote_size="100")
        assert Decimal(bought["filled_size"]) > 0


async def test_time_and_candles_of_a_venue_at_600_times_our_speed(tmp_path: Path) -> None:
    async with venue_and_bridge(tmp_path, speed="600") as client:
        await different_prices(client, 2)
        newest = await read(client, "/candles", product_id="BTC-USD", limit=350)
        starts = [int(candle["start"]) for candle in newest]
        assert starts == list(range(starts[0], starts[-1] + 60, 60))
        assert len(starts) == 350

        end = starts[-10]
        wide = await read(client, "/candles", product_id="BTC-USD", start=end - 60 * 999, end=end)
        assert [int(candle["start"]) for candle in wide] == list(range(end - 60 * 999, end + 60, 60))
        by_start = {candle["start"]: candle for candle in newest}
        overlap = [candle for candle in wide if candle["start"] in by_start]
        assert len(overlap) == 341
        assert all(by_start[candle["start"]] == candle for candle in overlap)

        times = [(await read(client, "/time"))["epoch_ms"] for _ in range(50)]
        assert times == sorted(times)
        candle = (await read(client, "/candles", product_id="BTC-USD", limit=1))[-1]
        now = (await read(client, "/time"))["epoch_ms"] // 1000
        # Within a second of ours: ten minutes of the venue's, whose clock the bridge can only estimate.
        assert abs(now - int(candle["start"])) < 600


async def test_a_refusal_of_the_venue_and_an_old_epoch_place_nothing(tmp_path: Path) -> None:
    async with venue_and_bridge(tmp_path, COINBASE_WS_ENABLE="false") as client:
        # Polled once a second.
        await different_prices(client, 2)
        assert (await read(client, "/upstream"))["websocket"]["enabled"] is False
        before = await balances(client)
        too_much = {"client_order_id": "x-1", "product_id": "BTC-USD", "side": "BUY", "quote_size": "10001"}
        answer = await client.post("/order/market", json=too_much)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"].startswith("INSUFFICIENT_FUND")
        stale = await client.post(
            "/order/market", json={**too_much, "quote_size": "10"}, headers={"X-Bot-Epoch": "1795368119999"}
        )
        assert stale.status_code == 409
        assert await balances(client) == before
        missing = await client.get("/order?client_order_id=x-1&product_id=BTC-USD&since=0")
        assert (missing.status_code, missing.json()["search"]["complete"]) == (404, True)


async def fault(client: httpx.AsyncClient, control: str, /, **fields: Any) -> None:
    """Asks the simulator behind ``client``'s bridge for a fault, or to close its sockets."""
    venue = (await read(client, "/upstream"))["base"]
    async with httpx.AsyncClient(base_url=venue, trust_env=False) as simulator:
        assert (await simulator.post(control, json=fields)).status_code == 200


async def test_an_order_whose_answers_were_lost_is_placed_once_and_found_again(tmp_path: Path) -> None:
    buy = {"client_order_id": "lost-1", "product_id": "BTC-USD", "side": "BUY", "quote_size": "1000"}
    async with venue_and_bridge(tmp_path) as client:
        await different_prices(client, 1)
        before = await balances(client)
        await fault(client, "/sim/faults", path="/orders", method="POST", times=4, status=500, after_effect=True)
        lost = await client.post("/order/market", json=buy)
        assert (lost.status_code, lost.json()["outcome"]) == (502, "unknown")
        found = await read(client, "/order", client_order_id="lost-1", product_id="BTC-USD", since=0)
        again = await client.post("/order/market", json=buy)
        assert again.json()["order_id"] == found["order_id"]
        after = await balances(client)
        assert after[0] - before[0] == Decimal(found["filled_size"])

        await fault(client, "/sim/faults", path="/orders", method="POST", times=1, status=429, body="html")
        await fault(client, "/sim/faults", path="/orders", method="POST", times=1, status=500, after_effect=True)
        state = await order(client, 5, "SELL", base_size=found["filled_size"])
        assert state["filled_size"] == found["filled_size"]
        assert (await balances(client))[0] == before[0]


async def test_prices_go_on_after_the_venue_closes_the_socket_cleanly(tmp_path: Path) -> None:
    async with venue_and_bridge(tmp_path) as client:
        await different_prices(client, 2)
        await fault(client, "/sim/sockets/close", code=1000)
        await different_prices(client, 4)
        websocket = (await read(client, "/upstream"))["websocket"]
        assert websocket["reconnects"] == 1
        assert websocket["connected"] is True
