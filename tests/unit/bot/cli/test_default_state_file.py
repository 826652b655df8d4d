"""A person without /opt gets a state folder of their own; where the usual one is there, it stays the one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cbbot.cli.default_state_file import default_state_file
from cbbot.cli.dispatch import main
from cbbot.contract.settings_table import BY_KEY


def test_without_the_containers_folder_it_is_the_users(tmp_path: Path) -> None:
    usual = tmp_path / "opt" / "bot_state.json"
    shell = {"XDG_STATE_HOME": str(tmp_path / "mine")}
    assert default_state_file(shell, usual) == tmp_path / "mine" / "cbbot" / "run" / "bot_state.json"
    usual.parent.mkdir()
    assert default_state_file(shell, usual) == usual


def test_a_start_without_state_file_uses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("STATE_FILE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    nowhere = replace(BY_KEY["STATE_FILE"], default=str(tmp_path / "no" / "bot_state.json"))
    monkeypatch.setitem(BY_KEY, "STATE_FILE", nowhere)
    folder = tmp_path / "cbbot" / "run"
    folder.parent.mkdir()
    folder.write_text("in the way")  # the start is to end before it trades
    assert main(["run", "--host", "127.0.0.1", "--set", "PORT=0"]) == 3
    assert str(folder) in json.loads(capsys.readouterr().err.splitlines()[-1])["reason"]
