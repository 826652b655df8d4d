"""``cbbot control``: pause, resume and flatten by hand, at the address and with the token of the settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser.page_bot import TOKEN, PageBot, served
from cbbot.cli.dispatch import main
from cbbot.contract.settings_table import SETTINGS


@pytest.fixture
def bot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[PageBot]:
    """A bot that wants a token, with the surroundings of its pod: PORT and CONTROL_TOKEN_FILE."""
    for setting in SETTINGS:
        monkeypatch.delenv(setting.key, raising=False)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    steered = PageBot()
    with served(steered) as address:
        monkeypatch.setenv("PORT", address.rpartition(":")[2])
        monkeypatch.setenv("CONTROL_TOKEN_FILE", str(tmp_path / "token"))
        yield steered


def test_a_pause_and_its_end_are_asked_and_told(bot: PageBot, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["control", "pause"]) == 0
    assert bot.figures["entries"] == {"allowed": False, "paused_by": ["hand"]}
    assert capsys.readouterr().out == "demo, paper BTC-USD: trading; entries paused by hand; 2 lots open\n"
    assert main(["control", "resume"]) == 0
    assert bot.figures["entries"]["allowed"]
    assert capsys.readouterr().out == "demo, paper BTC-USD: trading; 2 lots open\n"


def test_flatten_wants_to_be_confirmed(
    bot: PageBot, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["control", "flatten"]) == 2
    assert "confirm it with --yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    for answer, code, times in ((False, 1, 0), (True, 0, 1)):
        monkeypatch.setattr("typer.confirm", lambda _, answer=answer: answer)
        assert main(["control", "flatten"]) == code
        assert bot.flattened == times
        told = capsys.readouterr().out
        assert told.startswith("demo, paper BTC-USD: trading; 2 lots open\n")  # before it asks
        assert ("nothing was asked of the bot" in told) is not answer


def test_flatten_with_yes_asks_nobody(bot: PageBot, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["control", "flatten", "--yes"]) == 0
    assert bot.flattened == 1
    assert capsys.readouterr().out == "demo, paper BTC-USD: trading; entries paused by hand; 0 lots open\n"


def test_the_token_of_the_option_wins_and_a_wrong_one_is_refused(
    bot: PageBot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other").write_text("another-token")
    assert main(["control", "pause", "--token-file", str(tmp_path / "other")]) == 1
    assert "--token-file or CONTROL_TOKEN_FILE names the file that holds it" in capsys.readouterr().err
    assert bot.figures["entries"]["allowed"]
    assert main(["control", "pause", "--token-file", str(tmp_path / "nowhere")]) == 2
    assert "--token-file=" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "bot", "ftp://bot", "http://bot:port"])
@pytest.mark.usefixtures("bot")
def test_what_is_no_address_is_bad_input(capsys: pytest.CaptureFixture[str], url: str) -> None:
    assert main(["control", "flatten", "--yes", "--url", url]) == 2
    told = capsys.readouterr().err
    assert f"--url {url}: " in told
    assert "ask for /status" not in told, "nothing was asked"


def test_an_env_file_names_port_and_token(bot: PageBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"PORT={os.environ['PORT']}", f"CONTROL_TOKEN_FILE={os.environ['CONTROL_TOKEN_FILE']}"]
    (tmp_path / "bot.env").write_text("\n".join(lines))
    monkeypatch.delenv("PORT")
    monkeypatch.delenv("CONTROL_TOKEN_FILE")
    assert main(["control", "pause", "--env", str(tmp_path / "bot.env")]) == 0
    assert bot.figures["entries"]["paused_by"] == ["hand"]


@pytest.mark.usefixtures("bot")
def test_nobody_there_and_somebody_else_there_are_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["control", "pause", "--url", "http://127.0.0.1:1"]) == 1
    assert "does the bot run there?" in capsys.readouterr().err
    monkeypatch.setenv("PORT", "0")
    assert main(["control", "pause"]) == 2
    assert "--url" in capsys.readouterr().err
