"""The service and the containers of one machine: as systemd and compose read them, and as the settings accept them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest
import yaml

from cbbot.contract.bridge_settings_table import EXCHANGE_BY_KEY
from cbbot.contract.settings import load
from cbbot.contract.settings_table import BY_KEY
from repository_files import ROOT

FOLDER = ROOT / "examples" / "one-machine"
UNIT = (FOLDER / "cbbot.service").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))


@pytest.mark.skipif(which("systemd-analyze") is None, reason="systemd-analyze is not installed here")
def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    # It wants the program to be there.
    program = tmp_path / "cbbot"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "cbbot.service"
    unit.write_text(UNIT.replace("/opt/cbbot/bin/cbbot", str(program)).replace("User=cbbot", "User=root"))
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    ours = [line for line in ran.stderr.splitlines() if "cbbot" in line]
    assert (ran.returncode, ours) == (0, []), ran.stderr


def test_the_units_command_is_one_that_the_command_line_knows(tmp_path: Path) -> None:
    (line,) = re.findall(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
    program, *arguments = shlex.split(line)
    assert Path(program).name == "cbbot"
    # Not there: a word that it did not know would be refused before the file is looked for.
    arguments[arguments.index("-f") + 1] = str(tmp_path / "nowhere.yaml")
    ran = subprocess.run([sys.executable, "-m", "cbbot", *arguments], capture_output=True, text=True, check=False)
    assert (ran.returncode, "nowhere.yaml: cannot be read" in ran.stderr) == (2, True), ran.stderr


def test_the_containers_are_given_settings_that_exist_and_fit_each_other() -> None:
    bot, bridge = COMPOSE["services"]["bot"], COMPOSE["services"]["bridge"]
    assert set(bot["environment"]) <= set(BY_KEY)
    assert set(bridge["environment"]) <= set(EXCHANGE_BY_KEY)
    assert not set(bot["environment"]) & {key for key in EXCHANGE_BY_KEY if key.startswith("COINBASE")}
    settings = load(bot["environment"])
    assert settings.bridge_url == f"http://bridge:{bridge['environment']['PORT']}"
    assert bot["volumes"] == [f"state:{Path(settings.state_file).parent}"]
    assert bot["ports"] == [f"127.0.0.1:{settings.port}:{settings.port}"]
    (secret,) = COMPOSE["secrets"]
    for service in (bot, bridge):
        assert service["secrets"] == [secret]
        assert service["environment"]["BRIDGE_TOKEN_FILE"] == f"/run/secrets/{secret}"


@pytest.mark.parametrize("service", ["bot", "bridge"])
def test_each_container_has_the_image_that_its_first_lines_build(service: str) -> None:
    head = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    image = COMPOSE["services"][service]["image"]
    assert f"docker build -f Dockerfile.{service} -t {image} ." in head
    assert (ROOT / f"Dockerfile.{service}").is_file()
