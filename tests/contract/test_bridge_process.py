"""`python -m cbbot_bridge` as a process: starts, says where it listens, stops cleanly, tells what is wrong."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from started_processes import start_async

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

NOWHERE = {"COINBASE_API_BASE": "http://127.0.0.1:1", "COINBASE_AUTH": "none"}
TOKEN = "s3cret-token-of-this-test"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def environment(**extra: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("COINBASE_", "BRIDGE_"))}
    kept.pop("PORT", None)
    return {**kept, **extra}


@asynccontextmanager
async def bridge(*arguments: str, **extra: str) -> AsyncIterator[asyncio.subprocess.Process]:
    command = (sys.executable, "-m", "cbbot_bridge", *arguments)
    process = await start_async(*command, env=environment(**extra), stderr=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def port_of(process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None
    line = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
    assert line["event"] == "listening"
    port: int = line["port"]
    return port


async def test_a_further_port_serves_metrics_and_nothing_else() -> None:
    wanted = {"BRIDGE_METRICS_PORT": "0", "PORT": "0", "BRIDGE_TOKEN": TOKEN}
    async with bridge("--host", "127.0.0.1", **wanted, **NOWHERE) as process, httpx.AsyncClient() as client:
        assert process.stdout is not None
        line = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
        everything, metrics = (f"http://127.0.0.1:{line[port]}" for port in ("port", "metrics_port"))
        scraped = await client.get(f"{metrics}/metrics")
        assert (scraped.status_code, "bridge_" in scraped.text) == (200, True)
        token = {"Authorization": f"Bearer {TOKEN}"}
        for path in ("/health", "/upstream", "/accounts", "/metrics/", "//metrics", "/order/market"):
            assert (await client.get(f"{metrics}{path}", headers=token)).status_code == 404, path
        assert (await client.post(f"{metrics}/order/market", headers=token, json={})).status_code == 404
        assert (await client.get(f"{everything}/health")).status_code == 200
        assert (await client.get(f"{everything}/metrics")).status_code == 200


async def test_without_one_there_is_no_further_port_and_a_taken_one_is_named() -> None:
    async with bridge("--host", "127.0.0.1", PORT="0", BRIDGE_TOKEN=TOKEN, **NOWHERE) as process:
        assert process.stdout is not None
        line = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
        assert "metrics_port" not in line
        taken = str(line["port"])
        async with bridge("--host", "127.0.0.1", PORT="0", BRIDGE_METRICS_PORT=taken, **NOWHERE) as other:
            _, errors = await asyncio.wait_for(other.communicate(), 30)
    assert other.returncode == 2
    assert f"BRIDGE_METRICS_PORT={taken}: cannot listen on".encode() in errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_it_listens_on_a_free_port_and_stops_with_0_without_a_venue(number: signal.Signals) -> None:
    async with bridge("--host", "127.0.0.1", PORT="0", BRIDGE_TOKEN=TOKEN, **NOWHERE) as process:
        port = await port_of(process)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            assert (await client.get("/health")).json() == {"ok": True}
            assert (await client.get("/ready")).status_code == 200
            assert (await client.get("/price?product_id=BTC-USD")).json()["error"] == "no_tick"
        process.send_signal(number)
        stdout, stderr = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    assert stdout == b""
    events = [json.loads(line) for line in stderr.decode().splitlines()]
    assert {"starting", "stopping", "stopped"} <= {event["event"] for event in events}
    assert all({"ts", "level", "logger", "event"} <= set(event) for event in events)


async def test_no_secret_reaches_the_output() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    keys = {"COINBASE_API_KEY_NAME": "organizations/o/apiKeys/s3cret-name", "COINBASE_API_PRIVATE_KEY": pem}
    base = {"COINBASE_API_BASE": "http://127.0.0.1:1", "BRIDGE_HOST": "127.0.0.1", "PORT": "0"}
    async with bridge(BRIDGE_TOKEN=TOKEN, **base, **keys) as process:
        port = await port_of(process)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            assert (await client.get("/upstream", headers=headers)).json()["reachable"] is False
            assert (await client.get("/accounts", headers={"Authorization": "Bearer nope"})).status_code == 401
        process.terminate()
        stdout, stderr = await asyncio.wait_for(process.communicate(), 30)
    output = (stdout + stderr).decode()
    assert "upstream" in output or "venue" in output
    for secret in ("s3cret", pem.splitlines()[1], "PRIVATE KEY", "eyJ"):
        assert secret not in output


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        (
            {"COINBASE_WS_STALE_SEC": "soon"},
            "COINBASE_WS_STALE_SEC='soon' is not accepted: a whole number from 1 to 600",
        ),
        ({"COINBASE_AUTH": "none"}, "COINBASE_AUTH='none' is not accepted: jwt"),
        ({"BRIDGE_TOKEN": "s3cret"}, "BRIDGE_TOKEN='***' is not accepted: 16 to 512 printable characters"),
        ({"COINBASE_API_KEY_NAME": "k", "COINBASE_API_PRIVATE_KEY": "s3cret"}, "COINBASE_API_PRIVATE_KEY='***'"),
        ({"BRIDGE_HOST": "no.such.host.invalid"}, "BRIDGE_HOST='no.such.host.invalid'"),
    ],
)
async def test_bad_settings_are_one_line_and_exit_code_2(extra: dict[str, str], complaint: str) -> None:
    async with bridge(**{"PORT": "0", "BRIDGE_HOST": "127.0.0.1", **extra}) as process:
        stdout, stderr = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert stdout == b""
    assert len(stderr.decode().splitlines()) == 1
    assert stderr.decode().startswith(f"cbbot bridge: {complaint}")
    assert "s3cret" not in stderr.decode()


async def test_a_taken_port_is_reported_and_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with bridge("--host", "127.0.0.1", "--port", port, **NOWHERE) as process:
            _stdout, stderr = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in stderr.decode()
