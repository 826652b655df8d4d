"""The way from the bridge to the exchange: latencies, and the ends that a request may have without an answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping

from cbbot_bridge.coinbase.http_exchange import ConnectionBroke, HttpAnswer, NoAnswer, NotSent, Pool
from cbbot_bridge.in_memory.bridge_life import BridgeLife
from cbbot_bridge.in_memory.in_memory_venue import InMemoryVenue

__all__ = ["VenueNetwork", "drawn_latency"]

_SHORTEST_SECONDS = 0.005
_LONGEST_SECONDS = 2.0


def drawn_latency(dice: random.Random) -> float:
    """A way's time in seconds: 5 ms to 2 s, mostly short."""
    return float(_SHORTEST_SECONDS * (_LONGEST_SECONDS / _SHORTEST_SECONDS) ** (dice.random() ** 3))


class VenueNetwork:
    """The port to HTTP of one process of the bridge's. What has left arrives, whatever becomes of the sender.

    ``reachable`` is asked of each request: method and URL.
    """

    def __init__(
        self,
        venue: InMemoryVenue,
        life: BridgeLife,
        dice: random.Random,
        reachable: Callable[[str, str], bool],
    ) -> None:
        self._venue = venue
        self._life = life
        self._dice = dice
        self._reachable = reachable

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
        await self._life.awake()
        if not self._reachable(method, url):
            raise NotSent("unreachable")
        loop, venue = asyncio.get_running_loop(), self._venue
        arrived: asyncio.Future[HttpAnswer | None] = loop.create_future()
        flight = _Flight(self._life, arrived, drawn_latency(self._dice) + self._life.lag_seconds)
        way = drawn_latency(self._dice) + self._life.lag_seconds
        loop.call_later(way, flight.arrive, venue, method, url, content, context=venue.context)
        try:
            async with asyncio.timeout(seconds):
                answer = await arrived
        except TimeoutError as error:
            raise NoAnswer("TimeoutError") from error
        if answer is None:
            raise ConnectionBroke("cut")
        return answer

    async def close(self) -> None:
        """There is nothing to close."""


class _Flight:
    """A request on its way, at the exchange, and its answer on the way back."""

    def __init__(self, life: BridgeLife, arrived: asyncio.Future[HttpAnswer | None], back_seconds: float) -> None:
        self._life = life
        self._arrived = arrived
        self._back_seconds = back_seconds
        self._serving: asyncio.Task[None] | None = None

    def arrive(self, venue: InMemoryVenue, method: str, url: str, content: bytes | None) -> None:
        loop = asyncio.get_running_loop()
        self._serving = loop.create_task(self._serve(venue, method, url, content), context=venue.context)

    async def _serve(self, venue: InMemoryVenue, method: str, url: str, content: bytes | None) -> None:
        answer = await venue.answer(method, url, content)
        asyncio.get_running_loop().call_later(self._back_seconds, self._life.when_awake, lambda: self._deliver(answer))

    def _deliver(self, answer: HttpAnswer | None) -> None:
        if not self._arrived.done():
            self._arrived.set_result(answer)
