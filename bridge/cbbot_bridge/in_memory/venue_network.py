"""The way from the bridge to the exchange: latencies, and the ends that a request may have without an answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from urllib.parse import urlsplit

from cbbot.soak.exchange_side import Fault, Faults
from cbbot.soak.simulated_processes import SimulatedProcess
from cbbot_bridge.coinbase.http_exchange import ConnectionBroke, HttpAnswer, NoAnswer, NotSent, Pool
from cbbot_bridge.in_memory.disturbed_venue import DisturbedVenue
from cbbot_bridge.in_memory.stoppage import Stoppage
from cbbot_bridge.in_memory.venue_sites import UNREACHABLE, site_of

__all__ = ["VenueNetwork", "drawn_latency"]

_SHORTEST_SECONDS = 0.005
_LONGEST_SECONDS = 2.0


def drawn_latency(dice: random.Random) -> float:
    """How long one way takes in seconds: 5 ms to 2 s, mostly a few hundredths."""
    return float(_SHORTEST_SECONDS * (_LONGEST_SECONDS / _SHORTEST_SECONDS) ** (dice.random() ** 4))


class VenueNetwork:
    """The port to HTTP of one process of the bridge's. What has left arrives, whatever becomes of the sender."""

    def __init__(
        self,
        venue: DisturbedVenue,
        process: SimulatedProcess,
        stoppage: Stoppage,
        faults: Faults,
        dice: random.Random,
    ) -> None:
        self._venue = venue
        self._process = process
        self._stoppage = stoppage
        self._faults = faults
        self._dice = dice

    async def send(
        self,
        pool: Pool,  # noqa: ARG002  no connections are kept
        method: str,
        url: str,
        headers: Mapping[str, str],  # noqa: ARG002  the venue asks for no signature
        content: bytes | None,
        seconds: float,
    ) -> HttpAnswer:
        """As the port says."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[HttpAnswer | None] = loop.create_future()
        if not self._process.alive:
            # The one step that was under way when the process ended: nothing leaves, and nothing comes after it.
            await answered
        site = site_of(method, urlsplit(url).path)
        fault = self._faults.at(site) if site else None
        if fault is not None and fault.kind == UNREACHABLE:
            raise NotSent("no connection")
        flight = _Flight(self._venue, self._stoppage, answered, drawn_latency(self._dice))
        way = drawn_latency(self._dice) + self._stoppage.seconds_left()
        loop.call_later(way, flight.arrive, method, url, content, site, fault, context=self._venue.context)
        late = loop.call_later(seconds, _expire, answered)
        try:
            answer = await answered
        finally:
            late.cancel()
        if answer is None:
            raise ConnectionBroke("cut")
        return answer

    async def close(self) -> None:
        """There is nothing to close."""


def _expire(answered: asyncio.Future[HttpAnswer | None]) -> None:
    if not answered.done():
        answered.set_exception(NoAnswer("TimeoutError"))


class _Flight:
    """A request on its way, at the exchange, and its answer on the way back."""

    __slots__ = ("_answered", "_back_seconds", "_serving", "_stoppage", "_venue")

    def __init__(
        self,
        venue: DisturbedVenue,
        stoppage: Stoppage,
        answered: asyncio.Future[HttpAnswer | None],
        back_seconds: float,
    ) -> None:
        self._venue = venue
        self._stoppage = stoppage
        self._answered = answered
        self._back_seconds = back_seconds
        self._serving: asyncio.Task[None] | None = None

    def arrive(self, method: str, url: str, content: bytes | None, site: str, fault: Fault | None) -> None:
        work = self._serve(method, url, content, site, fault)
        self._serving = asyncio.get_running_loop().create_task(work, context=self._venue.context)

    async def _serve(self, method: str, url: str, content: bytes | None, site: str, fault: Fault | None) -> None:
        answer = await self._venue.answer(method, url, content, site, fault)
        back = self._back_seconds + self._stoppage.seconds_left()
        asyncio.get_running_loop().call_later(back, self._deliver, answer)

    def _deliver(self, answer: HttpAnswer | None) -> None:
        if not self._answered.done():
            self._answered.set_result(answer)
