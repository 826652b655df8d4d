"""The exchange of a simulation: the simulator's application on the loop's clock, called without a network between."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Message

from cbbot.soak.exchange_side import ExchangeSettings
from cbbot.venue.order_book import BookShape
from cbbot_bridge.coinbase.http_exchange import HttpAnswer
from cbbot_bridge.simulator.auth import Signatures
from cbbot_bridge.simulator.error_answers import ApiError, api_error_response
from cbbot_bridge.simulator.faults import API_ROOT, PendingFaults
from cbbot_bridge.simulator.replay_clock import SimulatedClock
from cbbot_bridge.simulator.simulated_market import market_of_candles
from cbbot_bridge.simulator.simulator_app import build_app
from cbbot_bridge.simulator.simulator_settings import MarketSettings, SimulatorSettings
from cbbot_bridge.simulator.state_file import StateFile
from cbbot_bridge.simulator.world import World, world_of_markets

__all__ = ["InMemoryVenue", "VenueClock", "in_memory_world"]

_PRINTS_PER_CANDLE: Final = 12
# A whole book costs more to make than it is worth: no order takes more than the first level.
_LEVELS: Final = 2
_CLIENT: Final = ("127.0.0.1", 1)


class VenueClock(SimulatedClock):
    """As fast as life, and set forward at will."""

    def __init__(self, start_ms: int, monotonic: Callable[[], float]) -> None:
        super().__init__(start_ms, 1.0, monotonic)

    def set_forward(self, seconds: float) -> None:
        """The venue shows another time from now on, and its market has gone on meanwhile."""
        self._anchor_ms += int(seconds * 1000)


def in_memory_world(settings: ExchangeSettings, clock: VenueClock) -> World:
    """The simulator's world with the market of ``settings``; after the last candle it begins anew, prices joined."""
    instrument = settings.instrument
    market = MarketSettings(instrument, csv=None)
    rate = settings.fee_rate_pct / 100
    simulator = SimulatorSettings(
        markets=(market,),
        speed=1.0,
        prints_per_candle=_PRINTS_PER_CANDLE,
        balances={instrument.base_currency: settings.base, instrument.quote_currency: settings.quote},
        taker_rate=rate,
        maker_rate=rate,
        book=BookShape(levels=_LEVELS),
        private_rate=0,
        public_rate=0,
        control=True,
    )
    played = market_of_candles(market, settings.candles, _PRINTS_PER_CANDLE, simulator.book)
    return world_of_markets(simulator, (played,), clock)


class InMemoryVenue:
    """``context`` is what the venue's own work runs in, so that it goes on whoever asked for it has ended."""

    def __init__(self, settings: ExchangeSettings, monotonic: Callable[[], float]) -> None:
        self.context = contextvars.copy_context()
        self.clock = VenueClock(settings.start_ms, monotonic)
        self.world = in_memory_world(settings, self.clock)
        self._app = build_app(self.world, StateFile(self.world, None), Signatures(self.clock))
        routes = [route for route in self._app.routes if isinstance(route, Route) and route.path.startswith(API_ROOT)]
        # A path that stands as it is comes before those with a parameter, as in the application.
        self._others = [route for route in routes if route.param_convertors]
        self._fixed = {
            (method, route.path): route
            for route in reversed(routes)
            if not route.param_convertors
            for method in route.methods or ()
        }
        self.faults: PendingFaults = self._app.state.faults

    async def answer(self, method: str, url: str, content: bytes | None) -> HttpAnswer | None:
        """What the exchange says to a request that has arrived; None where a fault cuts the connection."""
        parts = urlsplit(url)
        call = _Call(content or b"")
        scope: dict[str, Any] = {
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
        met = any(fault.meets(method, parts.path) for fault in self.faults.faults)
        if not met and not self.faults.pages:
            direct = await self._direct(scope, call)
            if direct is not None:
                return direct
        await self._app(scope, call.receive, call.send)
        return None if call.is_cut else HttpAnswer(call.status, bytes(call.body))

    async def _direct(self, scope: dict[str, Any], call: _Call) -> HttpAnswer | None:
        """What the endpoint of a request answers, without the way to it; None for a path that no endpoint has."""
        route, parameters = self._route(scope["method"], scope["path"])
        if route is None:
            return None
        request = _Request({**scope, "app": self._app, "path_params": parameters}, call.receive)
        try:
            response = await route.endpoint(request)
        except ApiError as error:
            response = await api_error_response(request, error)
        return HttpAnswer(response.status_code, bytes(response.body))

    def _route(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed, {}
        for route in self._others:
            if route.methods is not None and method in route.methods:
                found = route.path_regex.match(path)
                if found is not None:
                    return route, found.groupdict()
        return None, {}


class _Request(Request):
    """With a query that is read once, however often it is asked."""

    @property
    def query_params(self) -> QueryParams:
        return _query(self.scope["query_string"])


# Nothing changes what was read of a query.
_query: Final = lru_cache(maxsize=256)(QueryParams)


class _Call:
    """One request as ASGI has it, and the connection that a fault may cut."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.status = 0
        self.body = bytearray()
        self.is_cut = False

    def abort(self) -> None:
        self.is_cut = True

    async def receive(self) -> Message:
        if self.is_cut:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": self._content, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.body += message.get("body", b"")
