"""Sockets and signals of the HTTP servers; what they answer is tested with the applications."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Awaitable, Callable

import httpx
import pytest

from cbbot.errors import BadInput
from cbbot.process.http_server import HttpServer, listening_socket, log_listening


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
