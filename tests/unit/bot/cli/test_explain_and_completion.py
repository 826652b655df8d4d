"""Settings explained by every name they have, words completed, and help that needs nothing installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cbbot.cli import dispatch
from cbbot.cli.completion_command import words_for
from cbbot.cli.dispatch import COMMANDS, CommandEntry, main
from cbbot.cli.explain_command import names_to_explain
from cbbot.contract.bridge_settings_table import EXCHANGE_SETTINGS
from cbbot.contract.settings_table import SETTINGS


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["explain", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["TAKE_PROFIT_PCT", "take_profit_pct", "exits.takeProfitPct", "spec.exits.takeProfitPct"]
)
def test_a_setting_has_one_explanation_by_whichever_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, name) == told(capsys, "takeProfitPct")
    assert "spec.exits.takeProfitPct" in told(capsys, name)


def test_without_a_name_every_setting_is_listed_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys)
    words = out.split()
    assert [setting.key for setting in (*SETTINGS, *EXCHANGE_SETTINGS) if setting.key not in words] == []
    assert max(map(len, out.splitlines())) <= 80


def test_a_group_lists_what_is_below_it_and_a_bridge_key_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "spec.exits.trail").splitlines()[1:] == [
        "  TRAIL_ACTIVATE_PCT  exits.trail.activatePct  0",
        "  TRAIL_DISTANCE_PCT  exits.trail.distancePct  0",
    ]
    assert "TAKE_PROFIT_PCT" in told(capsys, "exits")
    assert "spec.exchange.websocket.staleSeconds" in told(capsys, "COINBASE_WS_STALE_SEC")
    assert told(capsys, "PORT").count("PORT\n") == 2


def test_everything_that_can_be_asked_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    names = names_to_explain()
    assert len(names) > 80
    assert all(told(capsys, name) for name in names)
    assert main(["explain", "spec.exits.takeProfit"]) == 2
    assert "did you mean exits.takeProfitPct?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([""], {"up", "run", "state", "explain"}),
        (["st"], {"state"}),
        (["state", "sh"], {"show"}),
        (["pnl", "--by", ""], {"role", "exit", "hour", "weekday"}),
        (["run", "--set", "MA_"], {"MA_FAST=", "MA_SLOW="}),
        (["up", "--st"], {"--state-dir"}),
        (["explain", "spec.exits"], set()),
        (["explain", "exits.tr"], {"exits.trail", "exits.trail.activatePct", "exits.trail.distancePct"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
        (["state", "show", ""], set()),
        (["--v"], {"--version"}),
    ],
)
def test_words_are_completed(words: list[str], found: set[str]) -> None:
    completed = set(words_for(words))
    assert completed >= found
    assert found or not completed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_accepts_its_script(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    assert "cbbot completion words --" in script.read_text()
    if program := shutil.which(shell):
        subprocess.run([program, "-n", str(script)], check=True)


def test_bash_completes_by_the_script(tmp_path: Path) -> None:
    python = tmp_path / "cbbot"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cbbot "$@"\n')
    python.chmod(0o755)
    ask = 'source <(cbbot completion bash); COMP_WORDS=(cbbot pnl --by h); COMP_CWORD=3; _cbbot; echo "${COMPREPLY[@]}"'
    ran = subprocess.run(
        ["bash", "-c", ask], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["hour"]


def test_help_of_a_part_that_is_not_installed_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(COMMANDS, "backtest", CommandEntry("no_such_module_of_ours:x", "Trade over a file.", "bot"))
    assert dispatch.main(["backtest", "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Usage: cbbot backtest")
    assert "pip install 'cbbot[bot]'" in out
    assert dispatch.main(["backtest"]) == 1
    assert "pip install 'cbbot[bot]'" in capsys.readouterr().err
