"""The Go bot's files become a TradingBot, its secrets and its state; of every line is said what became of it."""

from __future__ import annotations

import json
from errno import ENOSPC
from os import strerror
from pathlib import Path
from typing import Any

import pytest

from cbbot.cli import main
from cbbot.contract.settings_table import SETTINGS
from cbbot.contract.tradingbot import environment
from cbbot.errors import UnsafeStart
from cbbot.runtime.store import StateStore, read_generation
from cbbot_operator.local.folder import StateFolder
from cbbot_operator.local.manifest import read_manifest
from cbbot_operator.local.secrets_file import with_secrets_of

KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIA==\n-----END EC PRIVATE KEY-----"
BOT_ENV = """# my bot
export PRODUCT_ID=BTC-USD
DRY_RUN=false
TAKE_PROFIT_PCT=2.5   # percent
MODEL_MODE='Extended'
MAX_ORDER_USD=50
MAX_EXPOSURE_USD=500
STATE_FILE=/opt/coinbase/state/bot_state.json
SLACK_WEBHOOK=https://hooks.example/secret
METRICS_FLAVOUR=plain
"""
BRIDGE_ENV = f"""COINBASE_API_KEY_NAME=organizations/o/apiKeys/k
COINBASE_API_PRIVATE_KEY="{KEY}"
COINBASE_WS_PRODUCTS=BTC-USD,ETH-USD
PORT=8787
"""
LOT = {
    "OpenPrice": 60000, "Side": "BUY", "SizeBase": 0.00083333, "Stop": 57600, "Take": 62400,
    "OpenTime": "2024-05-01T12:00:00Z", "EntryFee": 0.375, "TrailActive": False, "TrailPeak": 0, "TrailStop": 0,
}  # fmt: skip
STATE: dict[str, Any] = {
    "EquityUSD": 1012.5, "DailyStart": "2024-05-01T00:00:00Z", "DailyPnL": 12.5, "Model": {"W": [1]},
    "Lots": [LOT, LOT | {"OpenPrice": 59000, "OpenTime": "2024-05-01T13:00:00Z", "Take": 0}],
}  # fmt: skip


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the old stack, which is the one we are in."""
    for setting in SETTINGS:
        monkeypatch.delenv(setting.key, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bot.env").write_text(BOT_ENV)
    (tmp_path / "bridge.env").write_text(BRIDGE_ENV)
    (tmp_path / "bot_state.json").write_text(json.dumps(STATE))
    return tmp_path


def verdicts(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Place and verdict of every line that tells of one."""
    lines = capsys.readouterr().out.splitlines()
    return {line[:16].strip(): line[17:26].strip() for line in lines if ".env:" in line[:16]}


def test_a_live_bot_comes_across_with_its_lots_and_every_line_is_accounted_for(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", "bot.env", "bridge.env", "bot_state.json", "--out", "new"]) == 0
    assert verdicts(capsys) == {
        "bot.env:2": "kept", "bot.env:3": "kept", "bot.env:4": "kept", "bot.env:5": "kept", "bot.env:6": "kept",
        "bot.env:7": "kept", "bot.env:8": "left out", "bot.env:9": "changed", "bot.env:10": "left out",
        "bridge.env:1": "changed", "bridge.env:2": "changed", "bridge.env:5": "kept", "bridge.env:6": "left out",
    }  # fmt: skip
    manifest = read_manifest(old / "new" / "tradingbot.yaml")
    settings = environment(manifest.spec)
    told = {key: settings[key] for key in ("DRY_RUN", "TAKE_PROFIT_PCT", "MODEL_MODE", "MAX_ORDER_USD")}
    assert told == {"DRY_RUN": "false", "TAKE_PROFIT_PCT": "2.5", "MODEL_MODE": "extended", "MAX_ORDER_USD": "50"}
    assert manifest.spec.exchange.websocket.products == ["ETH-USD"]
    body = read_generation(StateFolder(old / "new" / "state").bot_state)
    assert [(lot["open_ticks"], lot["runner"]) for lot in body["lots"]] == [("60000.00", True), ("59000.00", False)]
    assert (body["mode"], body["venue"]) == ("live", "Coinbase")


def test_secrets_stand_in_files_for_the_owner_alone_and_nowhere_else(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", "bot.env", "bridge.env", "--out", "new"]) == 0
    told = capsys.readouterr()
    secrets = old / "new" / "secrets"
    assert (secrets / "COINBASE_API_PRIVATE_KEY").read_text() == KEY
    assert (secrets / "COINBASE_API_KEY_NAME").read_text() == "organizations/o/apiKeys/k"
    assert {path.name: path.stat().st_mode & 0o777 for path in secrets.iterdir()} == {
        "COINBASE_API_KEY_NAME": 0o600, "COINBASE_API_PRIVATE_KEY": 0o600, "SLACK_WEBHOOK": 0o600,
    }  # fmt: skip
    others = (old / "new" / "tradingbot.yaml").read_text() + (old / "new" / "bridge.env").read_text()
    for secret in ("MHcCAQEEIA", "hooks.example"):
        assert secret not in told.out + told.err + others
    create = "kubectl create secret generic btc-coinbase --from-file=new/secrets/COINBASE_API_KEY_NAME "
    assert create + "--from-file=new/secrets/COINBASE_API_PRIVATE_KEY" in told.out
    assert "kubectl apply -f new/tradingbot.yaml" in told.out
    assert "kubectl label secret btc-coinbase cbbot.io/watch=true" in told.out
    assert "COINBASE_API_PRIVATE_KEY_FILE=secrets/COINBASE_API_PRIVATE_KEY\n" in others


def test_the_folder_may_be_moved_with_its_secrets(old: Path) -> None:
    assert main(["migrate", "bot.env", "bridge.env", "--out", "new"]) == 0
    moved = (old / "new").rename(old / "a place # of mine")
    key = with_secrets_of(moved / "bridge.env", {})["COINBASE_API_PRIVATE_KEY_FILE"]
    assert Path(key).read_text() == KEY


def test_with_lots_the_cluster_is_told_to_start_suspended(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "bot.env", "bridge.env", "bot_state.json", "--out", str(old / "new")]) == 0
    (command,) = [line for line in capsys.readouterr().out.splitlines() if "kubectl apply" in line]
    assert '"suspend": true' in command


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("DRY_RUN=false", "MAX_ORDER_USD must be set"),
        ("TAKE_PROFIT_PCT=lots", "bot.env:1        decide   TAKE_PROFIT_PCT='lots' is not accepted"),
        ("TAKE_PROFT_PCT=3", "TAKE_PROFIT_PCT was meant?"),
        ("COINBASE_API_SECRET=x", "move the line to bridge.env"),
        ("MA_FAST=50", "MA_SLOW=30"),
    ],
)
def test_nothing_is_written_while_something_is_to_be_decided(
    old: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    (old / "bot.env").write_text(f"{line}\n")
    assert main(["migrate", "bot.env", "bridge.env", "--out", "new"]) == 2
    told = capsys.readouterr()
    assert said in told.out
    assert "1 to decide" in told.err or "2 to decide" in told.err
    assert not (old / "new").exists()


def test_a_decision_is_given_with_set(old: Path) -> None:
    (old / "bot.env").write_text("DRY_RUN=false\n")
    decided = ["--set", "MAX_ORDER_USD=50", "--set", "MAX_EXPOSURE_USD=500"]
    assert main(["migrate", "bot.env", "bridge.env", "--out", "new", *decided]) == 0
    assert environment(read_manifest(old / "new" / "tradingbot.yaml").spec)["MAX_EXPOSURE_USD"] == "500"


def test_live_without_a_key_and_a_key_given_twice_are_decisions(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (old / "bridge.env").write_text("COINBASE_API_KEY_NAME=a\n")
    assert main(["migrate", "bot.env", "bridge.env"]) == 2
    assert "COINBASE_API_PRIVATE_KEY: nothing given" in capsys.readouterr().out
    (old / "bridge.env").write_text(f"{BRIDGE_ENV}COINBASE_API_SECRET=x\nCOINBASE_API_KEY_NAME_FILE=nowhere\n")
    assert main(["migrate", "bot.env", "bridge.env"]) == 2
    told = capsys.readouterr().out
    assert "a second time" in told
    assert "nowhere: No such file" in told


def test_the_portals_json_file_gives_both_halves(old: Path) -> None:
    (old / "key.json").write_text(json.dumps({"name": "organizations/o/apiKeys/k", "privateKey": KEY}))
    (old / "bridge.env").write_text("COINBASE_API_PRIVATE_KEY_FILE=key.json\n")
    assert main(["migrate", "bot.env", "bridge.env", "--out", "new"]) == 0
    assert (old / "new" / "secrets" / "COINBASE_API_KEY_NAME").read_text() == "organizations/o/apiKeys/k"


def test_a_dry_run_and_a_folder_that_is_there_write_nothing(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "bot.env", "bridge.env", "bot_state.json", "--out", "new", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "Lots             changed  Lots[1].Take is 0" in told
    assert "lot 1, runner: BUY 0.00083333 at 60000.00" in told
    assert "Model            left out" in told
    assert not (old / "new").exists()
    (old / "new").mkdir()
    (old / "new" / "mine").touch()
    assert main(["migrate", "bot.env", "bridge.env", "--out", "new"]) == 2
    assert [path.name for path in (old / "new").iterdir()] == ["mine"]


def test_a_folder_whose_state_could_not_be_written_is_nothing_to_start_from(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(ENOSPC, strerror(ENOSPC))

    monkeypatch.setattr(StateStore, "save", full)
    assert main(["migrate", "bot.env", "bridge.env", "bot_state.json", "--out", "new"]) == 1
    assert not (old / "new" / "tradingbot.yaml").exists(), "up would begin without the lots"


def test_a_key_that_stands_twice_with_two_values_is_a_decision(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (old / "bot.env").write_text("DRY_RUN=false\nMA_FAST=10\nMA_FAST=10\nDRY_RUN=true\n")
    (old / "bridge.env").write_text(f"COINBASE_API_KEY_NAME=mine\n{BRIDGE_ENV}")
    command = ["migrate", "bot.env", "bridge.env", "bot_state.json", "--out", "new"]
    assert main(command) == 2
    told = capsys.readouterr()
    assert "bot.env:1        decide   DRY_RUN stands again in line 4, with another value" in told.out
    assert "bot.env:2        left out MA_FAST stands again in line 3" in told.out
    assert "bridge.env:1     decide   COINBASE_API_KEY_NAME stands again in line 2, with another value" in told.out
    assert "mine" not in told.out + told.err
    (old / "bridge.env").write_text(BRIDGE_ENV)
    assert main([*command, "--set", "DRY_RUN=true"]) == 0


def test_what_the_bot_needs_and_stands_in_bridge_env_is_a_decision(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (old / "bridge.env").write_text(f"{BRIDGE_ENV}MAX_DAILY_LOSS_PCT=1\nMAX_ORDER_USD=50\n")
    assert main(["migrate", "bot.env", "bridge.env", "--out", "new"]) == 2
    told = capsys.readouterr().out
    assert "bridge.env:7     decide   MAX_DAILY_LOSS_PCT is the bot's: move the line to bot.env, or take it out" in told
    assert "bridge.env:8     left out MAX_ORDER_USD is the bot's, and stands in bot.env" in told


def test_a_webhook_in_a_file_comes_across(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (old / "stack").mkdir()
    (old / "stack" / "bot.env").write_text("SLACK_WEBHOOK_FILE=hook\n")
    (old / "stack" / "hook").write_text("https://hooks.example/secret\n")
    assert main(["migrate", "stack/bot.env", "bridge.env", "--out", "new"]) == 0
    assert (old / "new" / "secrets" / "SLACK_WEBHOOK").read_text() == "https://hooks.example/secret"
    assert "bot.env:1        changed  SLACK_WEBHOOK_FILE goes into" in capsys.readouterr().out
    (old / "stack" / "hook").unlink()
    assert main(["migrate", "stack/bot.env", "bridge.env", "--out", "other"]) == 2
    assert "bot.env:1        decide   SLACK_WEBHOOK_FILE" in capsys.readouterr().out


@pytest.mark.parametrize("again", ['"Lots": []', '"lots": []'])
def test_a_state_that_says_a_thing_twice_is_refused(old: Path, capsys: pytest.CaptureFixture[str], again: str) -> None:
    (old / "bot_state.json").write_text(f"{json.dumps(STATE)[:-1]}, {again}}}")
    assert main(["migrate", "bot.env", "bridge.env", "bot_state.json", "--out", "new"]) == 2
    assert f"{again[1:5]} stands twice" in capsys.readouterr().err
    assert not (old / "new").exists()


def test_a_state_with_a_byte_order_mark_is_read(old: Path) -> None:
    (old / "bot_state.json").write_text(json.dumps(STATE), encoding="utf-8-sig")
    assert main(["migrate", "bot.env", "bridge.env", "bot_state.json", "--out", "new"]) == 0


def test_a_start_on_the_old_state_names_the_command(old: Path) -> None:
    state = old / "bot_state.json"
    with pytest.raises(UnsafeStart) as caught:
        StateStore(state).load()
    assert f"cbbot migrate bot.env bridge.env {state}" in str(caught.value)
    assert "backup" not in str(caught.value)


def test_run_on_the_old_state_is_refused_with_that_sentence(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = {"STATE_FILE": str(old / "bot_state.json"), "PORT": "0", "BRIDGE_URL": "http://127.0.0.1:1"}
    options = [word for pair in settings.items() for word in ("--set", "=".join(pair))]
    assert main(["run", "--host", "127.0.0.1", *options]) == 3
    assert "cbbot migrate bot.env bridge.env" in json.loads(capsys.readouterr().err.splitlines()[-1])["reason"]
