"""A manifest becomes processes with the cluster's settings, clean environments, and secrets only where they belong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cbbot.contract.settings import load
from cbbot.contract.tradingbot import environment
from cbbot.errors import BadInput
from cbbot_operator.keys import Key
from cbbot_operator.local.folder import StateFolder
from cbbot_operator.local.manifest import Manifest, parse_manifest
from cbbot_operator.local.plan import Part, PartName, Plan, make_plan
from cbbot_operator.observed import Tokens
from cbbot_operator.render.bridge_deployment import bridge_environment
from cbbot_operator.render.inputs import Inputs
from cbbot_operator.render.settings_configmap import settings_of

FOLDER = StateFolder(Path("/state/btc"))
SHELL = {
    "PATH": "/bin",
    "HOME": "/home/someone",
    "RISK_PER_TRADE_PCT": "99",
    "HTTPS_PROXY": "http://proxy:3128",
    "COINBASE_API_KEY_NAME": "key-name",
    "COINBASE_API_PRIVATE_KEY_FILE": "keys/private.pem",
    "COINBASE_API_BASE": "https://elsewhere.example",
    "SLACK_WEBHOOK": "https://hooks.example/secret",
    "BRIDGE_TOKEN": "x" * 32,
}
LIVE = "mode: Live\nrisk: {maxOrderUSD: 10, maxExposureUSD: 100}\nexchange: {credentialsSecretRef: {name: coinbase}}"
SIMULATED = "exchange: {venue: Simulator, simulator: {speed: 600, takerRatePct: 0.25}}"
PORTS: dict[PartName, int] = {"simulator": 1001, "bridge": 1002}


def manifest(spec: str = "", metadata: str = "name: btc") -> Manifest:
    lines = "".join(f"  {line}\n" for line in spec.splitlines())
    head = f"apiVersion: cbbot.io/v1alpha1\nkind: TradingBot\nmetadata: {{{metadata}}}\nspec:\n"
    return parse_manifest(f"{head}  product: {{id: BTC-USD}}\n{lines}", "bot.yaml")


def plan(spec: str = "", shell: dict[str, str] | None = None) -> Plan:
    return make_plan(manifest(spec), FOLDER, SHELL if shell is None else shell, python="python")


def part(name: str, of: Plan) -> Part:
    return next(part for part in of.parts if part.name == name)


def test_the_simulator_comes_first_and_only_for_its_venue() -> None:
    assert [part.name for part in plan(SIMULATED).parts] == ["simulator", "bridge", "bot"]
    assert [part.name for part in plan().parts] == ["bridge", "bot"]


def test_the_parts_are_the_containers_commands_on_loopback() -> None:
    simulated = plan(SIMULATED)
    command, environ = part("simulator", simulated).started_with({})
    assert command[:4] == ["python", "-P", "-m", "cbbot_bridge.simulator"]
    options = dict(zip(command[4::2], command[5::2], strict=True))
    assert options == {
        "--product": "BTC-USD",
        "--speed": "600",
        "--history-fraction": "0.7",
        "--taker-rate": "0.0025",
        "--balance": "USD=10000",
        "--host": "127.0.0.1",
        "--state": "/state/btc/simulator/market.json",
        "--port": "0",
    }
    assert "PORT" not in environ
    command, environ = part("bridge", simulated).started_with(PORTS | {"bridge": 0})
    assert command == ["python", "-P", "-m", "cbbot_bridge"]
    assert (environ["BRIDGE_HOST"], environ["PORT"]) == ("127.0.0.1", "0")
    # Nothing is at a fixed port: another bot's bridge may be beside it. Its metrics are at its own port.
    assert "BRIDGE_METRICS_PORT" not in environ
    assert environ["COINBASE_API_BASE"] == "http://127.0.0.1:1001"
    command, environ = part("bot", simulated).started_with(PORTS)
    assert command == ["python", "-P", "-m", "cbbot", "run"]
    assert environ["BRIDGE_URL"] == "http://127.0.0.1:1002"
    assert (environ["BOT_HOST"], environ["PORT"]) == ("127.0.0.1", "0")


def test_a_part_started_again_asks_for_the_port_it_had() -> None:
    simulated = plan(SIMULATED)
    assert part("simulator", simulated).started_with(PORTS)[0][-2:] == ["--port", "1001"]
    assert part("bridge", simulated).started_with(PORTS)[1]["PORT"] == "1002"


@pytest.mark.parametrize("spec", ["", SIMULATED, LIVE, "strategy: {maFast: 7}\npyramiding: {enabled: true}"])
def test_the_settings_are_those_of_the_cluster(spec: str) -> None:
    asked = manifest(spec)
    inputs = Inputs(
        key=Key("ns", asked.name),
        uid="1",
        spec=asked.spec,
        tokens=Tokens("a", "b"),
        secrets={},
        namespace_uid="2",
        bot_image="x",
        bridge_image="y",
    )
    here = plan(spec)
    environ = part("bot", here).started_with(PORTS)[1]
    cluster = settings_of(inputs)
    of_the_machine = {"STATE_FILE", "PORT", "BRIDGE_URL", "BRIDGE_TOKEN_FILE", "CONTROL_TOKEN_FILE"}
    # The bot's id is made once by the bot itself: two machines must not order under one id.
    assert set(cluster) - set(environ) == {"BOT_ID"}
    assert {key for key in cluster if environ.get(key, cluster[key]) != cluster[key]} <= of_the_machine
    # The bot reads in it what the manifest says.
    assert load({key: environ[key] for key in environment(asked.spec)}) == load(environment(asked.spec))
    bridge = part("bridge", here).started_with(PORTS)[1]
    of_the_machine = {"PORT", "BRIDGE_METRICS_PORT", "BRIDGE_TOKEN_FILE", "COINBASE_API_BASE"}
    expected = bridge_environment(inputs)
    assert {key for key in expected if bridge.get(key) != expected[key] and not key.startswith("COINBASE_API_")} <= (
        of_the_machine
    )


def test_nothing_of_the_shell_overrides_the_manifest() -> None:
    for name in ("simulator", "bridge", "bot"):
        environ = part(name, plan(SIMULATED)).started_with(PORTS)[1]
        assert environ.get("RISK_PER_TRADE_PCT") != "99"
        assert "elsewhere" not in environ.get("COINBASE_API_BASE", "")
        assert "BRIDGE_TOKEN" not in environ
        assert environ["PATH"] == "/bin"
        assert "HTTPS_PROXY" not in environ, "loopback needs no proxy"
    assert load(part("bot", plan()).environment).risk_per_trade_pct == 1


def test_the_api_key_reaches_the_bridge_of_a_live_bot_alone() -> None:
    live = plan(LIVE)
    bridge = part("bridge", live).environment
    assert bridge["COINBASE_API_KEY_NAME"] == "key-name"
    assert bridge["COINBASE_API_PRIVATE_KEY_FILE"] == str(Path("keys/private.pem").absolute())
    assert "COINBASE_API_KEY_NAME_FILE" not in bridge
    assert bridge["HTTPS_PROXY"] == "http://proxy:3128"
    assert not [key for key in part("bot", live).environment if key.startswith("COINBASE_")]
    for spec in ("", SIMULATED, LIVE.replace("exchange: {", "exchange: {venue: Simulator, ")):
        for other in plan(spec).parts:
            assert not [key for key in other.environment if "API_KEY" in key or "PRIVATE" in key], other.name


def test_a_live_bot_without_an_api_key_is_refused_with_what_is_missing() -> None:
    with pytest.raises(BadInput) as raised:
        plan(LIVE, {"PATH": "/bin", "COINBASE_API_PRIVATE_KEY": " "})
    lines = str(raised.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["COINBASE_API_KEY_NAME", "COINBASE_API_PRIVATE_KEY"]
    assert "COINBASE_API_PRIVATE_KEY_FILE" in lines[1]


def test_a_simulated_live_bot_needs_no_key() -> None:
    spec = "mode: Live\nrisk: {maxOrderUSD: 10, maxExposureUSD: 100}\nexchange: {venue: Simulator}"
    simulated = plan(spec, {"PATH": "/bin"})
    assert part("bridge", simulated).environment["COINBASE_AUTH"] == "none"
    assert part("bot", simulated).environment["DRY_RUN"] == "false"


def test_no_address_of_another_venue_stands_beside_the_simulator() -> None:
    spec = "exchange: {venue: Simulator, websocket: {url: 'wss://elsewhere.example'}, apiBase: 'https://x.example'}"
    environ = part("bridge", plan(spec)).started_with(PORTS)[1]
    assert environ["COINBASE_API_BASE"] == "http://127.0.0.1:1001"
    assert "COINBASE_WS_URL" not in environ


def test_the_webhook_comes_from_the_shell_when_the_manifest_asks_for_notices() -> None:
    spec = "notifications: {slackWebhookSecretRef: {name: slack, key: url}}"
    asked = plan(spec)
    assert part("bot", asked).environment["SLACK_WEBHOOK"] == SHELL["SLACK_WEBHOOK"]
    assert "SLACK_WEBHOOK_FILE" not in part("bot", asked).environment
    assert asked.notes == ()
    assert "SLACK_WEBHOOK" not in part("bot", plan()).environment
    assert "SLACK_WEBHOOK" in plan(spec, {"PATH": "/bin"}).notes[0]


def test_free_variables_reach_their_process() -> None:
    spec = "bot: {env: [{name: A_WORD, value: one}]}\nbridge: {env: [{name: A_WORD, value: two}]}"
    assert part("bot", plan(spec)).environment["A_WORD"] == "one"
    assert part("bridge", plan(spec)).environment["A_WORD"] == "two"


def test_a_suspended_bot_is_not_run() -> None:
    with pytest.raises(BadInput, match=r"spec\.suspend: True is not accepted: false"):
        plan("suspend: true")


def test_secrets_are_not_in_the_plan_s_text() -> None:
    assert "hooks.example" not in repr(plan("notifications: {slackWebhookSecretRef: {name: s, key: u}}"))
    assert "key-name" not in repr(plan(LIVE))


def test_one_machine_needs_no_library_of_a_cluster() -> None:
    # `pip install cbbot[up]` brings none of them.
    script = (
        "import sys, cbbot_operator.processes\n"
        "print(sorted({'kopf', 'aiohttp', 'kubernetes', 'numba'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


def test_the_bot_tries_the_ports_it_is_given_and_the_others_choose() -> None:
    of = make_plan(manifest(SIMULATED), FOLDER, SHELL, python="python", bot_ports=(8080, 8081))
    assert {part.name: part.ports for part in of.parts} == {"simulator": (0,), "bridge": (0,), "bot": (8080, 8081)}
