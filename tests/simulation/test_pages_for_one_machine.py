"""A newcomer reads docs/tutorial.md and docs/backup.md on one machine, and every command works."""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from cbbot.contract.settings_table import SETTINGS
from cbbot.runtime.store import StateStore, read_generation
from cbbot.trader.codec import encode
from free_port import free_port
from page_commands import Block, Reader, blocks
from repository_files import ROOT
from unit.bot.trader.live_trader_harness import PYRAMID, LiveTraderHarness

pytestmark = [pytest.mark.processes, pytest.mark.slow]


def here(page: str) -> list[Block]:
    return [block for block in blocks(ROOT / "docs" / page) if block.place == "here"]


@pytest.fixture
def ports() -> list[int]:
    return [free_port(), free_port()]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A person's shell: a home that is empty, no setting of a bot, and our commands on the path."""
    unset = {setting.key for setting in SETTINGS} | {"XDG_STATE_HOME"}
    kept = {key: text for key, text in os.environ.items() if key not in unset and not key.startswith("COINBASE_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return kept | {"HOME": str(tmp_path), "PATH": path}


def asked(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
        return json.load(answer)


def test_the_tutorial_leads_to_a_bot_on_paper(tmp_path: Path, environment: dict[str, str], ports: list[int]) -> None:
    demo, mine = ports
    replacements = {
        "8080": str(demo),
        "8090": str(mine),
        # No test asks Coinbase. Whatever the market is, the bot of the page trades on it.
        "{venue: Coinbase}": "{venue: Simulator, simulator: {speed: 600}}",
    }
    with Reader(tmp_path, environment=environment, replacements=replacements) as reader:
        for block in here("tutorial.md"):
            reader.run(block)
        assert reader.unused() == set()
        assert asked(demo, "trades?limit=1")
        status = asked(mine, "status")
        assert (status["bot"], status["mode"], status["ready"]) == ("mine", "paper", True)
    why, *_ = reader.printed["3. Ask it why"].splitlines()
    assert re.match(r"\S+Z  (buy|sell|flat) at [\d.]+", why)
    assert (tmp_path / "run.html").stat().st_size > 1_000_000
    assert read_generation(tmp_path / ".local/state/cbbot/mine/bot/bot_state.json")["mode"] == "paper"


def test_a_backup_is_restored_as_its_page_says(tmp_path: Path, environment: dict[str, str]) -> None:
    trader = LiveTraderHarness(**PYRAMID)
    trader.buy("100", "0.2")
    state = tmp_path / ".local/state/cbbot/try/bot/bot_state.json"
    state.parent.mkdir(parents=True)
    StateStore(state).save(encode(trader.rules, trader.state))
    with Reader(tmp_path, environment=environment) as reader:
        for block in here("backup.md"):
            reader.run(block)
    restored = read_generation(tmp_path / "elsewhere/bot/bot_state.json")
    assert restored["lots"] == read_generation(state)["lots"] != []
    assert state.with_name("bot_state.json.aside-1").exists()
