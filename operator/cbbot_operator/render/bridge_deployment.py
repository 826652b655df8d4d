"""The bridge's Deployment: the only pod with exchange keys. The Simulator runs beside it."""

from __future__ import annotations

from typing import Any

from cbbot.contract.bridge_settings_table import API_KEY_PAIR, EXCHANGE_BY_FIELD, EXCHANGE_BY_KEY
from cbbot.contract.ports import BRIDGE_METRICS_PORT, BRIDGE_PORT, SIMULATOR_PORT
from cbbot.contract.text_setting import EVERYWHERE
from cbbot.contract.tradingbot import TradingBotSpec, field_value
from cbbot_operator.keys import KEY_FINGERPRINT, SETTINGS_HASH
from cbbot_operator.observed import BOT_TOKEN, api_key_secret
from cbbot_operator.render.inputs import Inputs, annotate
from cbbot_operator.render.pod import container, deployment, http_probe, secret_volume
from cbbot_operator.render.settings_configmap import TOKEN_FOLDER

__all__ = ["bridge_deployment", "bridge_environment", "market_arguments"]

_KEY_FOLDER = "/run/secrets/coinbase"
_SIMULATOR_FOLDER = "/var/lib/simulator"


def bridge_environment(inputs: Inputs) -> dict[str, str]:
    """The bridge's environment from ``exchange.*``, through the contract's table."""
    environment = {
        "PORT": str(BRIDGE_PORT),
        "BRIDGE_METRICS_PORT": str(BRIDGE_METRICS_PORT),
        "BRIDGE_TOKEN_FILE": f"{TOKEN_FOLDER}/{BOT_TOKEN}",
    }
    for path, setting in EXCHANGE_BY_FIELD.items():
        value = field_value(inputs.spec, path)
        if value is not None:
            environment[setting.key] = setting.text(value)
    products = dict.fromkeys([inputs.spec.product.id, *inputs.spec.exchange.websocket.products])
    environment["COINBASE_WS_PRODUCTS"] = ",".join(products)
    if inputs.simulated:
        environment["COINBASE_API_BASE"] = f"http://127.0.0.1:{SIMULATOR_PORT}"
        environment["COINBASE_AUTH"] = "none"
        # The Simulator's stream stands at its own address; another venue's prices would not be its market's.
        environment.pop("COINBASE_WS_URL", None)
    elif api_key_secret(inputs.spec) is not None:
        environment |= {f"{key}_FILE": f"{_KEY_FOLDER}/{key}" for key in API_KEY_PAIR}
    return {key: environment[key] for key in EXCHANGE_BY_KEY if key in environment}


def bridge_deployment(inputs: Inputs) -> dict[str, Any]:
    spec = inputs.spec
    keys = api_key_secret(spec)
    environment = bridge_environment(inputs)
    volumes: list[dict[str, Any]] = [secret_volume("tokens", inputs.names.tokens, (BOT_TOKEN,))]
    mounts = {"tokens": TOKEN_FOLDER}
    if keys is not None:
        volumes.append(secret_volume("keys", keys, API_KEY_PAIR))
        mounts["keys"] = _KEY_FOLDER
    image = spec.bridge.image or inputs.bridge_image
    bridge = container("bridge", image, spec.bridge, environment, mounts, read_only=frozenset(mounts))
    bridge |= {
        "ports": [
            {"name": "http", "containerPort": BRIDGE_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": BRIDGE_METRICS_PORT, "protocol": "TCP"},
        ],
        "startupProbe": http_probe("/health", BRIDGE_PORT, period=1, failures=60),
        "livenessProbe": http_probe("/health", BRIDGE_PORT, period=10, failures=6, timeout=5),
        "readinessProbe": http_probe("/ready", BRIDGE_PORT, period=2, failures=5),
    }
    containers = [bridge]
    arguments: list[str] = []
    if inputs.simulated:
        arguments = _simulator_arguments(inputs)
        containers.append(_simulator(inputs, image, arguments))
        volumes.append({"name": "market", "persistentVolumeClaim": {"claimName": inputs.names.of("simulator")}})
    settings_hash = inputs.settings_hash(environment | {"simulator": " ".join(arguments)})
    # Apart from the settings: a key that is not proven yet is no reason to replace a bridge that works.
    marks = {KEY_FINGERPRINT: inputs.key_fingerprint} if inputs.key_fingerprint else {}
    hashes = {SETTINGS_HASH: settings_hash} | marks
    return annotate(deployment(inputs, "bridge", spec.bridge, hashes, containers, volumes), marks)


def _simulator_arguments(inputs: Inputs) -> list[str]:
    return [
        *("--host", EVERYWHERE),  # the kubelet's probes come from outside of the pod
        *("--port", str(SIMULATOR_PORT)),
        *market_arguments(inputs.spec),
        *("--state", f"{_SIMULATOR_FOLDER}/market.json"),
    ]


def market_arguments(spec: TradingBotSpec) -> list[str]:
    """The simulator's market and account, wherever it runs (``cbbot up`` uses them too)."""
    simulator = spec.exchange.simulator
    quote = spec.product.id.split("-")[1]
    return [
        *("--product", spec.product.id),
        *("--speed", f"{simulator.speed:f}"),
        *("--history-fraction", f"{simulator.historyFraction:f}"),
        *("--taker-rate", f"{simulator.takerRatePct / 100:f}"),
        *("--balance", f"{quote}={simulator.quoteBalance:f}"),
    ]


def _simulator(inputs: Inputs, image: str, arguments: list[str]) -> dict[str, Any]:
    simulator = container("simulator", image, inputs.spec.bridge, {}, {"market": _SIMULATOR_FOLDER})
    return simulator | {
        "command": ["python", "-m", "cbbot_bridge.simulator"],
        "args": arguments,
        "startupProbe": http_probe("/api/v3/brokerage/time", SIMULATOR_PORT, period=1, failures=60),
        "livenessProbe": http_probe("/api/v3/brokerage/time", SIMULATOR_PORT, period=10, failures=6, timeout=5),
    }
