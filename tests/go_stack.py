"""The files of the Go bot's stack that a person comes with, and what was made of them, rehearsed at the simulator."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from cbbot.cli.dispatch import main
from repository_files import ROOT

__all__ = ["at_the_simulator", "put_go_stack"]

PRIVATE_KEY = "-----BEGIN\nx=\n-----END"
# Its levels are out of reach: it stays open until somebody closes it.
LOT = {
    "OpenPrice": 60000, "Side": "BUY", "SizeBase": 0.00083333, "Stop": 600, "Take": 6000000,
    "OpenTime": "2024-05-01T12:00:00Z", "EntryFee": 0.375, "TrailActive": False, "TrailPeak": 0, "TrailStop": 0,
}  # fmt: skip
STATE = {"EquityUSD": 1012.5, "DailyStart": "2024-05-01T00:00:00Z", "DailyPnL": 12.5, "Lots": [LOT]}


def put_go_stack(folder: Path) -> None:
    """``bot.env``, ``bridge.env`` and ``bot_state.json`` of a bot that traded live, without caps, with one lot open."""
    seed = (ROOT / "examples" / "seed.env").read_text(encoding="utf-8")
    (folder / "bot.env").write_text(re.sub(r"(?m)^DRY_RUN=.*$", "DRY_RUN=false", seed))
    (folder / "bridge.env").write_text(f"COINBASE_API_KEY_NAME=k\nCOINBASE_API_PRIVATE_KEY='{PRIVATE_KEY}'\n")
    (folder / "bot_state.json").write_text(json.dumps(STATE))


def at_the_simulator(folder: Path) -> None:
    """What ``cbbot migrate`` made in ``folder/new``, on paper at the simulator: ``rehearsal.yaml`` and ``rehearsal/``.

    A state belongs to its venue and mode, so that of the rehearsal is made for these.
    """
    document: Any = yaml.safe_load((folder / "new" / "tradingbot.yaml").read_text(encoding="utf-8"))
    document["spec"] |= {"mode": "Paper", "exchange": {"venue": "Simulator"}}
    (folder / "rehearsal.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    state = folder / "rehearsal" / "bot" / "bot_state.json"
    state.parent.mkdir(parents=True)
    settings = ["--set", "DRY_RUN=true", "--set", f"STATE_FILE={state}"]
    command = ["state", "migrate", str(folder / "bot_state.json"), "--env", str(folder / "bot.env")]
    assert main([*command, *settings, "--venue", "Simulator"]) == 0
