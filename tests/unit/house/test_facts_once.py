"""What contract, operator, chart and images must agree on, read from where each of them has it."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cbbot.contract import bridge_settings_table, ports, settings_table, tradingbot
from cbbot.contract.setting import Kind
from cbbot.contract.spec_reader import read_spec
from cbbot.contract.violation import BadTradingBot
from cbbot_bridge.simulator.command_line import parse_arguments
from cbbot_operator.configuration import CONFIGURATION
from cbbot_operator.keys import Key
from cbbot_operator.observed import Tokens
from cbbot_operator.render.bridge_deployment import bridge_environment, market_arguments
from cbbot_operator.render.inputs import Inputs
from cbbot_operator.render.settings_configmap import STATE_FOLDER, settings_of

ROOT = Path(__file__).parents[3]
VALUES = yaml.safe_load((ROOT / "charts/values.yaml").read_text(encoding="utf-8"))
VALUES_SCHEMA = yaml.safe_load((ROOT / "charts/values.schema.json").read_text(encoding="utf-8"))
DEPLOYMENT = (ROOT / "charts/templates/deployment.yaml").read_text(encoding="utf-8")
ENVIRONMENT = (ROOT / "charts/templates/_environment.tpl").read_text(encoding="utf-8")


def spec_of(**sections: Any) -> tradingbot.TradingBotSpec:
    return read_spec({"product": {"id": "BTC-USD"}, **sections})


def inputs_of(spec: tradingbot.TradingBotSpec) -> Inputs:
    return Inputs(
        key=Key("trading", "btc"),
        uid="u",
        spec=spec,
        tokens=Tokens("", ""),
        secrets={},
        namespace_uid="n",
        bot_image="bot:1",
        bridge_image="bridge:1",
    )


@pytest.mark.parametrize(
    ("image", "port"),
    [("bot", ports.BOT_PORT), ("bridge", ports.BRIDGE_PORT), ("operator", ports.OPERATOR_PORT)],
)
def test_an_image_exposes_the_port_of_its_process(image: str, port: int) -> None:
    text = (ROOT / f"Dockerfile.{image}").read_text(encoding="utf-8")
    assert re.findall(r"^EXPOSE (.*)$", text, re.MULTILINE) == [str(port)]


def test_the_chart_uses_the_operators_port() -> None:
    service = (ROOT / "charts/templates/service.yaml").read_text(encoding="utf-8")
    found = re.findall(
        r'(?:containerPort|port): (\d+)|name: PORT\n +value: "(\d+)"', DEPLOYMENT + ENVIRONMENT + service
    )
    assert {number for pair in found for number in pair if number} == {str(ports.OPERATOR_PORT)}
    assert len(found) == 3


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("workers", "CBBOT_WORKERS"),
        ("resyncSeconds", "CBBOT_RESYNC_SECONDS"),
        ("pollSeconds", "CBBOT_POLL_SECONDS"),
        ("logLevel", "LOG_LEVEL"),
    ],
)
def test_a_value_of_the_chart_has_the_default_and_bounds_of_its_setting(value: str, key: str) -> None:
    (setting,) = (one for one in CONFIGURATION if one.key == key)
    schema = VALUES_SCHEMA["properties"]["operator"]["properties"][value]
    assert setting.parse(str(VALUES["operator"][value])) == setting.parse(str(setting.default))
    if setting.kind is Kind.CHOICE:
        assert tuple(schema["enum"]) == setting.choices
    else:
        assert (str(schema["minimum"]), str(schema["maximum"])) == (setting.minimum, setting.maximum)


def test_the_chart_sets_what_the_operator_reads() -> None:
    written = set(re.findall(r"- name: ([A-Z_]+)\n", ENVIRONMENT))
    assert written == {setting.key for setting in CONFIGURATION}


CHANGED = """
from cbbot.contract.bridge_settings_table import EXCHANGE_BY_FIELD
row = EXCHANGE_BY_FIELD["exchange.websocket.staleSeconds"]
object.__setattr__(row, "maximum", "41")
from cbbot.contract.tradingbot import WebSocketSpec
from cbbot_bridge.bridge_settings import load_settings
from cbbot_operator.schema import schema_of_model
print(schema_of_model(WebSocketSpec)["properties"]["staleSeconds"]["maximum"])
load_settings({"COINBASE_WS_STALE_SEC": "42"})
"""


def test_a_bound_changed_in_the_bridges_table_is_the_bound_of_bridge_and_tradingbot() -> None:
    ended = subprocess.run([sys.executable, "-c", CHANGED], capture_output=True, text=True, check=False, timeout=60)
    assert ended.stdout.strip() == "41"
    assert "COINBASE_WS_STALE_SEC='42' is not accepted: a whole number from 1 to 41" in ended.stderr


def test_what_a_tradingbot_may_say_of_the_exchange_the_bridge_accepts() -> None:
    products = [f"P{number}-USD" for number in range(bridge_settings_table.MOST_FURTHER_PRODUCTS)]
    longest = "https://" + "a" * (512 - len("https://"))
    spec = spec_of(exchange={"apiBase": longest, "websocket": {"products": products, "staleSeconds": 600}})
    environment = bridge_environment(inputs_of(spec))
    for key, text in environment.items():
        bridge_settings_table.EXCHANGE_BY_KEY[key].parse(text)
    assert len(environment["COINBASE_WS_PRODUCTS"].split(",")) == len(products) + 1


@pytest.mark.parametrize(
    ("exchange", "path"),
    [
        ({"apiBase": "http://host:99999"}, "exchange.apiBase"),
        ({"apiBase": "https://api.coinbase.com/api/v3"}, "exchange.apiBase"),
        ({"apiBase": "https://user@host"}, "exchange.apiBase"),
        ({"websocket": {"url": "ws:///nowhere"}}, "exchange.websocket.url"),
        ({"websocket": {"url": "wss://host:99999"}}, "exchange.websocket.url"),
        ({"websocket": {"url": "wss://host:port/feed"}}, "exchange.websocket.url"),
    ],
)
def test_an_address_that_the_bridge_could_not_use_is_refused_in_the_tradingbot(
    exchange: dict[str, Any], path: str
) -> None:
    with pytest.raises(BadTradingBot) as caught:
        spec_of(exchange=exchange)
    assert [violation.path for violation in caught.value.violations] == [path]
    row = bridge_settings_table.EXCHANGE_BY_FIELD[path]
    assert caught.value.violations[0].message == row.accepted


def test_what_a_tradingbot_may_say_of_the_simulator_the_simulator_accepts() -> None:
    fields = {
        "speed": ("0.001", "10000"),
        "historyFraction": ("0", "0.999"),
        "takerRatePct": ("0", "0.0001", "10"),
        "quoteBalance": ("0", "0.01", "100000000"),
    }
    assert set(fields) == set(tradingbot.SimulatorSpec.model_fields)
    for values in itertools.product(*fields.values()):
        simulator = {name: float(value) for name, value in zip(fields, values, strict=True)}
        parse_arguments(market_arguments(spec_of(exchange={"venue": "Simulator", "simulator": simulator})))


def test_the_state_is_mounted_where_the_bot_keeps_it() -> None:
    assert settings_of(inputs_of(spec_of()))["STATE_FILE"] == settings_table.BY_KEY["STATE_FILE"].default
    assert str(settings_table.BY_KEY["STATE_FILE"].default).startswith(f"{STATE_FOLDER}/")
