"""The bot as a real process on a disk that hangs or refuses: it answers, says so, and ends in time, with its code."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulation.served import Served

pytestmark = pytest.mark.processes

GRACE_SECONDS = 30
"""What `cbbot up` gives a bot; a pod has more."""


@pytest.fixture
def venue(tmp_path: Path) -> Any:
    """A simulator and a bridge to it; the bridge's address."""
    simulator = Served(["cbbot_bridge.simulator", "--port", "0"], {}, tmp_path / "simulator.log")
    environment = {
        "COINBASE_API_BASE": simulator.url, "COINBASE_AUTH": "none", "BRIDGE_HOST": "127.0.0.1", "PORT": "0",
        "COINBASE_WS_PRODUCTS": "BTC-USD",
    }  # fmt: skip
    bridge = Served(["cbbot_bridge"], environment, tmp_path / "bridge.log")
    yield bridge.url
    bridge.end(signal.SIGTERM)
    simulator.end(signal.SIGTERM)


def bot_on(tmp_path: Path, bridge: str) -> Served:
    environment = {
        "BRIDGE_URL": bridge, "BOT_HOST": "127.0.0.1", "PORT": "0", "STATE_FILE": str(tmp_path / "state" / "bot.json"),
        "MAX_HISTORY_CANDLES": "500",
    }  # fmt: skip
    return Served(["cbbot", "run"], environment, tmp_path / "bot.log")


def until(bot: Served, path: str, wanted: str, code: int) -> None:
    end = time.monotonic() + 60
    while True:
        answer = httpx.get(f"{bot.url}{path}", timeout=10)
        if wanted in answer.text and answer.status_code == code:
            return
        assert time.monotonic() < end, (answer.status_code, answer.text)
        select.select([], [], [], 0.1)


def test_a_disk_that_hangs_is_said_and_a_stop_ends_within_the_grace_period(tmp_path: Path, venue: str) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    # Opening a pipe that nobody reads hangs as a frozen file system does.
    os.mkfifo(folder / "bot.json.tmp")
    bot = bot_on(tmp_path, venue)
    until(bot, "/readyz", "the disk has not answered", 503)
    until(bot, "/healthz", "ok, but not ready", 200)
    began = time.monotonic()
    assert bot.end(signal.SIGTERM) == 1
    assert time.monotonic() - began < GRACE_SECONDS
    last = json.loads(bot.log.read_text().splitlines()[-1])
    assert (last["event"], last["exit_code"]) == ("failed", 1)
    assert "the last state is not saved" in last["reason"]


def test_a_last_save_that_fails_is_exit_code_1_and_one_that_does_not_0(tmp_path: Path, venue: str) -> None:
    bot = bot_on(tmp_path, venue)
    until(bot, "/readyz", "ready", 200)
    blocked = tmp_path / "state" / "bot.json.tmp"
    while not blocked.is_dir():
        # A save may come between.
        with contextlib.suppress(FileExistsError, FileNotFoundError):
            blocked.unlink(missing_ok=True)
            blocked.mkdir()
    assert bot.end(signal.SIGTERM) == 1
    assert "the last state is not saved" in bot.log.read_text()
    blocked.rmdir()
    again = bot_on(tmp_path, venue)
    until(again, "/readyz", "ready", 200)
    assert again.end(signal.SIGTERM) == 0
