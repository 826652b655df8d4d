"""A log that is full, gone, or that nobody reads any more: bot, bridge and simulator answer on, and end well."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

import httpx
import pytest

from free_port import free_port
from simulation.served import PATIENCE_SECONDS, surroundings
from started_processes import start

pytestmark = pytest.mark.processes

NOWHERE = "http://127.0.0.1:9"
SERVERS = {
    "bot": (["cbbot", "run"], {"BRIDGE_URL": NOWHERE, "BOT_HOST": "127.0.0.1", "BOT_LOG_LEVEL": "debug"}, "/healthz"),
    "bridge": (["cbbot_bridge"], {"COINBASE_API_BASE": NOWHERE, "BRIDGE_HOST": "127.0.0.1"}, "/time"),
    "simulator": (["cbbot_bridge.simulator"], {}, "/api/v3/brokerage/time"),
}


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts one of the servers with the standard streams that are given."""
    started: list[subprocess.Popen[str]] = []

    def begin(name: str, **options: Any) -> subprocess.Popen[str]:
        arguments, environment, _ = SERVERS[name]
        extra = options.pop("env", {})
        if name == "simulator":
            arguments = [*arguments, "--port", extra.get("PORT", "0")]
        settings = {"PORT": "0", "STATE_FILE": str(tmp_path / "state.json")} | environment | extra
        started.append(start([sys.executable, "-m", *arguments], env=surroundings(**settings), **options))
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def port_of(process: subprocess.Popen[str]) -> int:
    out = cast("IO[str]", process.stdout)
    assert select.select([out], [], [], PATIENCE_SECONDS)[0], "it did not say that it listens"
    return int(json.loads(out.readline())["port"])


def ended(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(PATIENCE_SECONDS)


def stuck_pipe() -> tuple[int, int]:
    """A pipe that takes nothing more, because nobody reads."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    return reading, writing


@pytest.mark.parametrize("name", SERVERS)
def test_a_reader_that_has_stopped_reading_stops_nothing(name: str, launch: Any) -> None:
    reading, writing = stuck_pipe()
    try:
        process = launch(name, stdout=subprocess.PIPE, stderr=writing)
        url = f"http://127.0.0.1:{port_of(process)}{SERVERS[name][2]}"
        for _ in range(3):
            assert httpx.get(url, timeout=PATIENCE_SECONDS).status_code in (200, 503)
        assert ended(process) == 0
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("name", SERVERS)
def test_a_reader_that_has_gone_changes_no_exit_code(name: str, launch: Any) -> None:
    reading, writing = os.pipe()
    process = launch(name, stdout=subprocess.PIPE, stderr=writing)
    os.close(writing)
    port_of(process)
    os.close(reading)
    assert ended(process) == 0


@pytest.mark.parametrize("name", SERVERS)
def test_a_full_disk_under_both_streams_changes_no_exit_code(name: str, launch: Any) -> None:
    port = free_port()
    with Path("/dev/full").open("w") as full:
        process = launch(name, stdout=full, stderr=full, env={"PORT": str(port)})
    _answers(f"http://127.0.0.1:{port}{SERVERS[name][2]}", process)
    assert ended(process) == 0


def test_a_refusal_keeps_its_exit_code_whoever_reads_it(launch: Any, tmp_path: Path) -> None:
    for generation in ("state.json", "state.json.prev"):
        (tmp_path / generation).write_text("torn")
    with Path("/dev/full").open("w") as full:
        assert launch("bot", stdout=full, stderr=full).wait(PATIENCE_SECONDS) == 3
    reading, writing = stuck_pipe()
    try:
        assert launch("bot", stdout=writing, stderr=writing).wait(PATIENCE_SECONDS) == 3
    finally:
        os.close(reading)
        os.close(writing)


def _answers(url: str, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            httpx.get(url, timeout=PATIENCE_SECONDS)
        except httpx.ConnectError:
            assert process.poll() is None
            assert time.monotonic() < end
            select.select([], [], [], 0.05)
        else:
            return
