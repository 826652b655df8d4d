"""The Secrets that ``cbbot migrate`` tells a person to make are those that the operator looks for, key by key."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml

from cbbot.cli.dispatch import main
from cbbot.contract.settings_table import SETTINGS
from cbbot_operator.policies import first_refusal
from go_stack import put_go_stack
from unit.operator.memory_cluster import Observe


def test_none_is_missing_and_none_is_made_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], observed: Observe
) -> None:
    for setting in SETTINGS:
        monkeypatch.delenv(setting.key, raising=False)
    monkeypatch.chdir(tmp_path)
    put_go_stack(tmp_path)
    with (tmp_path / "bot.env").open("a") as bot_env:
        bot_env.write("SLACK_WEBHOOK=https://hooks.example/secret\n")
    caps = ["--set", "MAX_ORDER_USD=50", "--set", "MAX_EXPOSURE_USD=500"]
    assert main(["migrate", "bot.env", "bridge.env", "--out", "new", *caps]) == 0
    commands = [shlex.split(line) for line in capsys.readouterr().out.splitlines() if " create secret " in line]
    files = {command[4]: [word.removeprefix("--from-file=") for word in command[5:]] for command in commands}
    made = {name: {Path(file).name: Path(file).read_bytes() for file in named} for name, named in files.items()}
    spec = yaml.safe_load((tmp_path / "new" / "tradingbot.yaml").read_text())["spec"]
    assert first_refusal(observed(spec, secrets=made)) is None
    for name, keys in made.items():
        for key in keys:
            others = {each: text for each, text in keys.items() if each != key}
            refusal = first_refusal(observed(spec, secrets=made | {name: others}))
            assert refusal is not None
            assert (refusal.reason, key in refusal.message) == ("SecretIncomplete", True)
    assert sum(map(len, made.values())) == 3
