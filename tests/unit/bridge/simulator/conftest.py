"""Simulators in this process on ports of their own, their clocks stopped, on candles that fit on a page."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from cbbot.process.listening_socket import listening_socket
from cbbot_bridge.simulator.auth import Signatures
from cbbot_bridge.simulator.command_line import parse_arguments
from cbbot_bridge.simulator.fault_gate import CuttableConnection
from cbbot_bridge.simulator.simulator_app import build_app
from cbbot_bridge.simulator.state_file import StateFile, read_state
from cbbot_bridge.simulator.stream_pace import Pace
from cbbot_bridge.simulator.world import build_world

Simulate = Callable[..., AbstractContextManager[httpx.Client]]

# A whole hour, so that longer candles begin with the file. Minute 3 is missing.
START = 1_757_142_000


@pytest.fixture(scope="session")
def candle_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten candles, one minute missing among them; seven are history."""
    rows = ["time,open,high,low,close,volume"]
    for minute in (0, 1, 2, 4, 5, 6, 7, 8, 9, 10):
        price = 100_000 + minute * 10
        rows.append(f"{START + minute * 60},{price},{price + 8},{price - 4.5},{price + 5},1.2")
    path = tmp_path_factory.mktemp("simulator") / "candles.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answering = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answering.set()


@pytest.fixture(scope="session")
def simulate(candle_csv: Path) -> Simulate:
    """Starts simulators: ``with simulate("--balance", "USD=5") as client``. The clock is stopped unless told."""

    @contextmanager
    def start(*arguments: str, pace: Pace | None = None) -> Iterator[httpx.Client]:
        settings = parse_arguments(["--speed", "0", "--csv", str(candle_csv), *arguments])
        world = build_world(settings, read_state(settings.state))
        signatures = Signatures(world.clock, settings.keys, settings.unsigned)
        app = build_app(world, StateFile(world, settings.state), signatures, pace)
        config = uvicorn.Config(app, http=CuttableConnection, ws="websockets-sansio", lifespan="on", log_config=None)
        # A request that a fault holds up is given up at the end of its test.
        config.timeout_graceful_shutdown = 1
        server = _Server(config)
        # As of the product: without TCP_NODELAY every answer waits 40 ms for the client's acknowledgement.
        listener = listening_socket("127.0.0.1", 0, host_name="--host", port_name="--port")
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert server.answering.wait(10)
            with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=10) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(10)
            listener.close()
        assert not thread.is_alive()

    return start


@pytest.fixture
def client(simulate: Simulate) -> Iterator[httpx.Client]:
    """A simulator with defaults."""
    with simulate() as running:
        yield running


@pytest.fixture(scope="session")
def unchanged(simulate: Simulate) -> Iterator[httpx.Client]:
    """One simulator for all tests that only look."""
    with simulate() as running:
        yield running
