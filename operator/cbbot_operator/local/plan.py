"""Which processes a TradingBot becomes on one machine, with which arguments and environment. Pure.

The settings are those the cluster renders: the operator's own functions are asked, and only
what a pod has and a machine has not (mounted folders, fixed ports, Services) is replaced. Every
child starts from a clean environment, so nothing in the shell overrides the manifest, and no
secret reaches a process that has no use for it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cbbot.contract.bridge_settings_table import API_KEY_SOURCES
from cbbot.contract.runtime_env import BOT_HOST, BOT_NAME, BOT_VENUE, POD_NAMESPACE
from cbbot.contract.tradingbot import TradingBotSpec
from cbbot.contract.tradingbot_pods import Process
from cbbot.contract.violation import Violation
from cbbot.errors import BadInput
from cbbot.process.proxies import PROXY_VARIABLES
from cbbot_operator.keys import Key
from cbbot_operator.local.bot_port import LOOPBACK
from cbbot_operator.local.folder import StateFolder
from cbbot_operator.local.manifest import Manifest
from cbbot_operator.local.secrets_file import SLACK_SOURCES
from cbbot_operator.observed import Tokens
from cbbot_operator.render.bridge_deployment import bridge_environment, market_arguments
from cbbot_operator.render.inputs import Inputs
from cbbot_operator.render.settings_configmap import settings_of

__all__ = ["Part", "PartName", "Plan", "make_plan"]

PartName = Literal["simulator", "bridge", "bot"]

# What a process of this machine needs to run at all, whatever it does.
_ORDINARY = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "PYTHONHOME",
)
# What it needs to reach another machine.
_OUTWARD = (*PROXY_VARIABLES, "SSL_CERT_FILE", "SSL_CERT_DIR")
_KEY_NAMES, _PRIVATE_KEYS = API_KEY_SOURCES


@dataclass(frozen=True, slots=True)
class Part:
    """One process. ``links`` maps an environment key to the part whose address becomes its value.

    A part listens on the first of ``ports`` that is free, which its environment or its ``--port`` says;
    0 lets it pick one. It tells which in a line on stdout, and keeps it when it is started again.
    ``grace_seconds`` is how long it may take to stop.
    """

    name: PartName
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    links: Mapping[str, PartName] = field(default_factory=dict)
    grace_seconds: float = 20.0
    ports: tuple[int, ...] = (0,)

    def started_with(self, ports: Mapping[PartName, int]) -> tuple[list[str], dict[str, str]]:
        """Command and environment once the ports of the parts before it are known, and perhaps its own."""
        own = str(ports.get(self.name, 0))
        addresses = {key: f"http://{LOOPBACK}:{ports[part]}" for key, part in self.links.items()}
        return [*self.command, *(("--port", own) if self.name == "simulator" else ())], {
            **self.environment,
            **({} if self.name == "simulator" else {"PORT": own}),
            **addresses,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """``parts`` in the order they start; they stop in the opposite one. ``notes`` are for the person."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()


def make_plan(
    manifest: Manifest,
    folder: StateFolder,
    shell: Mapping[str, str],
    python: str = sys.executable,
    bot_ports: tuple[int, ...] = (0,),
) -> Plan:
    """The processes of ``manifest``; ``shell`` is the environment of whoever asked, ``bot_ports`` are the bot's to try.

    Raises:
        BadInput: the bot is suspended, or trades live on Coinbase and the shell has no API key.
    """
    spec = manifest.spec
    if spec.suspend:
        raise BadInput(str(Violation("suspend", True, "false: a suspended TradingBot runs nowhere")))
    inputs = _inputs(manifest)
    simulated = inputs.simulated
    notes: list[str] = []
    parts = [
        _bridge(inputs, folder, shell, python),
        _bot(manifest, settings_of(inputs), folder, shell, python, bot_ports),
    ]
    if simulated:
        parts.insert(0, _simulator(spec, folder, shell, python))
    if spec.notifications.slackWebhookSecretRef is not None and not any(shell.get(key) for key in SLACK_SOURCES):
        notes.append(
            "spec.notifications.slackWebhookSecretRef names a Secret of a cluster; here the webhook comes from "
            "SLACK_WEBHOOK or SLACK_WEBHOOK_FILE in the environment, and neither is set: nobody is notified"
        )
    return Plan(tuple(parts), tuple(notes))


def _inputs(manifest: Manifest) -> Inputs:
    """What the cluster's renderers ask for; of this only key and spec matter on one machine."""
    return Inputs(
        key=Key(manifest.namespace, manifest.name),
        uid="",
        spec=manifest.spec,
        tokens=Tokens("", ""),
        secrets={},
        namespace_uid="",
        bot_image="",
        bridge_image="",
    )


def _simulator(spec: TradingBotSpec, folder: StateFolder, shell: Mapping[str, str], python: str) -> Part:
    command = _python(python, "cbbot_bridge.simulator")
    command += (*market_arguments(spec), "--host", LOOPBACK, "--state", str(folder.market))
    return Part("simulator", command, _clean(shell, spec.bridge, {}), grace_seconds=10)


def _bridge(inputs: Inputs, folder: StateFolder, shell: Mapping[str, str], python: str) -> Part:
    environment = bridge_environment(inputs)
    # The cluster mounts the keys as files, and a pod has its ports to itself: here another bridge may be beside it.
    for key in (*_KEY_NAMES, *_PRIVATE_KEYS, "BRIDGE_METRICS_PORT"):
        environment.pop(key, None)
    environment |= {"BRIDGE_HOST": LOOPBACK, "BRIDGE_TOKEN_FILE": str(folder.bridge_token)}
    links: dict[str, PartName] = {}
    outward: tuple[str, ...] = _OUTWARD
    if inputs.simulated:
        # The Simulator is the venue, for prices as for orders: no other address belongs beside it.
        environment.pop("COINBASE_WS_URL", None)
        links, outward = {"COINBASE_API_BASE": "simulator"}, ()
    elif inputs.spec.mode == "Live":
        environment |= _credentials(shell)
    return Part(
        "bridge",
        _python(python, "cbbot_bridge"),
        _clean(shell, inputs.spec.bridge, environment, outward),
        links,
        grace_seconds=20,
    )


def _bot(
    manifest: Manifest,
    settings: dict[str, str],
    folder: StateFolder,
    shell: Mapping[str, str],
    python: str,
    ports: tuple[int, ...],
) -> Part:
    spec = manifest.spec
    # The id that orders carry is made at random and kept in the state: another machine's bot has another.
    del settings["BOT_ID"]
    settings |= {
        "STATE_FILE": str(folder.bot_state),
        "BRIDGE_TOKEN_FILE": str(folder.bridge_token),
        "CONTROL_TOKEN_FILE": str(folder.control_token),
        BOT_HOST: LOOPBACK,
        BOT_NAME: manifest.name,
        BOT_VENUE: spec.exchange.venue,
        POD_NAMESPACE: manifest.namespace,
    }
    settings.pop("SLACK_WEBHOOK_FILE", None)
    outward: tuple[str, ...] = ()
    if spec.notifications.slackWebhookSecretRef is not None:
        settings |= _taken(shell, SLACK_SOURCES)
        outward = _OUTWARD
    command = (*_python(python, "cbbot"), "run")
    environment = _clean(shell, spec.bot, settings, outward)
    return Part("bot", command, environment, {"BRIDGE_URL": "bridge"}, grace_seconds=30, ports=ports)


def _python(python: str, module: str) -> tuple[str, ...]:
    # -P: a file that happens to lie in the working directory is never imported.
    return (python, "-P", "-m", module)


def _clean(
    shell: Mapping[str, str], process: Process, settings: Mapping[str, str], outward: tuple[str, ...] = ()
) -> dict[str, str]:
    ordinary = {key: shell[key] for key in (*_ORDINARY, *outward) if key in shell}
    free = {variable.name: variable.value for variable in process.env}
    return {**ordinary, **free, **settings}


def _credentials(shell: Mapping[str, str]) -> dict[str, str]:
    """The API key from the shell: a Secret of a cluster does not exist here.

    Raises:
        BadInput: there is none. A name alone that is missing is the bridge's to judge: it may stand in the private
            key's file.
    """
    problems = [
        f"{keys[0]}: nothing given: spec.mode is Live, so the API key of Coinbase must be in the environment or "
        f"the file of --env ({' or '.join(keys)}); spec.exchange.credentialsSecretRef names a Secret of a cluster"
        for keys in (_KEY_NAMES, _PRIVATE_KEYS)
        if not any(shell.get(key, "").strip() for key in keys)
    ]
    if not any(shell.get(key, "").strip() for key in _PRIVATE_KEYS):
        raise BadInput("\n".join(problems))
    return _taken(shell, (*_KEY_NAMES, *_PRIVATE_KEYS))


def _taken(shell: Mapping[str, str], keys: tuple[str, ...]) -> dict[str, str]:
    """Those of ``keys`` that the shell has; files by their whole path, since children run elsewhere."""
    taken = {key: shell[key] for key in keys if shell.get(key, "").strip()}
    return {key: str(Path(value).absolute()) if key.endswith("_FILE") else value for key, value in taken.items()}
