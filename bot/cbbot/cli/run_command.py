"""``cbbot run``: the live loop, on paper or with real orders."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cbbot import __version__
from cbbot.cli.default_state_file import default_state_file
from cbbot.cli.serve import Surroundings, serve
from cbbot.cli.setting_options import Assigned, EnvFile
from cbbot.cli.sources import gathered
from cbbot.contract.bridge_settings_table import BRIDGE_TOKEN
from cbbot.contract.runtime_env import (
    BOT_HOST,
    BOT_LOG_LEVEL,
    BOT_NAME,
    BOT_VENUE,
    POD_NAMESPACE,
    RUNTIME_SETTINGS,
)
from cbbot.contract.setting import BadSetting
from cbbot.contract.settings import Settings, live_requirements, load
from cbbot.contract.settings_reading import Problems, read_secret, read_settings
from cbbot.contract.settings_table import BY_KEY, CONTROL_TOKEN
from cbbot.contract.text_setting import host_setting
from cbbot.errors import BadInput
from cbbot.process.json_logs import configure_logs
from cbbot.process.proxies import proxy_for

__all__ = ["run"]


def run(
    env: EnvFile = None,
    assigned: Assigned = None,
    host: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Address to listen on. [default: $BOT_HOST, else ::, everywhere]"),
    ] = None,
) -> int:
    """Trade until stopped: Ctrl-C or SIGTERM waits for orders in flight, saves, and goes.

    Exit code 0 after SIGTERM, which is how a service is stopped (143 before it runs); 130 after Ctrl-C.

    Listens on PORT; prints {"event": "listening", "port": N} on stdout. Logs go to stderr.
    """
    problems = Problems()
    runtime = read_settings(RUNTIME_SETTINGS, os.environ, problems)
    if host is not None:
        with problems.collected():
            runtime[BOT_HOST] = host_setting("--host", "").parse(host)
    values, warnings = gathered(env, assigned or (), os.environ, problems)
    values.setdefault("STATE_FILE", str(default_state_file(os.environ)))
    surroundings = None
    with problems.collected():
        settings = load(values)
        problems.found += [BadInput(message) for message in live_requirements(settings)]
        surroundings = _surroundings(settings, runtime, problems)
    problems.raise_found()
    if surroundings is None:
        raise AssertionError("settings that cannot be used have been found above")
    configure_logs(runtime[BOT_LOG_LEVEL], secrets=surroundings.secrets)
    started = {"version": __version__, "mode": settings.mode, "product_id": settings.product_id}
    logging.getLogger(__name__).info("starting", extra={"fields": started})
    return asyncio.run(serve(settings, surroundings, warnings))


def _surroundings(settings: Settings, runtime: Mapping[str, Any], problems: Problems) -> Surroundings:
    secrets = {
        "SLACK_WEBHOOK_FILE": (BY_KEY["SLACK_WEBHOOK"], settings.slack_webhook_file),
        "BRIDGE_TOKEN_FILE": (BRIDGE_TOKEN, settings.bridge_token_file),
        "CONTROL_TOKEN_FILE": (CONTROL_TOKEN, settings.control_token_file),
    }
    held: dict[str, str] = {}
    for key, (setting, path) in secrets.items():
        if path is not None:
            with problems.collected():
                held[key] = read_secret(setting, path, key)
    if settings.bridge_token and settings.bridge_token_file:
        problems.found.append(BadSetting("BRIDGE_TOKEN_FILE", "***", "only one of BRIDGE_TOKEN and BRIDGE_TOKEN_FILE"))
    slack_webhook = held.get("SLACK_WEBHOOK_FILE", settings.slack_webhook)
    slack_proxy = None
    if slack_webhook:
        with problems.collected():
            slack_proxy = proxy_for(slack_webhook, os.environ)
    return Surroundings(
        host=runtime.get(BOT_HOST, ""),
        bot=runtime.get(BOT_NAME) or "",
        namespace=runtime.get(POD_NAMESPACE) or "",
        venue=runtime.get(BOT_VENUE) or settings.bridge_url,
        bridge_token=held.get("BRIDGE_TOKEN_FILE", settings.bridge_token),
        control_token=held.get("CONTROL_TOKEN_FILE"),
        slack_webhook=slack_webhook,
        slack_proxy=slack_proxy,
    )
