"""The state folder: where it is, what is in it, and that one trader alone has it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cbbot.errors import BadInput, UnsafeStart
from cbbot_operator.local.folder import StateFolder, default_folder, locked


def test_the_default_follows_xdg() -> None:
    assert default_folder("btc", "", {"XDG_STATE_HOME": "/var/state"}) == Path("/var/state/cbbot/btc")
    home = Path.home() / ".local" / "state" / "cbbot"
    assert default_folder("btc", "", {}) == home / "btc"
    assert default_folder("btc", "default", {"XDG_STATE_HOME": "relative"}) == home / "btc"


def test_the_same_name_in_another_namespace_has_another_folder() -> None:
    assert default_folder("btc", "team", {"XDG_STATE_HOME": "/s"}) == Path("/s/cbbot/team.btc")


def test_tokens_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state" / "btc")
    folder.prepare()
    first = [folder.bridge_token.read_text(), folder.control_token.read_text()]
    folder.prepare()
    assert [folder.bridge_token.read_text(), folder.control_token.read_text()] == first
    assert first[0] != first[1]
    assert all(len(token) >= 32 for token in first)
    for path in (folder.bridge_token, folder.control_token):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for path in (folder.root, folder.bot_state.parent, folder.market.parent, folder.bridge_token.parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"state folder .*file/btc cannot be used: Not a directory; see --state-dir"):
        StateFolder(tmp_path / "file" / "btc").prepare()


def test_a_second_trader_on_the_folder_is_refused_with_the_name_of_who_has_it(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.prepare()
    with locked(folder), pytest.raises(UnsafeStart, match=rf"process {os.getpid()}\) runs on"), locked(folder):
        pass
    with locked(folder):
        folder.lock.unlink()
        with pytest.raises(UnsafeStart, match=rf"process {os.getpid()}\) runs on"), locked(folder):
            pass
