"""``python -m cbbot_bridge``: settings from the environment, then serve until SIGTERM or Ctrl-C.

Prints one line ``{"event": "listening", "port": N}`` on stdout once it answers; logs go to stderr.
Exit codes: 0 stopped, 1 failed, 2 settings that cannot be used.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn

from cbbot.errors import BadInput
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.bridge_app import create_app
from cbbot_bridge.bridge_settings import BridgeSettings, load_settings
from cbbot_bridge.logs import configure_logs

__all__ = ["main"]

_LOG = logging.getLogger("cbbot_bridge")

# Longer than the longest order request, so that a stop never turns an answer into "unknown".
_GRACE_SECONDS = 15
_BAD_INPUT = 2


class _Server(uvicorn.Server):
    """uvicorn that tells when it listens, and leaves signals to us (it would end with the signal's code)."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            line = {"event": "listening", "port": sockets[0].getsockname()[1]}
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        _LOG.info("stopping")
        self.should_exit = True


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
        listening = _listen(settings)
    except BadInput as error:
        sys.stderr.write(f"cbbot bridge: {error}\n")
        return _BAD_INPUT
    with listening:
        return asyncio.run(_serve(settings, listening))


def _listen(settings: BridgeSettings) -> socket.socket:
    """Binds before anything else starts, so that a taken port is found out at once."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise BadInput(f"BRIDGE_HOST={settings.host!r} is no address to listen on: {error.strerror}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        listening.close()
        reason = f"cannot listen on {settings.host} port {settings.port}: {error.strerror}"
        raise BadInput(f"{reason}; choose another PORT or BRIDGE_HOST") from error
    return listening


async def _serve(settings: BridgeSettings, listening: socket.socket) -> int:
    for warning in settings.warnings:
        _LOG.warning(warning)
    fields = {
        "venue": settings.api_base,
        "orders": "signed" if settings.signer else ("unsigned" if settings.unsigned else "no_credentials"),
        "websocket": settings.ws_url if settings.ws_enabled else "off",
        "token": "set" if settings.token else "none",
    }
    _LOG.info("starting", extra={"fields": fields})
    config = uvicorn.Config(
        create_app(Bridge(settings)),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config)
    await server.serve(sockets=[listening])
    _LOG.info("stopped")
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
