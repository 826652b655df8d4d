"""A simulator from its settings to its end, whoever has started it."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from pathlib import Path

from cbbot.process.http_server import HttpServer
from cbbot.process.listening_socket import listening_socket
from cbbot_bridge.simulator.auth import Signatures
from cbbot_bridge.simulator.fault_gate import CuttableConnection
from cbbot_bridge.simulator.simulator_app import build_app
from cbbot_bridge.simulator.simulator_settings import SimulatorSettings
from cbbot_bridge.simulator.state_file import StateFile, held_state, not_written, read_state
from cbbot_bridge.simulator.world import World, build_world

__all__ = ["run_simulator"]

_LOG = logging.getLogger(__name__)
_GRACE_SECONDS = 2


async def run_simulator(settings: SimulatorSettings, listening: Callable[[World, socket.socket], None]) -> None:
    """Serve until a signal. ``listening`` is called once requests are answered.

    Raises:
        BadInput: candles or state cannot be used, the state not be written, or the address not be had.
    """
    with held_state(settings.state):
        await _run(settings, listening)


async def _run(settings: SimulatorSettings, listening: Callable[[World, socket.socket], None]) -> None:
    world = build_world(settings, read_state(settings.state))
    signatures = Signatures(world.clock, settings.keys, settings.unsigned)
    state_file = StateFile(world, settings.state)
    listener = listening_socket(settings.host, settings.port, host_name="--host", port_name="--port")
    server = HttpServer(
        build_app(world, state_file, signatures),
        lambda bound: listening(world, bound),
        grace_seconds=_GRACE_SECONDS,
        stopping=lambda: _LOG.info("stopping"),
        any_host=True,  # clients may be made to find Coinbase's own name here
        connection=CuttableConnection,
        ws="websockets-sansio",
        lifespan="on",
    )
    with listener:
        await _save_first(state_file, settings.state)
        await server.serve(sockets=[listener])


async def _save_first(state_file: StateFile, path: Path | None) -> None:
    """Before anybody is served, so that a file that cannot be written is told at once."""
    try:
        await state_file.save()
    except OSError as error:
        raise not_written(path, error) from error
