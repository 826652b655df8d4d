"""The bot's Deployment."""

from __future__ import annotations

from typing import Any

from cbbot.contract.ports import BOT_PORT
from cbbot.contract.runtime_env import BOT_NAME, BOT_VENUE, POD_NAMESPACE
from cbbot_operator.keys import SETTINGS_HASH
from cbbot_operator.observed import BOT_TOKEN, CONTROL_TOKEN, slack_secret
from cbbot_operator.render.durable import claim_name
from cbbot_operator.render.inputs import Inputs
from cbbot_operator.render.pod import container, deployment, http_probe, secret_volume
from cbbot_operator.render.settings_configmap import SLACK_FOLDER, STATE_FOLDER, TOKEN_FOLDER, settings_of

__all__ = ["bot_deployment"]


def bot_deployment(inputs: Inputs) -> dict[str, Any]:
    spec = inputs.spec
    volumes: list[dict[str, Any]] = [
        {"name": "state", "persistentVolumeClaim": {"claimName": claim_name(inputs)}},
        secret_volume("tokens", inputs.names.tokens, (BOT_TOKEN, CONTROL_TOKEN)),
    ]
    mounts = {"state": STATE_FOLDER, "tokens": TOKEN_FOLDER}
    slack = spec.notifications.slackWebhookSecretRef
    if slack is not None:
        volumes.append(secret_volume("slack", slack.name, (slack.key,)))
        mounts["slack"] = SLACK_FOLDER
    bot = container(
        "bot",
        spec.bot.image or inputs.bot_image,
        spec.bot,
        {BOT_NAME: inputs.key.name, POD_NAMESPACE: inputs.key.namespace, BOT_VENUE: spec.exchange.venue},
        mounts,
        read_only=frozenset({"tokens", "slack"}),
    )
    bot |= {
        "args": ["run"],
        "envFrom": [{"configMapRef": {"name": inputs.names.settings}}],
        "ports": [{"name": "http", "containerPort": BOT_PORT, "protocol": "TCP"}],
        # A first start fetches history and fits the model: two minutes are plenty.
        "startupProbe": http_probe("/healthz", BOT_PORT, period=1, failures=120),
        "livenessProbe": http_probe("/healthz", BOT_PORT, period=10, failures=6, timeout=5),
        "readinessProbe": http_probe("/readyz", BOT_PORT, period=2, failures=3),
    }
    settings_hash = inputs.settings_hash(settings_of(inputs), slack_secret(spec))
    return deployment(inputs, "bot", spec.bot, {SETTINGS_HASH: settings_hash}, [bot], volumes)
