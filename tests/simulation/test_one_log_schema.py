"""Bot, bridge, simulator and operator log with the same keys, so that one query reads them all."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.served import Served, surroundings

pytestmark = pytest.mark.processes

NOWHERE = "http://127.0.0.1:9"
SERVERS = {
    "bridge": (["cbbot_bridge", "--port", "0", "--host", "127.0.0.1"], {"COINBASE_API_BASE": NOWHERE}),
    "simulator": (["cbbot_bridge.simulator", "--port", "0"], {}),
    "bot": (["cbbot", "run"], {"BRIDGE_URL": NOWHERE, "PORT": "0"}),
}


def check(log: str) -> None:
    lines = log.splitlines()
    assert lines, "nothing was logged"
    for line in lines:
        read = json.loads(line)
        assert list(read)[:4] == ["ts", "level", "logger", "event"], line
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", read["ts"])
        assert read["level"] in {"debug", "info", "warning", "error", "critical"}
        assert not {"time", "message", "traceback"} & set(read), line


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_logs_with_the_common_keys(name: str, tmp_path: Path) -> None:
    arguments, environment = SERVERS[name]
    log = tmp_path / "log"
    server = Served(arguments, {"STATE_FILE": str(tmp_path / "state.json"), **environment}, log)
    server.end(signal.SIGTERM)
    check(log.read_text())


def test_the_operator_logs_with_the_common_keys(tmp_path: Path) -> None:
    environment = {
        "CBBOT_BOT_IMAGE": "a/bot:1",
        "CBBOT_BRIDGE_IMAGE": "a/bridge:1",
        "KUBECONFIG": str(tmp_path / "none"),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "cbbot_operator"],
        env=surroundings(**environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    check(ended.stderr)
