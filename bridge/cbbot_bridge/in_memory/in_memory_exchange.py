"""Bridge and venue of a simulated world, as ``cbbot.soak.exchange_side`` wants them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from decimal import Decimal

from cbbot.domain.order import Side
from cbbot.soak.exchange_side import (
    BookedOrder,
    Books,
    BridgeRequests,
    ExchangeSettings,
    Faults,
    Happenings,
)
from cbbot.soak.simulated_processes import SimulatedProcess
from cbbot.venue.venue_order import Order
from cbbot_bridge.in_memory.bridge_connection import BRIDGE_SITES, BridgeConnection
from cbbot_bridge.in_memory.bridge_process import BridgeProcess, in_memory_settings
from cbbot_bridge.in_memory.disturbed_venue import DisturbedVenue
from cbbot_bridge.in_memory.exchange_changes import HAND, ExchangeChanges, all_changes
from cbbot_bridge.in_memory.in_memory_venue import InMemoryVenue
from cbbot_bridge.in_memory.venue_sites import VENUE_SITES
from cbbot_bridge.machine_clocks import MachineClocks

__all__ = ["InMemoryExchange", "exchange_side"]


def exchange_side(settings: ExchangeSettings, faults: Faults, happenings: Happenings) -> InMemoryExchange:
    """Made with the loop running, before any process of the world."""
    return InMemoryExchange(settings, faults, happenings)


class InMemoryExchange:
    """As :class:`cbbot.soak.exchange_side.ExchangeSide`."""

    def __init__(self, settings: ExchangeSettings, faults: Faults, happenings: Happenings) -> None:
        loop = asyncio.get_running_loop()
        start = settings.start_ms / 1000 - loop.time()
        self._instrument = settings.instrument
        self._faults = faults
        self._note = happenings.note
        # Draws of their own, so that one more of one kind changes none of the other.
        self._ways = random.Random(f"{settings.seed} ways")  # noqa: S311  a simulation's, nothing secret
        self._bridge_dice = random.Random(f"{settings.seed} bridge")  # noqa: S311  as above
        self._ahead = 0.0
        self._clocks = MachineClocks(loop.time, lambda: start + loop.time() + self._ahead)
        self._bridge_settings = in_memory_settings(settings.token)
        self._venue = InMemoryVenue(settings, loop.time)
        self._disturbed = DisturbedVenue(self._venue, happenings)
        self._changes = ExchangeChanges(self._disturbed, settings.instrument)
        self._bridge: BridgeProcess | None = None
        self._connections: list[BridgeConnection] = []
        self._processes: list[SimulatedProcess] = []
        self._books: Books | None = None
        self._entries: dict[str, tuple[Order, BookedOrder]] = {}

    @property
    def sites(self) -> Mapping[str, tuple[str, ...]]:
        return {**BRIDGE_SITES, **VENUE_SITES}

    @property
    def changes(self) -> tuple[str, ...]:
        return all_changes()

    def connect(self) -> BridgeRequests:
        """A new client's connection."""
        connection = BridgeConnection(lambda: self._bridge, self._faults, self._ways, self._venue.context)
        self._connections.append(connection)
        return connection

    def start_bridge(self) -> None:
        """A new bridge, if none runs."""
        if self._bridge is None:
            self._bridge = self._new_bridge()
            self._processes.append(self._bridge.process)
            self._note("bridge.started")

    def _new_bridge(self) -> BridgeProcess:
        return BridgeProcess(
            self._bridge_settings, self._disturbed, self._faults, self._bridge_dice, self._clocks, self._bridge_died
        )

    @property
    def bridge(self) -> BridgeProcess | None:
        """The bridge that runs."""
        return self._bridge

    @property
    def bridge_process(self) -> SimulatedProcess | None:
        """That of the bridge, while one runs."""
        return None if self._bridge is None else self._bridge.process

    def kill_bridge(self) -> None:
        """At once."""
        if self._bridge is not None:
            self._bridge.process.kill()

    def bury(self) -> None:
        """After the world's end: closes what its bridges have left behind."""
        self.kill_bridge()
        while self._processes:
            self._processes.pop().bury()

    def _bridge_died(self) -> None:
        self._bridge = None
        for connection in self._connections:
            connection.reset()
        self._note("bridge.killed")

    def change(self, kind: str, share: float) -> None:
        """One of :attr:`changes`."""
        self._changes.make(kind, share)
        self._books = None
        self._note("venue.changed", kind=kind)

    def set_clock(self, ahead_seconds: float) -> None:
        """That of the bridge's machine."""
        self._ahead = ahead_seconds

    def heal(self) -> None:
        """Nothing goes wrong from now on."""
        self._changes.heal()
        if self._bridge is not None:
            self._bridge.stoppage.end()

    def price(self) -> Decimal:
        """The last trade's."""
        last = self._venue.world.main.last_print(self._venue.world.now_ms())
        if last is None:
            raise AssertionError("the world begins after its history")
        return last.price * self._instrument.price_increment

    def books(self) -> Books:
        """Every order and the balances, with all that has been executed, whatever can be seen of it."""
        world = self._venue.world
        exchange, instrument = world.exchange, self._instrument
        if exchange.has_open_orders(exchange.market_id(instrument.product_id)):
            world.now_ms()  # only then can a print have filled something
        known = self._books
        if known is not None and known.revision == exchange.revision:
            return known
        orders = {
            order.client_order_id: self._booked(order)
            for order in exchange.ledger.orders.values()
            if not order.client_order_id.startswith(HAND)
        }
        base, quote = self._balances()
        moved = self._changes.moved_base, self._changes.moved_quote
        self._books = Books(exchange.revision, orders, base, quote, *moved)
        return self._books

    def _booked(self, order: Order) -> BookedOrder:
        """The very same object for an order in which nothing has changed."""
        kept = self._entries.get(order.order_id)
        if kept is not None and kept[0] is order:
            return kept[1]
        instrument = self._instrument
        booked = BookedOrder(
            client_order_id=order.client_order_id,
            order_id=order.order_id,
            side="BUY" if order.side is Side.BUY else "SELL",
            over=order.status.terminal,
            filled_base=order.base * instrument.base_increment,
            filled_quote=instrument.money(order.value),
            fees=instrument.money(order.commission),
            created_ms=order.created_ms,
        )
        self._entries[order.order_id] = order, booked
        return booked

    def _balances(self) -> tuple[Decimal, Decimal]:
        """What is there, held or not, as if every fill had been posted."""
        exchange, instrument = self._venue.world.exchange, self._instrument
        wallets = exchange.ledger.portfolios.balances(exchange.default_portfolio)
        base, quote = (sum(wallets[name]) for name in (instrument.base_currency, instrument.quote_currency))
        for fill in exchange.ledger.unposted.values():
            size = fill.trade.base * instrument.base_increment
            value, fee = instrument.money(fill.trade.value), instrument.money(fill.trade.commission)
            bought = fill.side is Side.BUY
            base += size if bought else -size
            quote += -value - fee if bought else value - fee
        return Decimal(base), Decimal(quote)
