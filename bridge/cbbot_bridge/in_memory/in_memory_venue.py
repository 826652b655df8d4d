"""The exchange of a simulation: the simulator's application, called without a network between."""

from __future__ import annotations

import contextvars
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Message

from cbbot.domain.instrument import BTC_USD, Instrument
from cbbot_bridge.coinbase.http_exchange import HttpAnswer
from cbbot_bridge.in_memory.lively_candles import lively_candles
from cbbot_bridge.simulator.auth import Signatures
from cbbot_bridge.simulator.faults import PendingFaults
from cbbot_bridge.simulator.replay_clock import SimulatedClock
from cbbot_bridge.simulator.simulated_market import market_of_candles
from cbbot_bridge.simulator.simulator_app import build_app
from cbbot_bridge.simulator.simulator_settings import MarketSettings, SimulatorSettings
from cbbot_bridge.simulator.state_file import StateFile
from cbbot_bridge.simulator.world import World, world_of_markets

__all__ = ["InMemoryVenue", "VenueClock", "lively_world"]

_FIRST_CANDLE: Final = 1_750_000_020  # a whole minute of June 2025
_FIRST_PRICE: Final = 10_000_000
_CLIENT: Final = ("127.0.0.1", 1)


class VenueClock(SimulatedClock):
    """As fast as life, and set forward at will."""

    def __init__(self, start_ms: int, monotonic: Callable[[], float]) -> None:
        super().__init__(start_ms, 1.0, monotonic)

    def set_forward(self, seconds: float) -> None:
        """The venue shows another time from now on, and its market has gone on meanwhile."""
        self._anchor_ms += int(seconds * 1000)


@dataclass(frozen=True, slots=True)
class WorldPlan:
    """How much history there is before the first moment, how much follows, and what the account opens with."""

    history: int
    minutes: int
    opening: Mapping[str, Decimal]
    prints_per_candle: int = 6
    instrument: Instrument = BTC_USD


def lively_world(dice: random.Random, plan: WorldPlan, monotonic: Callable[[], float]) -> World:
    """A world that begins after its history. Its market starts over when it is through, with prices joined."""
    market_settings = MarketSettings(plan.instrument, csv=None)
    settings = SimulatorSettings(
        markets=(market_settings,),
        speed=1.0,
        prints_per_candle=plan.prints_per_candle,
        balances=plan.opening,
        private_rate=0,
        public_rate=0,
        control=True,
    )
    candles = lively_candles(dice, plan.history + plan.minutes, _FIRST_CANDLE, _FIRST_PRICE)
    market = market_of_candles(market_settings, candles, plan.prints_per_candle, settings.book)
    start_ms = (_FIRST_CANDLE + plan.history * 60) * 1000
    return world_of_markets(settings, (market,), VenueClock(start_ms, monotonic))


class InMemoryVenue:
    """``context`` is what the venue's own tasks run in, so that they outlive whoever asked."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.context = contextvars.copy_context()
        app = build_app(world, StateFile(world, None), Signatures(world.clock))
        self.faults: PendingFaults = app.state.faults
        self._app = app

    @property
    def clock(self) -> VenueClock:
        clock = self.world.clock
        if not isinstance(clock, VenueClock):
            raise AssertionError("made by lively_world")
        return clock

    async def answer(self, method: str, url: str, content: bytes | None) -> HttpAnswer | None:
        """What the exchange says to a request that has arrived; None where a fault cuts the connection."""
        parts = urlsplit(url)
        call = _Call(content or b"")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [],
            "client": _CLIENT,
            "scheme": "http",
            "root_path": "",
            "state": {"connection": call},
        }
        await self._app(scope, call.receive, call.send)
        return None if call.cut else HttpAnswer(call.status, bytes(call.body))


class _Call:
    """One request as ASGI has it, and the connection that a fault may cut."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.status = 0
        self.body = bytearray()
        self.cut = False

    def abort(self) -> None:
        self.cut = True

    async def receive(self) -> Message:
        if self.cut:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": self._content, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.body += message.get("body", b"")


