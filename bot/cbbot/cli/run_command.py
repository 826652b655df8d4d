"""``cbbot run``: the live loop, on paper or with real orders."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from cbbot import __version__
from cbbot.cli.serve import Surroundings, serve
from cbbot.cli.sources import gathered, secret_in
from cbbot.contract import runtime_env
from cbbot.contract.settings import Settings, live_requirements, load
from cbbot.contract.settings_table import BY_KEY
from cbbot.errors import BadInput
from cbbot.process.json_logs import configure_logs

__all__ = ["run"]

_LEVELS = ("debug", "info", "warning", "error")


def run(
    env: Annotated[
        Path | None, typer.Option("--env", metavar="FILE", help="A bot.env; the environment wins over it.")
    ] = None,
    assigned: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting; wins over everything. May be repeated."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Address to listen on. [default: $BOT_HOST, else 0.0.0.0]")
    ] = None,
) -> int:
    """Trade until stopped: Ctrl-C or SIGTERM waits for orders in flight, saves, and goes.

    Listens on PORT; prints {"event": "listening", "port": N} on stdout. Logs go to stderr.
    """
    level = os.environ.get(runtime_env.BOT_LOG_LEVEL, "").strip().lower() or "info"
    if level not in _LEVELS:
        raise BadInput(f"{runtime_env.BOT_LOG_LEVEL}={level!r} is not accepted: one of {', '.join(_LEVELS)}")
    values, warnings = gathered(env, assigned or (), os.environ)
    settings = load(values)
    missing = live_requirements(settings)
    if missing:
        raise BadInput("; ".join(missing))
    surroundings = _surroundings(settings, host)
    configure_logs(level)
    started = {"version": __version__, "mode": settings.mode, "product_id": settings.product_id}
    logging.getLogger(__name__).info("starting", extra={"fields": started})
    return asyncio.run(serve(settings, surroundings, warnings))


def _surroundings(settings: Settings, host: str | None) -> Surroundings:
    environment = os.environ
    mounted = secret_in(settings.slack_webhook_file, "SLACK_WEBHOOK_FILE")
    webhook = BY_KEY["SLACK_WEBHOOK"].parse(mounted) if mounted else settings.slack_webhook
    return Surroundings(
        host=host or environment.get(runtime_env.BOT_HOST, "").strip() or runtime_env.DEFAULT_HOST,
        bot=environment.get(runtime_env.BOT_NAME, "").strip(),
        namespace=environment.get(runtime_env.POD_NAMESPACE, "").strip(),
        venue=environment.get(runtime_env.BOT_VENUE, "").strip() or settings.bridge_url,
        bridge_token=secret_in(settings.bridge_token_file, "BRIDGE_TOKEN_FILE"),
        control_token=secret_in(settings.control_token_file, "CONTROL_TOKEN_FILE"),
        slack_webhook=webhook,
    )
