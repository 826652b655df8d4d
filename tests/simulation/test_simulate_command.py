"""``cbbot simulate`` as a person starts it: what it says, what can be done with what it says, how it ends."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

import httpx
import pytest

import started_processes
from simulation.served import Served, surroundings
from stream_reader import stream_of

pytestmark = pytest.mark.processes

Begin = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Starts ``cbbot simulate``: the process, and what it says once it listens."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "cbbot", "simulate", "--port", "0", *arguments]
        process = started_processes.start(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=surroundings(PYTHONUNBUFFERED="1")
        )
        running.append(process)
        lines = []
        for line in cast("IO[str]", process.stdout):
            lines.append(line)
            if "curl" in line:
                break
        return process, "".join(lines)

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait(15)
        cast("IO[str]", process.stdout).close()


def address_in(said: str, kind: str) -> str:
    found = re.search(rf"{kind}://127\.0\.0\.1:\d+", said)
    assert found is not None, said
    return found[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_and_what_it_serves_and_ends_well(begin: Begin, number: signal.Signals) -> None:
    process, said = begin("--speed", "60")
    for words in ("BTC-USD and BTC-USDC, one book: 6000 candles", "ETH-USD and ETH-USDC", "USDT-USDC: 20000 candles"):
        assert words in said
    assert "60 times as fast as ours" in said
    assert "10000 USD" in said
    assert "COINBASE_AUTH=none" in said
    with httpx.Client(base_url=address_in(said, "http"), trust_env=False) as client:
        products = client.get("/api/v3/brokerage/market/products").json()["products"]
        assert [product["product_id"] for product in products] == [
            "BTC-USD",
            "BTC-USDC",
            "ETH-USD",
            "ETH-USDC",
            "USDT-USDC",
        ]
        with stream_of(client) as stream:
            assert stream.subscribed("ticker", "ETH-USDC")["tickers"][0]["product_id"] == "ETH-USD"
    process.send_signal(number)
    assert process.wait(15) == 0


def test_a_file_of_candles_is_played_at_the_speed_asked_for(begin: Begin, tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    path.write_text("time,open,high,low,close,volume\n" + "".join(f"{60 * n},5,5,5,5,1\n" for n in range(1, 9)))
    _, said = begin("--csv", str(path), "--speed", "1", "--balance", "USD=5")
    assert "BTC-USD and BTC-USDC, one book: 8 candles of candles.csv" in said
    assert "5 USD" in said
    assert ", as fast as ours" in said
    assert "ETH" not in said


def test_a_bridge_that_is_started_as_it_says_trades(begin: Begin, tmp_path: Path) -> None:
    _, said = begin("--speed", "60")
    settings = dict(re.findall(r"(COINBASE_\w+)=(\S+)", said))
    token = "a-token-for-this-test"
    arguments = ["cbbot_bridge", "--host", "127.0.0.1", "--port", "0"]
    bridge = Served(arguments, settings | {"BRIDGE_TOKEN": token}, tmp_path / "bridge.log")
    try:
        headers = {"Authorization": f"Bearer {token}", "X-Bot-Id": "b", "X-Bot-Epoch": "1"}
        with httpx.Client(base_url=bridge.url, headers=headers, timeout=20, trust_env=False) as client:
            body = {"client_order_id": "a", "product_id": "BTC-USD", "side": "BUY", "quote_size": "100"}
            assert client.post("/order/market", json=body).status_code == 200
    finally:
        assert bridge.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--csv", "no-such-file.csv"], "no-such-file.csv: no such file"),
        (["--speed", "fast"], "--speed='fast' is not accepted"),
        (["--bogus"], "unrecognized arguments: --bogus; see cbbot simulate --help"),
        (["--csv", "a.csv", "--walk", "7"], "--walk=7"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], said: str) -> None:
    command = [sys.executable, "-m", "cbbot", "simulate", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=surroundings())
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr.replace("'7'", "7")
    assert ended.stderr.count("\n") == 1


def test_its_options_are_the_simulators() -> None:
    def options(*command: str) -> list[str]:
        shown = subprocess.run(
            [sys.executable, "-m", *command, "--help"], capture_output=True, text=True, timeout=60, check=True
        )
        return re.findall(r"^  (--[a-z-]+)", shown.stdout, re.MULTILINE)

    simulate = options("cbbot", "simulate")
    assert {"--csv", "--product", "--speed", "--balance", "--state", "--faults"} <= set(simulate)
    assert simulate == options("cbbot_bridge.simulator")
