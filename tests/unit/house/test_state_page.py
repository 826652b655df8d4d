"""The commands of docs/state.md run as they stand there, in their order, on a stopped bot's state."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from cbbot.cli.dispatch import main
from cbbot.runtime.store import StateStore, read_generation
from cbbot.trader.codec import encode
from cbbot.trader.refused_orders import WITHOUT_BASE
from cbbot.trader.startup import UNEXPLAINED
from page_commands import blocks
from repository_files import ROOT
from unit.bot.trader.live_trader_harness import PYRAMID, LiveTraderHarness

# In one process, which is faster than a shell for each.
COMMANDS = [line for block in blocks(ROOT / "docs" / "state.md") for line in block.text.splitlines()]
LOT = {
    "OpenPrice": 60000, "Side": "BUY", "SizeBase": 0.00083333, "Stop": 57600, "Take": 62400,
    "OpenTime": "2024-05-01T12:00:00Z", "EntryFee": 0.375, "TrailActive": False, "TrailPeak": 0, "TrailStop": 0,
}  # fmt: skip
GO_STATE = {
    "EquityUSD": 1012.5, "DailyStart": "2024-05-01T00:00:00Z", "DailyPnL": 12.5, "Model": None, "Lots": [LOT],
}  # fmt: skip


def test_every_command_on_states_has_an_example() -> None:
    told = {shlex.split(line)[2] for line in COMMANDS}
    assert told == {"show", "verify", "backup", "restore", "write-off", "adopt", "migrate"}


def test_the_commands_do_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STATE_FILE", raising=False)
    for folder in ("state", "go"):
        (tmp_path / folder).mkdir()
    trader = LiveTraderHarness(**PYRAMID)
    trader.buy("100", "0.2")
    trader.buy("99", "0.1")
    paused = frozenset({WITHOUT_BASE, UNEXPLAINED})
    whole = replace(trader.state, paused_by=paused, unexplained="the account has less")
    StateStore(tmp_path / "state" / "bot_state.json").save(encode(trader.rules, whole))
    (tmp_path / "bot.env").write_text("DRY_RUN=false\nMAX_ORDER_USD=50\nMAX_EXPOSURE_USD=500\n")
    (tmp_path / "go" / "bot_state.json").write_text(json.dumps(GO_STATE))
    for line in COMMANDS:
        assert main(shlex.split(line)[1:]) == 0, line
    body = read_generation(tmp_path / "state" / "bot_state.json")
    assert ([lot["id"] for lot in body["lots"]], body["paused_by"]) == ([2], [])
    assert len(read_generation(tmp_path / "backup.json")["lots"]) == 2
    assert len(read_generation(tmp_path / "new" / "bot_state.json")["lots"]) == 1
    assert (tmp_path / "state" / "bot_state.json.aside-1").exists()
