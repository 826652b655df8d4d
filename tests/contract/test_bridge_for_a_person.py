"""``cbbot bridge --env``: the same bridge as the container's, with its settings from a file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from cbbot.contract.bridge_settings_table import EXCHANGE_SETTINGS
from started_processes import start

pytestmark = pytest.mark.processes


def test_it_serves_with_the_settings_of_the_file_and_stops_cleanly(tmp_path: Path) -> None:
    (tmp_path / "bridge.env").write_text("COINBASE_API_BASE=http://127.0.0.1:1\nCOINBASE_AUTH=none\nMINE=1\nPORT=9\n")
    keys = {setting.key for setting in EXCHANGE_SETTINGS}
    shell = {key: text for key, text in os.environ.items() if key not in keys}
    command = [sys.executable, "-m", "cbbot", "bridge", "--env", "bridge.env", "--host", "127.0.0.1", "--port", "0"]
    process = start(command, cwd=tmp_path, env=shell, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["event"] == "listening"
        assert httpx.get(f"http://127.0.0.1:{told['port']}/health", trust_env=False).json() == {"ok": True}
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert "http://127.0.0.1:1" in errors
    (ignored,) = [line for line in errors.splitlines() if "keys that are not settings of the bridge" in line]
    assert json.loads(ignored)["keys"] == "MINE"
