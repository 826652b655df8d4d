"""Secrets are planted in every process; nothing that any of them writes, answers or shows of itself holds one."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from simulation.served import Served, surroundings
from started_processes import start

pytestmark = pytest.mark.processes
NEEDS_PROC = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

KEY = ec.generate_private_key(ec.SECP256R1())
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
KEY_NAME = "organizations/o/apiKeys/planted-key-name"
BRIDGE_TOKEN = "planted-bridge-token-0123"
CONTROL_TOKEN = "planted-control-token-0123"
WEBHOOK = "http://127.0.0.1:9/services/planted-webhook"
PROXY = "http://user:planted-proxy-password@127.0.0.1:9"
LIVE = """\
apiVersion: cbbot.io/v1alpha1
kind: TradingBot
metadata: {name: planted}
spec:
  product: {id: BTC-USD}
  mode: Live
  risk: {maxOrderUSD: 10, maxExposureUSD: 100}
  exchange: {apiBase: "https://127.0.0.1:9", credentialsSecretRef: {name: coinbase}, websocket: {enabled: false}}
  notifications: {slackWebhookSecretRef: {name: slack, key: address}}
"""


def planted() -> re.Pattern[str]:
    """The secrets, parts of the private key as text and as base64 of its number, and tokens made with it."""
    body = [line for line in PEM.splitlines() if "-----" not in line]
    number = KEY.private_numbers().private_value
    forms = [*body, str(number), f"{number:x}", base64.b64encode(number.to_bytes(32)).decode()]
    return re.compile("|".join(["planted-", "PRIVATE KEY", r"eyJ[\w-]{8}", *map(re.escape, forms)]))


def check(text: str, where: str) -> None:
    found = planted().search(text)
    assert found is None, f"{where}: {text[max(0, found.start() - 200) : found.end()]}"


def environ_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace")


class Parts:
    """Simulator, bridge and bot, each with its secrets in its environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, content in (("public", PUBLIC.decode()), ("token", BRIDGE_TOKEN), ("control", CONTROL_TOKEN)):
            (folder / name).write_text(content)
        self.simulator = self._start(
            [
                "cbbot_bridge.simulator",
                "--port",
                "0",
                "--key-name",
                KEY_NAME,
                "--public-key-file",
                str(folder / "public"),
            ],
            {},
        )
        self.bridge = self._start(
            ["cbbot_bridge", "--host", "127.0.0.1", "--port", "0"],
            {
                "COINBASE_API_BASE": self.simulator.url, "BRIDGE_TOKEN": f'"{BRIDGE_TOKEN}"',
                "COINBASE_API_KEY_NAME": KEY_NAME, "COINBASE_API_PRIVATE_KEY": PEM, "HTTPS_PROXY": PROXY,
            },
        )  # fmt: skip
        self.bot = self._start(
            ["cbbot", "run", "--host", "127.0.0.1"],
            {
                "BRIDGE_URL": self.bridge.url, "BRIDGE_TOKEN_FILE": str(folder / "token"), "PORT": "0",
                "CONTROL_TOKEN_FILE": str(folder / "control"), "SLACK_WEBHOOK": WEBHOOK, "BOT_LOG_LEVEL": "debug",
                "STATE_FILE": str(folder / "state" / "bot_state.json"), "HTTPS_PROXY": PROXY,
            },
        )  # fmt: skip

    def _start(self, arguments: list[str], environment: dict[str, str]) -> Served:
        return Served(arguments, environment, self.folder / f"{arguments[0]}.log")

    def __iter__(self) -> Iterator[Served]:
        return iter((self.bot, self.bridge, self.simulator))


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    started = Parts(tmp_path)
    yield started
    for part in started:
        part.end(signal.SIGKILL)


def everything_answered(served: Served, token: str) -> Iterator[tuple[str, str]]:
    """Each documented operation without a token, with a wrong one and with the right one; what is wrong with each."""
    with httpx.Client(base_url=served.url, timeout=30, trust_env=False) as client:
        document = client.get("/openapi.json")
        yield "/openapi.json", document.text
        for path, operations in document.json()["paths"].items():
            for method in operations:
                for authorization in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {token}"}):
                    if path == "/events":
                        continue
                    filled = re.sub(r"\{\w+\}", "BTC-USD", path)
                    answer = client.request(method, filled, headers=authorization, params={"product_id": "BTC-USD"})
                    yield f"{method} {path}", f"{answer.headers}{answer.text}"
                    # A secret where it does not belong is not sent back either.
                    answer = client.request(method, filled, headers=authorization, content=json.dumps({"x": 1}))
                    yield f"{method} {path}", f"{answer.headers}{answer.text}"


def test_nothing_that_is_written_or_answered_holds_a_secret(parts: Parts) -> None:
    asked = 0
    for served, token in ((parts.bridge, BRIDGE_TOKEN), (parts.bot, CONTROL_TOKEN)):
        for where, text in everything_answered(served, token):
            check(text, where)
            asked += 1
    assert asked > 100
    for part in parts:
        part.end(signal.SIGTERM)
        written = part.log.read_text()
        assert written.strip()
        check(written, str(part.log))
    for file in (parts.folder / "state").rglob("*"):
        if file.is_file():
            check(file.read_bytes().decode("utf-8", "replace"), str(file))


@NEEDS_PROC
def test_no_process_shows_a_secret_in_its_environment(parts: Parts) -> None:
    for part in parts:
        shown = environ_of(part.process.pid)
        assert "PATH=" in shown
        check(shown, f"/proc/{part.process.pid}/environ")
        links = [str(link.readlink()) for link in Path(f"/proc/{part.process.pid}/fd").iterdir()]
        assert not [link for link in links if "memfd" in link], "read, and closed"
    with httpx.Client(base_url=parts.bridge.url, trust_env=False) as client:
        answer = client.get("/upstream", headers={"Authorization": f"Bearer {BRIDGE_TOKEN}"})
        assert answer.json()["credentials"]["configured"] is True, "it has them all the same"


def descendants(pid: int) -> set[int]:
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


@NEEDS_PROC
@pytest.mark.slow
def test_no_child_of_up_shows_a_secret_in_its_environment_from_its_start_on(tmp_path: Path) -> None:
    manifest = tmp_path / "live.yaml"
    manifest.write_text(LIVE)
    shell = surroundings(
        COINBASE_API_KEY_NAME=KEY_NAME, COINBASE_API_PRIVATE_KEY=PEM, SLACK_WEBHOOK=WEBHOOK, HTTPS_PROXY=PROXY
    )
    command = [sys.executable, "-m", "cbbot", "up", "-f", str(manifest), "--state-dir", str(tmp_path / "bot")]
    process = start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=shell)
    assert process.stdout is not None
    written = ""
    seen: set[int] = set()
    try:
        for line in process.stdout:
            written += line
            for pid in descendants(process.pid) - {process.pid}:
                with contextlib.suppress(OSError):
                    check(environ_of(pid), f"/proc/{pid}/environ")
                    seen.add(pid)
            if len(seen) > 1 and "bot http" in written:
                break
        check(environ_of(process.pid), "cbbot up itself")
        process.send_signal(signal.SIGTERM)
        written += process.communicate(timeout=60)[0]
    finally:
        process.kill()
        process.wait()
    assert len(seen) > 1, written
    check(written, "the output of up")
