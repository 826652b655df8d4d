"""The bridge's token reaches a bot as text or as a file, as it reaches the bridge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cbbot.cli import run_command
from cbbot.cli.dispatch import main
from cbbot.cli.serve import Surroundings

TOKEN = "a-token-of-twenty-ch"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Surroundings]:
    """What each start would have served with."""
    found: list[Surroundings] = []

    async def serve(_: Any, surroundings: Surroundings, __: Any) -> int:
        found.append(surroundings)
        return 0

    monkeypatch.setattr(run_command, "serve", serve)
    monkeypatch.setattr(run_command, "configure_logs", lambda *_, **__: None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BRIDGE_TOKEN_FILE", raising=False)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return found


def test_as_text_and_as_a_file(started: list[Surroundings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert main(["run", "--set", "BRIDGE_TOKEN_FILE=token"]) == 0
    monkeypatch.setenv("BRIDGE_TOKEN", TOKEN)
    assert main(["run"]) == 0
    monkeypatch.delenv("BRIDGE_TOKEN")
    (tmp_path / "bot.env").write_text(f"BRIDGE_TOKEN={TOKEN}\n")
    assert main(["run", "--env", "bot.env"]) == 0
    assert [surroundings.bridge_token for surroundings in started] == [TOKEN] * 3
    assert all(TOKEN in surroundings.secrets and TOKEN not in repr(surroundings) for surroundings in started)


def test_both_at_once_and_one_too_short_are_refused_without_showing_them(
    started: list[Surroundings], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRIDGE_TOKEN", TOKEN)
    assert main(["run", "--set", "BRIDGE_TOKEN_FILE=token"]) == 2
    monkeypatch.setenv("BRIDGE_TOKEN", "s3cret")
    assert main(["run"]) == 2
    both, short = (json.loads(line)["reason"] for line in capsys.readouterr().err.splitlines())
    assert "only one of BRIDGE_TOKEN and BRIDGE_TOKEN_FILE" in both
    assert short.startswith("BRIDGE_TOKEN='***' is not accepted")
    assert not started
