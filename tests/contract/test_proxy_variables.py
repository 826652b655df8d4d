"""Whatever the environment says about proxies, a process works or says in one line what it cannot use."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from cbbot.process.proxies import PROXY_VARIABLES
from started_processes import start_async

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

NOWHERE = "http://venue.invalid:9"
TOKEN = "a-token-for-tests-only"
AS_FOUND = [
    {"NO_PROXY": "localhost,fd00::/8"},
    {"NO_PROXY": "[::1]"},
    {"no_proxy": "::1,*.local,[fe80::1%eth0]:8,,"},
]
SOCKS = [{name: "socks5://127.0.0.1:1"} for name in ("ALL_PROXY", "all_proxy", "SOCKS_PROXY", "socks_proxy")]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def process(*command: str, **extra: str) -> AsyncIterator[asyncio.subprocess.Process]:
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "PYTHONPATH") if key in os.environ}
    started = await start_async(sys.executable, "-m", *command, env=kept | extra, stderr=asyncio.subprocess.PIPE)
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


def bridge(**extra: str) -> dict[str, str]:
    return {"COINBASE_API_BASE": NOWHERE, "COINBASE_AUTH": "none", "BRIDGE_HOST": "127.0.0.1", "PORT": "0"} | extra


async def port_of(started: asyncio.subprocess.Process) -> int:
    assert started.stdout is not None
    return int(json.loads(await asyncio.wait_for(started.stdout.readline(), 30))["port"])


@pytest.mark.parametrize("variables", AS_FOUND)
async def test_a_bridge_runs_with_every_no_proxy(variables: dict[str, str]) -> None:
    async with process("cbbot_bridge", **bridge(BRIDGE_TOKEN=TOKEN), **variables) as started:
        port = await port_of(started)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            assert (await client.get("/health")).status_code == 200
            headers = {"Authorization": f"Bearer {TOKEN}"}
            assert (await client.get("/upstream", headers=headers)).json()["reachable"] is False
        started.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(started.communicate(), 30)
    assert started.returncode == 0
    assert "Traceback" not in errors.decode()


@pytest.mark.parametrize("variables", SOCKS)
async def test_a_bridge_refuses_a_socks_proxy_in_one_line(variables: dict[str, str]) -> None:
    async with process("cbbot_bridge", **bridge(), **variables) as started:
        _, errors = await asyncio.wait_for(started.communicate(), 30)
    (name,) = variables
    assert started.returncode == 2
    (line,) = errors.decode().splitlines()
    assert line.startswith(f"cbbot bridge: {name}='socks5://127.0.0.1:1' is not accepted: an address of an HTTP proxy")


@pytest.mark.parametrize("variables", SOCKS)
async def test_a_venue_on_this_machine_is_reached_without_any_proxy(variables: dict[str, str]) -> None:
    here = bridge(COINBASE_API_BASE="http://127.0.0.1:9", HTTP_PROXY="socks5://x")
    async with process("cbbot_bridge", **here, **variables) as started:
        assert await port_of(started)
        started.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(started.communicate(), 30)
    assert started.returncode == 0
    assert "Traceback" not in errors.decode()


async def test_rest_and_websocket_go_through_the_proxy() -> None:
    asked: dict[str, asyncio.Event] = {"GET http://venue.invalid:9/": asyncio.Event(), "CONNECT": asyncio.Event()}

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode()
        for start, event in asked.items():
            if line.startswith(start):
                event.set()
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, process("cbbot_bridge", **bridge(HTTP_PROXY=address)) as started:
        await asyncio.wait_for(asyncio.gather(*(event.wait() for event in asked.values())), 30)
        started.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(started.communicate(), 30)
    assert started.returncode == 0
    assert "Traceback" not in errors.decode()


@pytest.mark.parametrize("variables", [*AS_FOUND, *SOCKS])
async def test_a_bot_reaches_its_bridge_whatever_the_variables_say(variables: dict[str, str], tmp_path: Path) -> None:
    bot = {"BRIDGE_URL": NOWHERE, "PORT": "0", "BOT_HOST": "127.0.0.1", "STATE_FILE": str(tmp_path / "state.json")}
    async with process("cbbot", "run", **bot, **variables) as started:
        assert await port_of(started)
        started.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(started.communicate(), 30)
    assert started.returncode == 0
    assert "Traceback" not in errors.decode()


@pytest.mark.parametrize("variables", SOCKS)
async def test_a_bot_with_a_webhook_refuses_a_socks_proxy_in_one_line(
    variables: dict[str, str], tmp_path: Path
) -> None:
    bot = {"BRIDGE_URL": NOWHERE, "PORT": "0", "BOT_HOST": "127.0.0.1", "STATE_FILE": str(tmp_path / "state.json")}
    webhook = "https://hooks.slack.example/services/s3cret"
    async with process("cbbot", "run", **bot, **variables, SLACK_WEBHOOK=webhook) as started:
        _, errors = await asyncio.wait_for(started.communicate(), 30)
    (name,) = variables
    assert started.returncode == 2
    (line,) = errors.decode().splitlines()
    assert f"{name}='socks5://127.0.0.1:1' is not accepted" in line
    assert "s3cret" not in line


@pytest.mark.parametrize("variables", [*AS_FOUND, *SOCKS])
async def test_commands_and_operator_end_without_a_traceback(variables: dict[str, str], tmp_path: Path) -> None:
    commands = [
        ("cbbot", "backfill", "--out", str(tmp_path / "c.csv"), "--days", "1", "--bridge", "http://127.0.0.1:1"),
        ("cbbot_operator",),
    ]
    operator = {"CBBOT_BOT_IMAGE": "a/bot:1", "CBBOT_BRIDGE_IMAGE": "a/b:1", "KUBECONFIG": str(tmp_path / "none")}
    for command in commands:
        async with process(*command, **operator, **variables) as started:
            _, errors = await asyncio.wait_for(started.communicate(), 60)
        assert started.returncode == 1
        assert "Traceback" not in errors.decode()


def test_the_list_of_variables_is_complete() -> None:
    assert {name for variables in (*AS_FOUND, *SOCKS) for name in variables} <= set(PROXY_VARIABLES)
