"""``python -m cbbot_bridge.simulator``: read settings, build the world, serve until told to stop.

The first line on stdout is ``{"event": "listening", "host": ..., "port": ...}``, once requests are
answered; logs go to stderr. SIGTERM and SIGINT end it with 0, bad input with 2.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType

import uvicorn

from cbbot.errors import BadInput
from cbbot.venue.wire import time_text
from cbbot_bridge.simulator.auth import Signatures
from cbbot_bridge.simulator.command_line import parse_arguments
from cbbot_bridge.simulator.log_lines import write_json_lines
from cbbot_bridge.simulator.simulator_app import build_app
from cbbot_bridge.simulator.simulator_settings import SimulatorSettings
from cbbot_bridge.simulator.state_file import StateKeeper, read_state
from cbbot_bridge.simulator.world import World, build_world

__all__ = ["main"]

_GRACE_SECONDS = 2


class _Server(uvicorn.Server):
    """A server that says where it listens once it does."""

    def __init__(self, config: uvicorn.Config, world: World) -> None:
        super().__init__(config)
        self._world = world

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.started or not sockets:
            return
        host, port = sockets[0].getsockname()[:2]
        settings, now_ms = self._world.settings, self._world.now_ms()
        line = {
            "event": "listening",
            "host": host,
            "port": port,
            "now": time_text(now_ms),
            "speed": settings.speed,
            "product_id": settings.instrument.product_id,
            "candles": len(self._world.tape.series),
            "source": f"walk {settings.walk}" if settings.walk is not None else settings.csv.name,
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    """Before and after the server runs there is nothing to save: the books are in the file."""
    sys.exit(0)


def _listen(settings: SimulatorSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        where = f"{settings.host} port {settings.port}"
        raise BadInput(f"cannot listen on {where}: {error.strerror or error}; --port 0 picks a free one") from error
    # Accepted sockets inherit it. asyncio sets it only where it made the listener itself, and without it an
    # answer's second packet waits 40 ms for the customer's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def _serve(settings: SimulatorSettings) -> None:
    world = build_world(settings, read_state(settings.state))
    signatures = Signatures(settings.key_name, settings.public_key)
    keeper = StateKeeper(world, settings.state)
    listener = _listen(settings)
    config = uvicorn.Config(
        build_app(world, keeper, signatures),
        ws="websockets-sansio",
        lifespan="on",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    await _Server(config, world).serve(sockets=[listener])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a simulator; the exit code."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    write_json_lines()
    try:
        asyncio.run(_serve(parse_arguments(sys.argv[1:] if arguments is None else arguments)))
    except BadInput as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
