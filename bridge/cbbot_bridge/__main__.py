"""``python -m cbbot_bridge``: settings from the environment, then serve until SIGTERM or Ctrl-C.

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
from collections.abc import Callable, Iterator
from functools import partial

from prometheus_client import ProcessCollector
from starlette.types import ASGIApp

from cbbot.contract.secret_keys import SECRET_KEYS
from cbbot.errors import BadInput
from cbbot.process.http_server import HttpServer, log_listening
from cbbot.process.json_logs import configure_logs
from cbbot.process.listening_socket import listening_socket
from cbbot.process.secret_environment import hide_secrets
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.bridge_app import create_app
from cbbot_bridge.bridge_settings import BridgeSettings, load_settings
from cbbot_bridge.metrics_port import MetricsPort

__all__ = ["main"]

_LOG = logging.getLogger("cbbot_bridge")

# Longer than the longest order request, so that a stop never turns an answer into "unknown".
_GRACE_SECONDS = 18
_BAD_INPUT = 2


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cbbot_bridge", description="cbbot's bridge to Coinbase")
    parser.add_argument("--host", help="address to listen on (BRIDGE_HOST)")
    parser.add_argument("--port", help="port to listen on, 0 for a free one (PORT)")
    options = parser.parse_args(arguments)
    given = {"BRIDGE_HOST": options.host, "PORT": options.port}
    environment = {**os.environ, **{key: value for key, value in given.items() if value is not None}}
    configure_logs()
    try:
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


if __name__ == "__main__":
    hide_secrets(SECRET_KEYS)
    sys.exit(main())
