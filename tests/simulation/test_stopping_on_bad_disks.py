"""The bot as a real process on a disk that hangs or refuses: it answers, says so, and ends in time, with its code."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from simulation.served import Served

pytestmark = pytest.mark.processes

StartBot = Callable[[], Served]
GRACE_SECONDS = 30
"""What `cbbot up` gives a bot; a pod has more."""


@pytest.fixture
def bot_on(tmp_path: Path) -> Iterator[Callable[[], Served]]:
    """Starts a bot with a simulator and a bridge; everything is gone afterwards."""
    parts: list[Served] = []

    def begin(arguments: list[str], environment: dict[str, str]) -> Served:
        parts.append(Served(arguments, environment, tmp_path / f"{arguments[0]}.log"))
        return parts[-1]

    simulator = begin(["cbbot_bridge.simulator", "--port", "0"], {})
    environment = {
        "COINBASE_API_BASE": simulator.url, "COINBASE_AUTH": "none", "BRIDGE_HOST": "127.0.0.1", "PORT": "0",
        "COINBASE_WS_PRODUCTS": "BTC-USD",
    }  # fmt: skip
    bridge = begin(["cbbot_bridge"], environment)

    def bot() -> Served:
        environment = {
            "BRIDGE_URL": bridge.url, "BOT_HOST": "127.0.0.1", "PORT": "0", "MAX_HISTORY_CANDLES": "500",
            "STATE_FILE": str(tmp_path / "state" / "bot.json"),
        }  # fmt: skip
        return begin(["cbbot", "run"], environment)

    yield bot
    for part in reversed(parts):
        part.end(signal.SIGKILL)


def until(bot: Served, path: str, wanted: str, code: int) -> None:
    end = time.monotonic() + 60
    while True:
        answer = httpx.get(f"{bot.url}{path}", timeout=10)
        if wanted in answer.text and answer.status_code == code:
            return
        assert time.monotonic() < end, (answer.status_code, answer.text)
        select.select([], [], [], 0.1)


def test_a_disk_that_hangs_is_said_and_a_stop_ends_within_the_grace_period(
    tmp_path: Path, bot_on: Callable[[], Served]
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    # Opening a pipe that nobody reads hangs as a frozen file system does.
    os.mkfifo(folder / "bot.json.tmp")
    bot = bot_on()
    until(bot, "/readyz", "the disk has not answered", 503)
    until(bot, "/healthz", "ok, but not ready", 200)
    began = time.monotonic()
    assert bot.end(signal.SIGTERM) == 1
    assert time.monotonic() - began < GRACE_SECONDS
    last = json.loads(bot.log.read_text().splitlines()[-1])
    assert (last["event"], last["exit_code"]) == ("failed", 1)
    assert "the last state is not saved" in last["reason"]


def test_a_last_save_that_fails_is_exit_code_1_and_one_that_does_not_0(
    tmp_path: Path, bot_on: Callable[[], Served]
) -> None:
    bot = bot_on()
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
    again = bot_on()
    until(again, "/readyz", "ready", 200)
    assert again.end(signal.SIGTERM) == 0
