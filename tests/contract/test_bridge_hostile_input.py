"""A bridge process and a neighbour that means harm: it keeps its memory, and answers."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from simulation.served import Served

pytestmark = pytest.mark.processes

TOKEN: Final = "a-token-for-tests-only"
BODY: Final = 150 * 2**20
BLOCK: Final = bytes(2**16)
MOST_GROWTH_MB: Final = 20


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Served]:
    environment = {
        "COINBASE_API_BASE": "http://127.0.0.1:9", "COINBASE_AUTH": "none", "COINBASE_WS_ENABLE": "false",
        "BRIDGE_TOKEN": TOKEN, "BRIDGE_HOST": "127.0.0.1", "PORT": "0",
    }  # fmt: skip
    served = Served(["cbbot_bridge"], environment, tmp_path / "log")
    yield served
    served.end(signal.SIGKILL)


def resident_mb(served: Served) -> float:
    (line,) = [
        line for line in Path(f"/proc/{served.process.pid}/status").read_text().splitlines() if line[:6] == "VmHWM:"
    ]
    return int(line.split()[1]) / 1024


def head(framing: str, token: str) -> bytes:
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"POST /order/market HTTP/1.1\r\nHost: localhost\r\n{authorization}{framing}\r\n\r\n".encode()


def send_all_that_is_taken(connection: socket.socket, chunked: bool) -> int:
    sent = 0
    block = b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK) if chunked else BLOCK
    try:
        while sent < BODY:
            connection.sendall(block)
            sent += len(BLOCK)
    except OSError:  # the other side has closed
        pass
    return sent


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("token", ["", TOKEN, "wrong-token-of-this-test"])
@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
def test_a_body_of_150_mb_is_refused_from_its_first_bytes(bridge: Served, token: str, chunked: bool) -> None:
    before = resident_mb(bridge)
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {BODY}"
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=10) as connection:
        connection.sendall(head(framing, token))
        sent = send_all_that_is_taken(connection, chunked)
        status = int(connection.recv(65536).split()[1])
    assert status == 413 if token == TOKEN or not chunked else status in (401, 413)
    assert sent < BODY / 4
    assert resident_mb(bridge) - before < MOST_GROWTH_MB
    assert httpx.get(f"{bridge.url}/health", trust_env=False).status_code == 200


def test_a_page_that_calls_itself_this_machine_is_not_answered(bridge: Served) -> None:
    refused = httpx.get(f"{bridge.url}/price?product_id=BTC-USD", headers={"Host": "evil.example"}, trust_env=False)
    assert (refused.status_code, refused.json()["error"]["code"]) == (421, "wrong_host")
