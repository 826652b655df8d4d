"""Sockets and signals of the HTTP servers; what they answer is tested with the applications."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from cbbot.brokers.bridge_client import CONNECTIONS
from cbbot.errors import BadInput
from cbbot.process.http_server import HttpServer, log_listening
from cbbot.process.listening_socket import listening_socket

NEEDS_IPV6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")


def socket_on(host: str, port: int) -> socket.socket:
    return listening_socket(host, port, host_name="HOST", port_name="PORT")


async def answer(_scope: object, _receive: object, send: Callable[[dict[str, object]], Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_a_port_that_is_taken_is_bad_input_that_names_the_setting() -> None:
    with socket_on("127.0.0.1", 0) as taken:
        taken.listen()
        with pytest.raises(BadInput, match=r"PORT=\d+: cannot listen on 127.0.0.1 port \d+: .*in use; choose another"):
            socket_on("127.0.0.1", taken.getsockname()[1])


def test_a_host_that_is_none_is_bad_input_that_names_the_setting() -> None:
    with pytest.raises(BadInput, match=r"HOST='256\.1\.1\.1': cannot listen on 256\.1\.1\.1"):
        socket_on("256.1.1.1", 0)


def test_the_port_is_logged_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket_on("::1", 0) as bound:
        log_listening(bound, speed=60)
        port = bound.getsockname()[1]
    line = json.loads(capsys.readouterr().out)
    assert line == {"event": "listening", "host": "::1", "port": port, "speed": 60}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_server_and_not_the_process(number: signal.Signals) -> None:
    heard: list[str] = []

    async def main() -> None:
        listening: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()
        server = HttpServer(
            answer, listening.set_result, grace_seconds=1, lifespan="off", stopping=lambda: heard.append("stopping")
        )
        with socket_on("127.0.0.1", 0) as bound:
            serving = asyncio.create_task(server.serve([bound]))
            port = (await listening).getsockname()[1]
            async with httpx.AsyncClient(timeout=10) as client:
                assert (await client.get(f"http://127.0.0.1:{port}/")).status_code == 204
            os.kill(os.getpid(), number)
            await asyncio.wait_for(serving, 10)

    asyncio.run(main())
    assert heard == ["stopping"]


async def answer_at(port: int, host: str, method: str = "GET") -> httpx.Response:
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        return await client.request(method, f"http://{host}:{port}/")


async def serving(host: str, ask: Callable[[int], Awaitable[None]], **options: Any) -> None:
    """Runs ``ask`` with the port of a server on ``host``."""
    listening: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()
    server = HttpServer(answer, listening.set_result, grace_seconds=1, lifespan="off", **options)
    with socket_on(host, 0) as bound:
        running = asyncio.create_task(server.serve([bound]))
        try:
            await ask((await listening).getsockname()[1])
        finally:
            server.stop()
            await asyncio.wait_for(running, 10)


def test_an_idle_connection_is_kept_longer_than_a_bot_keeps_it() -> None:
    server = HttpServer(answer, log_listening, grace_seconds=1, lifespan="off")
    kept = CONNECTIONS.keepalive_expiry
    assert kept is not None
    assert server.config.timeout_keep_alive > kept


@NEEDS_IPV6
def test_everywhere_is_both_families() -> None:
    async def ask(port: int) -> None:
        for host in ("127.0.0.1", "[::1]"):
            assert (await answer_at(port, host)).status_code == 204

    asyncio.run(serving("::", ask))


def test_everywhere_is_ipv4_where_there_is_no_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with socket_on("::", 0) as bound:
        assert (bound.family, bound.getsockname()[0]) == (socket.AF_INET, "0.0.0.0")  # noqa: S104  what was asked for


@pytest.mark.parametrize("own", ["127.0.0.1", pytest.param("::1", marks=NEEDS_IPV6)])
def test_on_loopback_only_names_of_loopback_are_answered(own: str) -> None:
    async def ask(port: int) -> None:
        address = f"[{own}]" if ":" in own else own
        async with httpx.AsyncClient(base_url=f"http://{address}:{port}", timeout=10, trust_env=False) as client:
            for name in ("localhost", f"localhost:{port}", "127.0.0.1:1", "[::1]:80", address):
                assert (await client.get("/", headers={"Host": name})).status_code == 204, name
            for name in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "10.0.0.1", "[::2]", "[::1"):
                refused = await client.get("/", headers={"Host": name})
                assert refused.status_code == 421, name
                assert refused.json()["error"]["code"] == "wrong_host"

    asyncio.run(serving(own, ask))


@pytest.mark.parametrize(("host", "any_host"), [("0.0.0.0", False), ("127.0.0.1", True)])  # noqa: S104  that is the case
def test_elsewhere_or_on_demand_every_name_is_answered(host: str, any_host: bool) -> None:
    async def ask(port: int) -> None:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as client:
            assert (await client.get("/", headers={"Host": "bridge.namespace.svc:8787"})).status_code == 204

    asyncio.run(serving(host, ask, any_host=any_host))
