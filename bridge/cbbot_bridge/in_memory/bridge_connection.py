"""The way from a bot to the bridge: what a bot's HTTP client sees of a bridge that is slow, gone, or dies under way."""

from __future__ import annotations

import asyncio
import contextvars
import json as json_text
import random
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final

import httpx

from cbbot.soak.exchange_side import Fault, Faults
from cbbot_bridge.in_memory.bridge_process import BridgeProcess, BridgeRequest
from cbbot_bridge.in_memory.direct_calls import BridgeAnswer
from cbbot_bridge.in_memory.venue_sites import late_effect_seconds

__all__ = ["BRIDGE_SITES", "BridgeConnection", "Running"]

Running = Callable[[], BridgeProcess | None]

_PREFIX: Final = "bot>bridge."
_ROUTES: Final = (
    *("GET time", "GET price", "GET candles", "GET exchange", "GET balance", "GET fees", "GET epoch"),
    *("GET orders", "GET order", "GET order_by_id", "POST order"),
)
_KINDS: Final = (
    *("refused", "reset_before", "reset_after", "timeout_before", "timeout_after"),
    *("slow", "late_effect", "frozen"),
)
BRIDGE_SITES: Final[Mapping[str, tuple[str, ...]]] = {_PREFIX + route: _KINDS for route in _ROUTES}
"""By the name of the place: every kind of fault that there is."""

_SHORTEST_SECONDS: Final = 0.0002
_SPREAD_SECONDS: Final = 0.004
_LONGEST_SECONDS: Final = 60.0


def _site_of(method: str, path: str) -> str:
    parts = path.split("/")
    name = "order_by_id" if method == "GET" and parts[1] == "order" and len(parts) > 2 else parts[1]
    return f"{_PREFIX}{method} {name}"


class BridgeConnection:
    """As :class:`cbbot.soak.exchange_side.BridgeRequests`. ``running`` tells the bridge that is there now."""

    def __init__(self, running: Running, faults: Faults, dice: random.Random, context: contextvars.Context) -> None:
        self._running = running
        self._faults = faults
        self._dice = dice
        self._context = context
        self.headers: MutableMapping[str, str] = {}
        self._under_way: dict[_Exchange, None] = {}

    async def get(self, url: str, *, params: Mapping[str, str] | None = None, timeout: httpx.Timeout) -> httpx.Response:  # noqa: ASYNC109  as httpx has it
        """As httpx."""
        return await self._ask("GET", url, params or {}, b"", timeout)

    async def post(self, url: str, *, json: Any, timeout: httpx.Timeout) -> httpx.Response:  # noqa: ASYNC109  as httpx has it
        """As httpx."""
        content = json_text.dumps(json, separators=(",", ":")).encode()
        return await self._ask("POST", url, {}, content, timeout)

    async def aclose(self) -> None:
        """There is nothing to close."""

    def reset(self) -> None:
        """The bridge is gone: whoever waits for it hears of it."""
        for exchange in list(self._under_way):
            exchange.fail(httpx.ReadError("the bridge was killed"))

    async def _ask(
        self, method: str, path: str, query: Mapping[str, str], content: bytes, limit: httpx.Timeout
    ) -> httpx.Response:
        fault = self._faults.at(_site_of(method, path))
        bridge = self._running()
        if bridge is None or not bridge.process.alive or (fault is not None and fault.kind == "refused"):
            raise httpx.ConnectError("connection refused")
        loop = asyncio.get_running_loop()
        exchange = _Exchange(bridge, loop, fault, self._way())
        self._under_way[exchange] = None
        expiry = loop.call_later(limit.read or _LONGEST_SECONDS, exchange.fail, httpx.ReadTimeout("no answer in time"))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = BridgeRequest(method, path, query, headers, content)
        if fault is not None and fault.kind == "frozen":
            bridge.stoppage.stop(min(max(fault.seconds, 1.0), _LONGEST_SECONDS))
        late = late_effect_seconds(fault) if fault is not None and fault.kind == "late_effect" else 0.0
        if fault is None or fault.kind not in ("reset_before", "timeout_before"):
            loop.call_later(self._way() + late, exchange.arrive, request, context=self._context)
        elif fault.kind == "reset_before":
            loop.call_later(self._way(), exchange.fail, httpx.ReadError("reset"))
        try:
            answer = await exchange.answered
        finally:
            expiry.cancel()
            del self._under_way[exchange]
            exchange.leave()
        return _Response(answer)

    def _way(self) -> float:
        return _SHORTEST_SECONDS + self._dice.random() * _SPREAD_SECONDS


class _Response(httpx.Response):
    """As much of a response as a bot looks at: making a whole one takes longer than the bridge to answer."""

    def __init__(self, answer: BridgeAnswer) -> None:
        self.status_code = answer.status
        self._bytes = answer.content

    @property
    def content(self) -> bytes:
        return self._bytes


class _Exchange:
    """A request and its answer."""

    __slots__ = ("_back_seconds", "_bridge", "_fault", "_serving", "answered")

    def __init__(
        self, bridge: BridgeProcess, loop: asyncio.AbstractEventLoop, fault: Fault | None, back_seconds: float
    ) -> None:
        self._bridge = bridge
        self._fault = fault
        self._back_seconds = back_seconds
        self._serving: asyncio.Task[None] | None = None
        self.answered: asyncio.Future[BridgeAnswer] = loop.create_future()

    def arrive(self, request: BridgeRequest) -> None:
        """At the bridge, if that is there still; it waits while the bridge stands still."""
        stands = self._bridge.stoppage.seconds_left()
        if stands and self._bridge.process.alive:
            asyncio.get_running_loop().call_later(stands, self.arrive, request)
        elif self._bridge.process.alive:
            serving = self._bridge.process.spawn(self._serve(request))
            # A read ends when whoever asked has gone; what changes something runs to its end.
            self._serving = serving if request.method == "GET" else None

    async def _serve(self, request: BridgeRequest) -> None:
        answer = await self._bridge.answer(request)
        loop, kind = asyncio.get_running_loop(), self._fault.kind if self._fault is not None else ""
        back = self._back_seconds + self._bridge.stoppage.seconds_left()
        if kind == "reset_after":
            loop.call_later(back, self.fail, httpx.ReadError("reset"))
        elif kind != "timeout_after":
            slow = min(self._fault.seconds, 9.0) if kind == "slow" and self._fault is not None else 0.0
            loop.call_later(back + slow, self._deliver, answer)

    def _deliver(self, answer: BridgeAnswer) -> None:
        if not self.answered.done():
            self.answered.set_result(answer)

    def fail(self, error: httpx.HTTPError) -> None:
        if not self.answered.done():
            self.answered.set_exception(error)
            # Seen: whoever asked may be dead, and then nobody looks at it.
            self.answered.exception()

    def leave(self) -> None:
        """Whoever asked waits no more."""
        if self._serving is not None and self._bridge.process.alive:
            self._serving.cancel()
