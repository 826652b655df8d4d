"""The service and the containers of examples/one-machine, started as they are written.

What a machine for tests has elsewhere is replaced: folders, ports, and the exchange, which is the simulator.
"""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from repository_files import ROOT
from simulation.served import Served, surroundings
from started_processes import start

pytestmark = pytest.mark.processes

FOLDER = ROOT / "examples" / "one-machine"
UNIT = (FOLDER / "cbbot.service").read_text(encoding="utf-8")
SERVICES: Any = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]
TOKEN = "a-token-of-nobody-0123456789"


def of_unit(key: str) -> str:
    (value,) = re.findall(rf"(?m)^{key}=(.*)$", UNIT)
    return str(value)


def test_the_service_trades_and_ends_as_systemd_ends_it(tmp_path: Path) -> None:
    (tmp_path / "tradingbot.yaml").write_bytes((ROOT / "examples" / "try.yaml").read_bytes())
    (tmp_path / "bridge.env").touch()
    places = {"/etc/cbbot": str(tmp_path), "/var/lib/cbbot": str(tmp_path)}
    command = of_unit("ExecStart")
    for written, meant in places.items():
        assert written in command
        command = command.replace(written, meant)
    _, *arguments = shlex.split(command)
    with (tmp_path / "errors").open("w") as errors:
        service = start(
            [sys.executable, "-m", "cbbot", *arguments, "--port", "0"],
            env=surroundings(), stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
        try:
            assert service.stdout is not None
            assert any("phase=trading" in line for line in service.stdout)
            service.send_signal(signal.SIGTERM)
            service.communicate(timeout=int(of_unit("TimeoutStopSec")))
        finally:
            service.kill()
    assert str(service.returncode) in of_unit("SuccessExitStatus").split()
    assert (tmp_path / "state" / "bot" / "bot_state.json").exists()


@contextmanager
def running(arguments: list[str], environment: dict[str, str], log: Path) -> Iterator[Served]:
    served = Served(arguments, environment, log)
    try:
        yield served
    finally:
        served.end(signal.SIGTERM)


def test_the_containers_settings_make_a_bot_that_trades_and_a_bridge_that_wants_the_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    own = {"BRIDGE_TOKEN_FILE": str(tmp_path / "token"), "PORT": "0"}
    bridge_own = SERVICES["bridge"]["environment"] | own | {"BRIDGE_HOST": "127.0.0.1"}
    (tmp_path / "state").mkdir()
    bot_own = SERVICES["bot"]["environment"] | own | {"STATE_FILE": str(tmp_path / "state" / "bot_state.json")}
    simulator = ["cbbot_bridge.simulator", "--host", "127.0.0.1", "--port", "0"]
    with running(simulator, {}, tmp_path / "simulator.log") as venue:
        file = {"COINBASE_API_BASE": venue.url, "COINBASE_AUTH": "none"}  # what stands in bridge.env
        with running(["cbbot_bridge"], file | bridge_own, tmp_path / "bridge.log") as bridge:
            accounts = f"{bridge.url}/accounts"
            assert httpx.get(accounts, trust_env=False).status_code == 401
            shown = {"Authorization": f"Bearer {TOKEN}"}
            assert httpx.get(accounts, headers=shown, trust_env=False).status_code == 200
            bot_own |= {"BRIDGE_URL": bridge.url, "BOT_HOST": "127.0.0.1"}
            with running(["cbbot", "run"], {"DRY_RUN": "true"} | bot_own, tmp_path / "bot.log") as bot:
                assert first_ready_status(bot.url)["mode"] == "paper"


def first_ready_status(url: str) -> dict[str, Any]:
    """The first status of the bot's events that is ready."""
    with httpx.stream("GET", f"{url}/events", timeout=60, trust_env=False) as events:
        for line in events.iter_lines():
            if line.startswith("data:") and (told := json.loads(line.removeprefix("data:"))).get("ready"):
                return dict(told)
    raise AssertionError("the stream of events ended before the bot was ready")
