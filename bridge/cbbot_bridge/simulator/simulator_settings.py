"""What a simulator is told when it starts. Parsed and checked once, in :mod:`.command_line`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from cbbot.contract.ports import SIMULATOR_PORT
from cbbot.domain.instrument import BTC_USD, Instrument
from cbbot.venue.exchange import Delays
from cbbot.venue.order_book import BookShape
from cbbot_bridge.simulator.api_keys import USUAL_PERMISSIONS, ApiKey, Permission

__all__ = ["SAMPLE", "MarketSettings", "SimulatorSettings"]

SAMPLE = Path(__file__).parent / "sample" / "BTC-USD-1m-6000.csv"
"""6,000 real one-minute candles of BTC-USD, in the package."""


@dataclass(frozen=True, slots=True)
class MarketSettings:
    """One market: its product, and the candles that are played: those of ``csv``, or of a walk by ``seed`` without one.

    ``form`` names the columns of a file that has no header.
    """

    instrument: Instrument = BTC_USD
    csv: Path | None = SAMPLE
    form: str | None = None
    seed: int = 0

    @property
    def source(self) -> str:
        """What is played, in words."""
        return f"walk {self.seed}" if self.csv is None else self.csv.name


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """Settings of one simulator.

    ``markets`` share one clock; the first says where it starts. ``speed`` is venue seconds per second; 0 stops the
    clock, which then moves by the control endpoint alone. ``history_fraction`` is a ratio of two integers. Fee rates
    are fractions of the notional. ``keys`` turn the check of signatures on; without any, everybody has the
    ``unsigned`` permissions. ``private_rate`` and ``public_rate`` are requests a second, 0 for no limit;
    ``stream_rate`` is WebSocket connections a second, and messages without a signature, of one address.
    ``stream_client_id`` puts a client_id into every message. ``control`` opens the control endpoints.
    """

    host: str = "127.0.0.1"
    port: int = SIMULATOR_PORT
    markets: tuple[MarketSettings, ...] = (MarketSettings(),)
    speed: float = 600.0
    history_fraction: tuple[int, int] = (7, 10)
    prints_per_candle: int = 12
    state: Path | None = None
    balances: Mapping[str, Decimal] = field(default_factory=dict)
    taker_rate: Decimal = Decimal("0.009")
    maker_rate: Decimal = Decimal("0.005")
    delays: Delays = field(default_factory=Delays)
    book: BookShape = field(default_factory=BookShape)
    keys: tuple[ApiKey, ...] = ()
    unsigned: frozenset[Permission] = USUAL_PERMISSIONS
    private_rate: float | None = None
    public_rate: float | None = None
    stream_rate: float = 8.0
    stream_client_id: bool = True
    control: bool = False
