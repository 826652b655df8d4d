"""States backed up, restored, and made of the Go bot's: nothing is replaced that is not kept, nothing taken unsound."""

from __future__ import annotations

import json
from errno import ENOSPC
from os import strerror
from pathlib import Path
from typing import Any

import pytest

from cbbot.cli import main
from cbbot.errors import UnsafeStart
from cbbot.runtime.lock import lock_folder
from cbbot.runtime.store import StateStore, read_generation
from cbbot.trader.codec import decode, rules_as_written

STATES = Path(__file__).parents[1] / "trader" / "states"
GO_STATE: dict[str, Any] = {
    "EquityUSD": 1012.5, "DailyStart": "2024-05-01T00:00:00Z", "DailyPnL": 12.5, "Model": None,
    "Lots": [
        {
            "OpenPrice": 60000, "Side": "BUY", "SizeBase": 0.00083333, "Stop": 57600, "Take": 62400,
            "OpenTime": "2024-05-01T12:00:00Z", "EntryFee": 0.375, "TrailActive": False, "TrailPeak": 0, "TrailStop": 0,
        }
    ],
}  # fmt: skip


def body(**changed: Any) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads((STATES / "version-2.json").read_text())
    return whole | changed


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state with two generations, in a folder of its own."""
    path = tmp_path / "state" / "bot_state.json"
    path.parent.mkdir()
    StateStore(path).save(body(epoch=3))
    StateStore(path).save(body(epoch=4))
    return path


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STATE_FILE", str(tmp_path / "state" / "bot_state.json"))
    monkeypatch.delenv("BOT_VENUE", raising=False)


def test_a_backup_is_a_state_that_restores_while_a_bot_may_run(state: Path, tmp_path: Path, capsys: Any) -> None:
    target = tmp_path / "backup.json"
    with lock_folder(state.parent):
        assert main(["state", "backup", str(state), "--to", str(target)]) == 0
    assert "epoch 4: 1 lots, 1 orders, 5 trades, equity 1000.1497861848" in capsys.readouterr().out
    assert read_generation(target) == body(epoch=4)
    StateStore(state).save(body(epoch=9, lots=[], intents=[]))
    replaced = state.read_bytes()
    assert main(["state", "restore", str(target), str(state)]) == 0
    assert read_generation(state) == body(epoch=4)
    assert state.with_name("bot_state.json.aside-1").read_bytes() == replaced


def test_a_backup_names_itself_takes_the_sound_generation_and_replaces_nothing(state: Path, tmp_path: Path) -> None:
    state.write_text("torn")
    assert main(["state", "backup"]) == 0
    (made,) = state.parent.glob("*.backup-*")
    assert read_generation(made)["epoch"] == 3
    before = made.read_bytes()
    assert main(["state", "backup", "--to", str(made)]) == 2
    assert made.read_bytes() == before
    assert main(["state", "backup", str(tmp_path / "none.json")]) == 2
    state.with_name("bot_state.json.prev").write_text("torn too")
    assert main(["state", "backup", "--to", str(tmp_path / "x")]) == 2
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("content", ["torn", "{}", json.dumps({"version": 1, "checksum": "x", "body": {}})])
def test_nothing_unsound_is_restored(state: Path, tmp_path: Path, content: str) -> None:
    backup, before = tmp_path / "backup.json", state.read_bytes()
    backup.write_text(content)
    assert main(["state", "restore", str(backup)]) == 2
    StateStore(backup).save(body(trade_count=99))
    assert main(["state", "restore", str(backup)]) == 2
    assert state.read_bytes() == before
    assert not list(state.parent.glob("*aside*"))


def test_a_restore_is_refused_while_a_bot_runs_and_a_dry_run_changes_nothing(
    state: Path, tmp_path: Path, capsys: Any
) -> None:
    StateStore(tmp_path / "backup.json").save(body(epoch=2))
    before = {each: each.read_bytes() for each in state.parent.iterdir()}
    with lock_folder(state.parent):
        assert main(["state", "restore", str(tmp_path / "backup.json")]) == 3
    assert "trades on the state" in capsys.readouterr().err
    (state.parent / ".lock").unlink()
    assert main(["state", "restore", str(tmp_path / "backup.json"), "--dry-run"]) == 0
    assert "epoch 2: 1 lots" in capsys.readouterr().out
    assert {each: each.read_bytes() for each in state.parent.iterdir()} == before


def test_a_torn_state_that_is_replaced_does_not_become_the_previous_generation(state: Path, tmp_path: Path) -> None:
    StateStore(tmp_path / "backup.json").save(body(epoch=2))
    state.write_text("torn")
    assert main(["state", "restore", str(tmp_path / "backup.json")]) == 0
    assert state.with_name("bot_state.json.aside-1").read_text() == "torn"
    assert [read_generation(each)["epoch"] for each in (state, state.with_name("bot_state.json.prev"))] == [2, 3]


@pytest.mark.parametrize("command", ["migrate", "restore"])
def test_a_disk_that_is_full_leaves_what_no_bot_starts_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    path, backup = tmp_path / "state" / "bot_state.json", tmp_path / "backup.json"
    path.parent.mkdir()
    path.write_text(json.dumps(GO_STATE) if command == "migrate" else "torn")
    StateStore(backup).save(body())

    def full(*_: object) -> None:
        raise OSError(ENOSPC, strerror(ENOSPC))

    monkeypatch.setattr("cbbot.runtime.store.write_durably", full)
    asked = [str(path)] if command == "migrate" else [str(backup), str(path)]
    assert main(["state", command, *asked]) == 1
    with pytest.raises(UnsafeStart):
        StateStore(path).load()


@pytest.mark.parametrize("place", ["elsewhere", "its own"])
def test_a_state_of_the_go_bot_is_migrated_once_with_its_lots(tmp_path: Path, capsys: Any, place: str) -> None:
    path = tmp_path / "state" / "bot_state.json"
    source = path if place == "its own" else tmp_path / "go.json"
    source.parent.mkdir(exist_ok=True)
    source.write_text(json.dumps(GO_STATE))
    settings = ["--set", "BOT_ID=btc", "--venue", "Coinbase"]
    assert main(["state", "migrate", str(source), *settings, "--dry-run"]) == 0
    assert json.loads(source.read_text()) == GO_STATE
    assert main(["state", "migrate", str(source), *settings]) == 0
    assert "btc, BTC-USD paper at Coinbase" in capsys.readouterr().out
    document = read_generation(path)
    lots = decode(rules_as_written(document), document).state.lots
    assert [(lot.base, lot.stop, lot.runner) for lot in lots] == [(83_333, 57_600.0, True)]
    if place == "its own":
        assert json.loads(path.with_name("bot_state.json.aside-1").read_text()) == GO_STATE
    before = path.read_bytes()
    source = tmp_path / "again.json"
    source.write_text(json.dumps(GO_STATE))
    assert main(["state", "migrate", str(source), *settings]) == 2, "what has been traded on is not written over"
    assert path.read_bytes() == before
    assert main(["state", "verify", str(path)]) == 0


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("{", [], "it is no JSON"),
        ("[]", [], "no state of the Go bot"),
        (json.dumps(GO_STATE | {"Lots": [{"Side": "BUY"}]}), [], "OpenPrice is no number"),
        (json.dumps(GO_STATE), ["--set", "PRODUCT_ID=XYZ-USD"], "--increments"),
        (json.dumps(GO_STATE), ["--increments", "1"], "two decimals are wanted"),
        (json.dumps(GO_STATE), ["--increments", "0,1"], "price_increment must be above 0"),
    ],
)
def test_what_cannot_be_migrated_is_said_and_nothing_written(
    tmp_path: Path, capsys: Any, text: str, options: list[str], said: str
) -> None:
    source = tmp_path / "go.json"
    source.write_text(text)
    assert main(["state", "migrate", str(source), *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_a_start_on_the_go_bots_file_says_how_to_migrate_it(state: Path, capsys: Any) -> None:
    state.with_name("bot_state.json.prev").unlink()
    state.write_text(json.dumps(GO_STATE))
    assert main(["state", "show"]) == 2
    assert "cbbot state migrate" in capsys.readouterr().err
