"""The bot's settings as the ConfigMap its pod reads."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from cbbot.contract.ports import BOT_PORT, BRIDGE_PORT
from cbbot.contract.setting import Kind
from cbbot.contract.settings_table import BY_KEY
from cbbot.contract.tradingbot import environment
from cbbot_operator.observed import BOT_TOKEN, CONTROL_TOKEN, slack_secret
from cbbot_operator.render.inputs import Inputs, annotate
from cbbot_operator.running_values import RUNNING, running_values

__all__ = ["SLACK_FOLDER", "STATE_FOLDER", "TOKEN_FOLDER", "settings_map", "settings_of"]

STATE_FILE = str(BY_KEY["STATE_FILE"].default)
STATE_FOLDER = str(PurePosixPath(STATE_FILE).parent)
TOKEN_FOLDER = "/run/secrets/cbbot"  # noqa: S105  where a volume is mounted
SLACK_FOLDER = "/run/secrets/slack"


def settings_of(inputs: Inputs) -> dict[str, str]:
    """Environment keys and their text. ``entries`` is not among them: a pause never restarts a bot."""
    settings = {key: _shortest(key, text) for key, text in environment(inputs.spec).items()} | {
        "STATE_FILE": STATE_FILE,
        "PORT": str(BOT_PORT),
        "BRIDGE_URL": f"http://{inputs.names.of('bridge')}:{BRIDGE_PORT}",
        "BRIDGE_TOKEN_FILE": f"{TOKEN_FOLDER}/{BOT_TOKEN}",
        "CONTROL_TOKEN_FILE": f"{TOKEN_FOLDER}/{CONTROL_TOKEN}",
        "BOT_ID": inputs.bot_id,
    }
    slack = inputs.spec.notifications.slackWebhookSecretRef
    if slack_secret(inputs.spec) is not None and slack is not None:
        settings["SLACK_WEBHOOK_FILE"] = f"{SLACK_FOLDER}/{slack.key}"
    return settings


def _shortest(key: str, text: str) -> str:
    """2.0 and 2 are one number: writing it the other way must not restart a bot."""
    if BY_KEY[key].kind is not Kind.DECIMAL or "." not in text:
        return text
    return text.rstrip("0").rstrip(".")


def settings_map(inputs: Inputs) -> dict[str, Any]:
    """Its annotations keep what may not change while lots are open: a spec says nothing of what it was before."""
    made = {**inputs.head("ConfigMap", inputs.names.settings, "bot"), "data": settings_of(inputs)}
    marks = {RUNNING[path]: value for path, value in running_values(inputs.spec, inputs.names).items()}
    return annotate(made, marks)
