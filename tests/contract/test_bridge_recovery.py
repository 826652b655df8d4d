"""Real simulator, real bridge: what is wrong for a while at the venue is right again at the bridge soon after."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulation.served import Served

pytestmark = pytest.mark.processes

PATIENCE_SECONDS = 30
TOKEN = "a-token-for-tests-only"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@contextmanager
def simulator(folder: Path, port: int = 0) -> Iterator[Served]:
    options = ["--port", str(port), "--walk", "7", "--speed", "600"]
    served = Served(["cbbot_bridge.simulator", *options], {}, folder / "simulator.log")
    try:
        yield served
    finally:
        served.end(signal.SIGTERM)


@contextmanager
def bridge(folder: Path, venue: Served, **environment: str) -> Iterator[httpx.Client]:
    keys = {"COINBASE_API_BASE": venue.url, "COINBASE_AUTH": "none", "BRIDGE_TOKEN": TOKEN}
    served = Served(["cbbot_bridge", "--host", "127.0.0.1", "--port", "0"], keys | environment, folder / "bridge.log")
    try:
        with httpx.Client(base_url=served.url, headers=HEADERS, trust_env=False, timeout=20) as client:
            yield client
    finally:
        served.end(signal.SIGTERM)


def read(client: httpx.Client, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def prices(client: httpx.Client, count: int) -> list[str]:
    """So many different prices, none of them stale."""
    seen: dict[str, None] = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(seen) < count:
        assert time.monotonic() < deadline, f"prices so far: {list(seen)}"
        price = read(client, "/price?product_id=BTC-USD")
        if "error" not in price and not price["stale"]:
            seen[price["price"]] = None
        time.sleep(0.02)
    return list(seen)


def test_a_simulator_that_begins_anew_takes_the_bridge_with_it(tmp_path: Path) -> None:
    with simulator(tmp_path) as first, bridge(tmp_path, first) as client:
        prices(client, 3)
        started = read(client, "/time")["epoch_ms"]
        deadline = time.monotonic() + PATIENCE_SECONDS
        # Half an hour of the venue's time.
        while read(client, "/time")["epoch_ms"] < started + 1_800_000:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        before = read(client, "/time")["epoch_ms"]
        first.end(signal.SIGTERM)
        with simulator(tmp_path, first.port):
            deadline = time.monotonic() + PATIENCE_SECONDS
            while read(client, "/time")["epoch_ms"] > before - 600_000:
                assert time.monotonic() < deadline, "the clock stands still"
                time.sleep(0.05)
            prices(client, 3)
            assert len(read(client, "/candles?product_id=BTC-USD&limit=5")) == 5
            assert "bridge_clock_set_backs_total 1.0" in client.get("/metrics").text
    lines = [json.loads(line) for line in (tmp_path / "bridge.log").read_text().splitlines()]
    assert [line["event"] for line in lines].count("the venue's clock was set back") == 1


def test_a_product_that_the_venue_does_not_have_costs_the_others_nothing(tmp_path: Path) -> None:
    with (
        simulator(tmp_path) as venue,
        bridge(tmp_path, venue, COINBASE_WS_PRODUCTS="NOPE-USD,BTC-USD", COINBASE_WS_STALE_SEC="1") as client,
    ):
        prices(client, 10)
        upstream = read(client, "/upstream")
        assert upstream["websocket"] == {
            "enabled": True,
            "connected": True,
            "reconnects": 0,
            "gaps": 0,
            "refused_products": ["NOPE-USD"],
        }
        assert "Coinbase does not stream NOPE-USD: its price is polled" in upstream["warnings"]
        metrics = client.get("/metrics").text
    assert "bridge_ws_refused_products 1.0" in metrics
    assert "bridge_ws_errors_total 1.0" in metrics
