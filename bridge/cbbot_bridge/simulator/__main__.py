"""``python -m cbbot_bridge.simulator``: read settings, build the world, serve until told to stop.

The first line on stdout is ``{"event": "listening", "host": ..., "port": ...}``, once requests are
answered; logs go to stderr. SIGTERM, SIGINT and SIGHUP end it with 0, bad input with 2.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType

from cbbot.domain.timestamps import rfc3339_ms
from cbbot.errors import BadInput
from cbbot.process.http_server import HttpServer, listening_socket, log_listening
from cbbot.process.json_logs import configure_logs
from cbbot.process.stop_signals import heeded_signals
from cbbot_bridge.simulator.auth import Signatures
from cbbot_bridge.simulator.command_line import parse_arguments
from cbbot_bridge.simulator.fault_gate import HttpProtocol
from cbbot_bridge.simulator.simulator_app import build_app
from cbbot_bridge.simulator.simulator_settings import SimulatorSettings
from cbbot_bridge.simulator.state_file import StateFile, read_state
from cbbot_bridge.simulator.world import World, build_world

__all__ = ["main"]

_LOG = logging.getLogger(__name__)
_GRACE_SECONDS = 2


def _log_listening(world: World, listener: socket.socket) -> None:
    log_listening(
        listener,
        now=rfc3339_ms(world.now_ms()),
        speed=world.settings.speed,
        product_id=world.main.market_id,
        candles=len(world.main.tape.series),
        source=world.main.source,
        products=list(world.exchange.products),
    )


def _leave(_signal: int, _frame: FrameType | None) -> None:
    """Before and after the server runs there is nothing to save: the account is in the file."""
    sys.exit(0)


async def _serve(settings: SimulatorSettings) -> None:
    world = build_world(settings, read_state(settings.state))
    signatures = Signatures(settings.keys, settings.unsigned)
    state_file = StateFile(world, settings.state)
    listener = listening_socket(settings.host, settings.port, host_name="--host", port_name="--port")
    server = HttpServer(
        build_app(world, state_file, signatures),
        lambda bound: _log_listening(world, bound),
        grace_seconds=_GRACE_SECONDS,
        stopping=lambda: _LOG.info("stopping"),
        http=HttpProtocol,
        ws="websockets-sansio",
        lifespan="on",
    )
    with listener:
        await server.serve(sockets=[listener])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a simulator; the exit code."""
    for number in heeded_signals():
        signal.signal(number, _leave)
    configure_logs()
    try:
        asyncio.run(_serve(parse_arguments(sys.argv[1:] if arguments is None else arguments)))
    except BadInput as error:
        sys.stderr.write("".join(f"simulator: {line}\n" for line in error.reasons))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
