"""One bot started twice on one volume, as after a lost node that comes back: the epoch decides, not the lock."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cbbot.runtime.store import read_generation
from repository_files import ROOT
from simulation.served import Served

pytestmark = [pytest.mark.processes, pytest.mark.slow]

TOKEN = "0123456789abcdef-bridge"
LIVE = {
    "DRY_RUN": "false", "MAX_ORDER_USD": "50", "MAX_EXPOSURE_USD": "5000", "BOT_ID": "btc", "BUY_THRESHOLD": "0",
    "USE_MA_FILTER": "false", "MAX_CONCURRENT_LOTS": "50", "PYRAMID_MIN_ADVERSE_PCT": "0", "TICK_INTERVAL_SEC": "1",
    "PYRAMID_MIN_SECONDS_BETWEEN": "0", "PYRAMID_DECAY_MIN_PCT": "0", "MAX_HISTORY_CANDLES": "500",
    "ALLOW_PYRAMIDING": "true", "BOT_VENUE": "Simulator", "BOT_HOST": "127.0.0.1", "PORT": "0",
}  # fmt: skip
LOCKED, BEYOND = "cbbot", "simulation.bot_beyond_the_lock"
Start = Callable[[str], Served]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts this bot once more, by the name of the module; simulator and bridge are there."""
    started: list[Served] = []
    (tmp_path / "token").write_text(TOKEN)

    def begin(arguments: list[str], environment: dict[str, str]) -> Served:
        started.append(Served(arguments, environment, tmp_path / f"{len(started)}.log"))
        return started[-1]

    simulator = begin(["cbbot_bridge.simulator", "--port", "0", "--balance", "USD=10000"], {})
    bridge = begin(
        ["cbbot_bridge"],
        {
            "COINBASE_API_BASE": simulator.url, "COINBASE_AUTH": "none", "BRIDGE_HOST": "127.0.0.1", "PORT": "0",
            "BRIDGE_TOKEN_FILE": str(tmp_path / "token"), "COINBASE_WS_PRODUCTS": "BTC-USD",
        },
    )  # fmt: skip
    surroundings = {
        "BRIDGE_URL": bridge.url, "BRIDGE_TOKEN_FILE": str(tmp_path / "token"),
        "STATE_FILE": str(tmp_path / "state" / "bot_state.json"), "PYTHONPATH": str(ROOT / "tests"),
    }  # fmt: skip
    yield lambda module: begin([module, "run"], LIVE | surroundings)
    for each in reversed(started):
        each.process.send_signal(signal.SIGCONT)
        each.end(signal.SIGKILL)


def status(bot: Served) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{bot.url}/status", timeout=10).raise_for_status().json()
    return found


def until(bot: Served, arrived: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The status once it is as wanted, by the bot's own stream of events."""
    with httpx.stream("GET", f"{bot.url}/events", timeout=60) as events:
        found = status(bot)
        for _ in events.iter_lines():
            if arrived(found):
                return found
            found = status(bot)
    raise AssertionError(f"the bot ended: {bot.log.read_text()[-2000:]}")


def ready(found: dict[str, Any]) -> bool:
    return bool(found["ready"])


def test_the_older_one_stops_and_leaves_the_newer_ones_state_alone(start: Start, tmp_path: Path) -> None:
    older = start(LOCKED)
    until(older, ready)
    # The node is lost: its pod is frozen, not dead, and another takes its place on the same volume.
    older.process.send_signal(signal.SIGSTOP)
    newer = start(BEYOND)
    after = until(newer, ready)
    # Nothing but the older one can write from here on.
    newer.process.send_signal(signal.SIGSTOP)
    older.process.send_signal(signal.SIGCONT)
    assert older.process.wait(60) == 3
    assert "the bridge knows a newer epoch of btc than" in older.log.read_text()
    for name in ("bot_state.json", "bot_state.json.prev"):
        assert read_generation(tmp_path / "state" / name)["epoch"] == after["epoch"]
    newer.process.send_signal(signal.SIGCONT)
    until(newer, ready)
    assert newer.end(signal.SIGTERM) == 0
