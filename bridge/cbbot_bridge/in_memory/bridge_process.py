"""One process of the bridge: the real one, from its HTTP application to its client of Coinbase."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple
from urllib.parse import urlencode

from starlette.types import Message

from cbbot.soak.exchange_side import Faults
from cbbot.soak.simulated_processes import SimulatedProcess
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.bridge_app import create_app
from cbbot_bridge.bridge_settings import BridgeSettings, load_settings
from cbbot_bridge.coinbase.retry import RetryPolicy
from cbbot_bridge.in_memory.direct_calls import BridgeAnswer, DirectCalls
from cbbot_bridge.in_memory.disturbed_venue import DisturbedVenue
from cbbot_bridge.in_memory.stoppage import Stoppage
from cbbot_bridge.in_memory.venue_network import VenueNetwork
from cbbot_bridge.machine_clocks import MachineClocks

__all__ = ["BridgeProcess", "BridgeRequest", "in_memory_settings"]

_JSON: Final = (b"content-type", b"application/json")
_POLL_SECONDS: Final = 5.0
"""Between two reads of a price; the bridge has no stream here."""


class BridgeRequest(NamedTuple):
    """A request as it arrives. Names of ``headers`` are in small letters."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: bytes


def in_memory_settings(token: str) -> BridgeSettings:
    """Those of a bridge before the venue, which asks for no signature."""
    environment = {
        "COINBASE_API_BASE": "http://127.0.0.1:1",
        "COINBASE_AUTH": "none",
        "COINBASE_WS_ENABLE": "false",
    }
    return replace(load_settings(environment), token=token)


class BridgeProcess:
    """It remembers nothing of the one before it."""

    def __init__(
        self,
        settings: BridgeSettings,
        venue: DisturbedVenue,
        faults: Faults,
        dice: random.Random,
        clocks: MachineClocks,
        on_death: Callable[[], None],
    ) -> None:
        self.process = SimulatedProcess("bridge", on_death)
        self.stoppage = Stoppage(clocks.monotonic)
        self._bridge = Bridge(
            settings,
            exchange=VenueNetwork(venue, self.process, self.stoppage, faults, dice),
            retry=RetryPolicy(uniform=dice.random),
            clocks=clocks,
            poll_seconds=_POLL_SECONDS,
        )
        self._app = create_app(self._bridge)
        self._direct = DirectCalls(self._bridge, self._app)
        self.process.spawn(self._background())

    async def _background(self) -> None:
        async with self._bridge.running():
            await asyncio.Event().wait()

    async def answer(self, request: BridgeRequest) -> BridgeAnswer:
        """What it says to a request."""
        answer = await self._direct.answer(*request)
        return answer or await self.answer_over_asgi(request)

    async def answer_over_asgi(self, request: BridgeRequest) -> BridgeAnswer:
        """What the whole application says to a request."""
        method, path, query, headers, content = request
        call = _Call(content)
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": urlencode(query).encode(),
            "headers": [_JSON, *((name.encode(), value.encode()) for name, value in headers.items())],
            "client": ("127.0.0.1", 1),
            "server": ("bridge", 80),
            "scheme": "http",
            "root_path": "",
            "state": {},
        }
        await self._app(scope, call.receive, call.send)
        return BridgeAnswer(call.status, bytes(call.body))


class _Call:
    """One request as ASGI has it."""

    def __init__(self, content: bytes) -> None:
        self._content: bytes | None = content
        self.status = 0
        self.body = bytearray()

    async def receive(self) -> Message:
        content, self._content = self._content, None
        if content is not None:
            return {"type": "http.request", "body": content, "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError("a task that is no longer wanted is canceled")

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.body += message.get("body", b"")
