"""The bridge as a process: settings from the environment and perhaps a file, then serve until SIGTERM or Ctrl-C.

``python -m cbbot_bridge`` in containers; ``cbbot.cli`` loads :func:`bridge` by name for a person.

Prints one line ``{"event": "listening", "host": ..., "port": N}`` on stdout once it answers, with a ``metrics_port``
where there is one; logs go to stderr.
Exit codes: 0 stopped, 1 failed, 2 settings that cannot be used.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from prometheus_client import ProcessCollector
from starlette.types import ASGIApp

from cbbot.contract.bridge_settings_table import EXCHANGE_BY_KEY
from cbbot.contract.env_file import files_beside, parse_env_file
from cbbot.errors import BadInput
from cbbot.process.http_server import HttpServer, log_listening
from cbbot.process.json_logs import configure_logs
from cbbot.process.listening_socket import listening_socket
from cbbot.process.named_files import text_of
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.bridge_app import create_app
from cbbot_bridge.bridge_settings import BridgeSettings, load_settings
from cbbot_bridge.metrics_port import MetricsPort

__all__ = ["bridge", "run_bridge"]

_LOG = logging.getLogger("cbbot_bridge")

# Longer than the longest order request, so that a stop never turns an answer into "unknown".
_GRACE_SECONDS = 18
_BAD_INPUT = 2


def bridge(arguments: Sequence[str]) -> int:
    """``cbbot bridge``; the exit code."""
    return run_bridge(arguments, "cbbot bridge")


def run_bridge(arguments: Sequence[str] | None, program: str) -> int:
    """Serves until a signal; the exit code. ``program`` is what its help calls it."""
    parser = argparse.ArgumentParser(prog=program, description="cbbot's bridge to Coinbase: prices, orders, account.")
    parser.add_argument("--env", metavar="FILE", help="a bridge.env; the environment wins over it")
    parser.add_argument("--host", help="address to listen on (BRIDGE_HOST)")
    parser.add_argument("--port", help="port to listen on, 0 for a free one (PORT)")
    options = parser.parse_args(arguments)
    given = {"BRIDGE_HOST": options.host, "PORT": options.port}
    configure_logs()
    try:
        file = _settings_in(options.env)
        environment = file | {key: text for key, text in os.environ.items() if text.strip() or key not in file}
        environment |= {key: value for key, value in given.items() if value is not None}
        settings = load_settings(environment)
        # Bound before anything else starts, so that a taken port is found out at once.
        with contextlib.ExitStack() as bound:
            listeners = [bound.enter_context(each) for each in _listeners(settings)]
            opened = bound.pop_all()
    except BadInput as error:
        sys.stderr.write("".join(f"cbbot bridge: {line}\n" for line in error.reasons))
        return _BAD_INPUT
    configure_logs(secrets=filter(None, (settings.token, settings.api_proxy, settings.ws_proxy)))
    with opened:
        return asyncio.run(_serve(settings, listeners))


def _settings_in(name: str | None) -> dict[str, str]:
    if name is None:
        return {}
    path = Path(name)
    file = parse_env_file(text_of(path, "--env"), path.name, EXCHANGE_BY_KEY)
    if file.ignored:
        fields = {"keys": ", ".join(file.ignored)}
        _LOG.warning("keys that are not settings of the bridge were ignored", extra={"fields": fields})
    return files_beside(path.parent, file.values)


def _listeners(settings: BridgeSettings) -> Iterator[socket.socket]:
    """That of orders and everything else, then that of metrics alone where one is wanted."""
    wanted = {"PORT": settings.port, "BRIDGE_METRICS_PORT": settings.metrics_port}
    for name, port in wanted.items():
        if port is not None:
            yield listening_socket(settings.host, port, host_name="BRIDGE_HOST", port_name=name)


async def _serve(settings: BridgeSettings, listeners: list[socket.socket]) -> int:
    for warning in settings.warnings:
        _LOG.warning(warning)
    fields = {
        "venue": settings.api_base,
        "orders": "signed" if settings.signer else ("unsigned" if settings.unsigned else "no_credentials"),
        "websocket": settings.ws_url if settings.ws_enabled else "off",
        "token": "set" if settings.token else "none",
    }
    _LOG.info("starting", extra={"fields": fields})
    bridge = Bridge(settings)
    ProcessCollector(registry=bridge.metrics.registry)
    app: ASGIApp = create_app(bridge)
    announced: Callable[[socket.socket], None] = log_listening
    if len(listeners) > 1:
        metrics_port = listeners[1].getsockname()[1]
        announced = partial(log_listening, metrics_port=metrics_port)
        app = MetricsPort(app, metrics_port)
    # What is here now stays to the end. Each look of the garbage collector through all of it held every request up for
    # 70 ms.
    gc.collect()
    gc.freeze()
    server = HttpServer(
        app,
        announced,
        grace_seconds=_GRACE_SECONDS,
        stopping=lambda: _LOG.info("stopping"),
    )
    await server.serve(sockets=listeners)
    _LOG.info("stopped")
    return 0 if server.started else 1
