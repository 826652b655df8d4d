"""What the simulated world needs of the exchange's side: a bridge and a venue in memory, on the world's clock.

The bot's half of the world must not import the bridge; this is what the two halves agree on. Everything happens on
the running event loop, whose ``time()`` is the simulated monotonic clock in seconds. Nothing on either side may use
a thread, a socket, a real clock, or chance that is not from the seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol

from cbbot.brokers.bridge_client import BridgeRequests
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import Instrument

__all__ = [
    "BookedOrder",
    "Books",
    "BridgeRequests",
    "ExchangeSettings",
    "ExchangeSide",
    "Fault",
    "Faults",
    "Happenings",
    "MakeExchangeSide",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that is due at a site now. ``seconds`` and ``share`` (0 to 1) say how long, how late or how much."""

    kind: str
    seconds: float = 0.0
    share: float = 0.0


class Faults(Protocol):
    """Which faults are due. Whoever passes a site asks, each time; asking takes the fault."""

    def at(self, site: str) -> Fault | None: ...


class Happenings(Protocol):
    """The event log of the world, which is hashed: only what the seed decides may go into it."""

    def note(self, what: str, **fields: object) -> None: ...


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """``candles`` are one minute each, without gaps: those that close by ``start_ms`` are history, the rest is to come.

    Prices between two candles' opens follow the candle's open, low or high, and close. ``start_ms`` is the venue's time
    when the loop's clock stands at 0; both are exact multiples of a minute.
    """

    seed: int
    instrument: Instrument
    start_ms: int
    candles: Sequence[Candle]
    base: Decimal
    quote: Decimal
    fee_rate_pct: Decimal
    token: str = "soak"  # noqa: S105  no secret: nothing listens


@dataclass(frozen=True, slots=True)
class BookedOrder:
    """An order as the exchange itself has it, whatever it tells: amounts are those really executed so far."""

    client_order_id: str
    order_id: str
    side: Literal["BUY", "SELL"]
    over: bool
    filled_base: Decimal
    filled_quote: Decimal
    fees: Decimal
    created_ms: int


@dataclass(frozen=True, slots=True)
class Books:
    """The exchange's truth now; ``revision`` changes with it, so that unchanged books need no new look.

    ``moved_base`` and ``moved_quote`` are what hands other than the bot's have put on the account (negative: taken).
    """

    revision: int
    orders: Mapping[str, BookedOrder]
    base: Decimal
    quote: Decimal
    moved_base: Decimal
    moved_quote: Decimal


class ExchangeSide(Protocol):
    """A bridge (one process of the world) and a venue (which never dies).

    ``sites`` are the names of the places where this side asks for faults, and the kinds that it understands there.
    Requests of a bot that was killed go on at the bridge: an order that had left arrives. Work of the bridge runs in
    its own process (``cbbot.soak.simulated_processes``), so that killing it drops whatever it was doing. Of the
    connection's errors ``httpx.ConnectError`` says that the bridge is not there and nothing went out; after
    ``ReadTimeout``, ``ReadError`` and ``RemoteProtocolError`` the request may have arrived. Time limits count on the
    loop.
    """

    @property
    def sites(self) -> Mapping[str, tuple[str, ...]]: ...

    def connect(self) -> BridgeRequests:
        """A new client's connection; its requests run in the process of the bridge."""
        ...

    def start_bridge(self) -> None:
        """A new bridge with nothing remembered, its background work running. Does nothing while one runs."""
        ...

    def kill_bridge(self) -> None:
        """At once, as by SIGKILL: requests under way end in ``httpx.ReadError``, new ones in ``ConnectError``."""
        ...

    def change(self, kind: str, share: float) -> None:
        """Something other than our processes changes the exchange: one of ``changes``."""
        ...

    @property
    def changes(self) -> tuple[str, ...]:
        """Kinds for :meth:`change`, e.g. ``deposit``, ``withdraw``, ``sell_by_hand``, ``buy_by_hand``,
        ``halt_product``, ``resume_product``, ``clock_forward``, ``clock_back``, ``proof_token_on``."""
        ...

    def set_clock(self, ahead_seconds: float) -> None:
        """The wall clock of the bridge's machine is set: so far ahead of the right time."""
        ...

    def heal(self) -> None:
        """Ends every lasting fault of this side: the product trades, listings are whole, nothing is late from now on.

        A bridge that was killed stays so until :meth:`start_bridge`; clocks that jumped stay where they are.
        """
        ...

    def books(self) -> Books:
        """The truth, at no cost to speak of while nothing has changed."""
        ...

    def price(self) -> Decimal:
        """The venue's last price now."""
        ...


class MakeExchangeSide(Protocol):
    """``cbbot_bridge.in_memory:exchange_side``; called with the loop running."""

    def __call__(self, settings: ExchangeSettings, faults: Faults, happenings: Happenings) -> ExchangeSide: ...
