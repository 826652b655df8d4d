"""A bridge and an exchange in memory for tests: faults that are planned by hand, and a market that swings."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Final, TypeVar

import httpx

from cbbot.brokers.bridge_client import BridgeClient, OrderOutcome
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.soak.exchange_side import ExchangeSettings, Fault
from cbbot.soak.virtual_loop import VirtualLoop
from cbbot_bridge.in_memory.in_memory_exchange import InMemoryExchange, exchange_side

__all__ = ["START", "TOKEN", "InMemoryWorld", "PlannedFaults", "in_memory", "settings_of"]

T = TypeVar("T")
TOKEN: Final = "soak"
START: Final = 1_750_000_020
PRICE: Final = 5_000_000
HISTORY: Final = 60
MINUTES: Final = 300


class PlannedFaults:
    """``plan`` is what happens where, in order; ``met`` what has happened."""

    def __init__(self) -> None:
        self.plan: dict[str, list[Fault]] = {}
        self.met: list[tuple[str, str]] = []
        self.passed: list[str] = []

    def next(self, site: str, *faults: Fault) -> None:
        self.plan.setdefault(site, []).extend(faults)

    def at(self, site: str) -> Fault | None:
        self.passed.append(site)
        due = self.plan.get(site)
        if not due:
            return None
        fault = due.pop(0)
        self.met.append((site, fault.kind))
        return fault


class Noted:
    """The event log as a digest."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def note(self, what: str, **fields: object) -> None:
        self._digest.update(f"{what} {sorted(fields.items())}\n".encode())

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()


def candles() -> Iterator[Candle]:
    """Every minute swings by a half percent around one price."""
    for index in range(HISTORY + MINUTES):
        yield Candle(START + 60 * index, PRICE, PRICE + 12_500, PRICE - 12_500, PRICE, 10**9)


def settings_of(seed: int = 1) -> ExchangeSettings:
    return ExchangeSettings(
        seed=seed,
        instrument=BTC_USD,
        start_ms=(START + 60 * HISTORY) * 1000,
        candles=list(candles()),
        base=Decimal(100),
        quote=Decimal(1_000_000),
        fee_rate_pct=Decimal("0.6"),
        token=TOKEN,
    )


class InMemoryWorld:
    """One exchange side, and a bot's client of it."""

    def __init__(self, loop: VirtualLoop, seed: int) -> None:
        self.loop = loop
        self.faults, self.noted = PlannedFaults(), Noted()
        self.side: InMemoryExchange = exchange_side(settings_of(seed), self.faults, self.noted)
        self.side.start_bridge()
        self.http = self.side.connect()
        self.client = BridgeClient("http://bridge", TOKEN, http=self.http)
        self.client.identify("btc", 7)

    async def buy(self, client_order_id: str, quote: str = "100") -> OrderOutcome:
        body = {"client_order_id": client_order_id, "product_id": "BTC-USD", "side": "BUY", "quote_size": quote}
        return await self.client.post_order(body)

    async def post(self, body: dict[str, str]) -> httpx.Response:
        return await self.http.post("/order/market", json=body, timeout=httpx.Timeout(60.0))

    def orders(self, client_order_id: str) -> int:
        """How many orders the exchange has under an id."""
        return sum(name == client_order_id for name in self.side.books().orders)


@contextmanager
def _closed(loop: VirtualLoop) -> Iterator[None]:
    try:
        yield
    finally:
        loop.close()


def in_memory(act: Callable[[InMemoryWorld], Awaitable[T]], seed: int = 1) -> T:
    """What ``act`` makes of a world of its own; nothing in it may fail unseen."""
    loop = VirtualLoop()  # type: ignore[abstract]  # it has of a loop what a simulation needs

    async def run() -> T:
        world = InMemoryWorld(loop, seed)
        # The bridge has run for a minute: an order of the process before it would be visible by now.
        await asyncio.sleep(60)
        try:
            found = await act(world)
            failures = list(loop.failures)
        finally:
            world.side.bury()
        assert failures == []
        return found

    with _closed(loop):
        return loop.run_until_complete(run())
