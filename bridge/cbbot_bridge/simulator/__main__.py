"""``python -m cbbot_bridge.simulator``: read settings, build the world, serve until told to stop.

The first line on stdout is ``{"event": "listening", "host": ..., "port": ...}``, once requests are
answered; logs go to stderr. SIGTERM, SIGINT and SIGHUP end it with 0, bad input with 2.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType

from cbbot.domain.timestamps import rfc3339_ms
from cbbot.errors import BadInput
from cbbot.process.http_server import log_listening
from cbbot.process.json_logs import configure_logs
from cbbot.process.stop_signals import heeded_signals
from cbbot_bridge.simulator.command_line import parse_arguments
from cbbot_bridge.simulator.simulator_run import run_simulator
from cbbot_bridge.simulator.world import World

__all__ = ["main"]


def _tell_listening(world: World, listener: socket.socket) -> None:
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a simulator; the exit code."""
    for number in heeded_signals():
        signal.signal(number, _leave)
    configure_logs()
    try:
        asyncio.run(run_simulator(parse_arguments(sys.argv[1:] if arguments is None else arguments), _tell_listening))
    except BadInput as error:
        sys.stderr.write("".join(f"simulator: {line}\n" for line in error.reasons))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
