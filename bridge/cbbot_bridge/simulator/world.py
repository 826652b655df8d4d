"""The simulated world: clock, tape and exchange put together from settings, and its place in a state file."""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cbbot.errors import BadInput
from cbbot.venue.candle_series import CandleSeries
from cbbot.venue.exchange import Exchange, Terms
from cbbot.venue.matching import fee_rate
from cbbot.venue.order_book import Book
from cbbot.venue.portfolios import Portfolio
from cbbot.venue.prints import Print
from cbbot.venue.product import Product
from cbbot.venue.snapshot import from_json, to_json
from cbbot.venue.tape import Tape
from cbbot.venue.walk import random_walk
from cbbot_bridge.simulator.candle_file import read_candles
from cbbot_bridge.simulator.replay_clock import SimulatedClock
from cbbot_bridge.simulator.simulator_settings import SimulatorSettings
from cbbot_bridge.simulator.statistics import MarketStatistics

__all__ = ["World", "build_world"]

_VERSION = 2
_MOST_PRINTS = 10_000_000
_WALK_CANDLES = 20_000
_WALK_START = 1_735_689_600  # 2025-01-01T00:00:00Z
_WALK_PRICE = 10_000_000  # ticks
_NAMESPACE = uuid.UUID("2b7d5c1e-6a34-5f0d-8a55-90c1d7e4aa10")
_NAMES = {"BTC": "Bitcoin", "ETH": "Ethereum", "SOL": "Solana", "USD": "US Dollar", "EUR": "Euro"}


class World:
    """One simulation: the market on its clock, and one customer's account."""

    def __init__(
        self, settings: SimulatorSettings, tape: Tape, clock: SimulatedClock, exchange: Exchange, fingerprint: str
    ) -> None:
        self.settings = settings
        self.tape = tape
        self.clock = clock
        self.exchange = exchange
        self.fingerprint = fingerprint
        self.statistics = MarketStatistics(tape)
        self.customer = identity("customer")
        self.portfolio = identity("portfolio")

    def now_ms(self) -> int:
        """The venue's time in ms since the epoch."""
        return self.clock.now_ms()

    def last_print(self, now_ms: int) -> Print | None:
        """The newest trade; None before the first."""
        return self.tape.last_print(now_ms)

    def book(self, now_ms: int) -> Book | None:
        """The book of the one market; None before the first trade."""
        self.feed(now_ms)
        return self.exchange.book(self.settings.instrument.product_id)

    def feed(self, now_ms: int) -> None:
        """Pass the prints that the exchange has not seen yet."""
        market_id = self.settings.instrument.product_id
        last = self.exchange.last_print(market_id)
        if last is None or not self.exchange.has_open_orders(market_id):
            newest = self.tape.last_print(now_ms)
            due = [] if newest is None or newest == last else [newest]
        else:
            due = list(reversed(self.tape.latest_prints(now_ms, _MOST_PRINTS, last.time_ms)))
        for print_ in due:
            self.exchange.on_print(market_id, print_)

    def product(self, product_id: str) -> Product | None:
        """A product by its id."""
        return self.exchange.products.get(product_id)

    def market_id(self, product_id: str) -> str:
        """The product under whose name market data comes: BTC-USDC's is BTC-USD's."""
        product = self.product(product_id)
        return product.alias or product_id if product else product_id

    def state(self) -> dict[str, Any]:
        """What :func:`build_world` needs to go on from now, but for ``orders`` and ``fills``."""
        now_ms = self.now_ms()
        self.feed(now_ms)
        return {
            "version": _VERSION,
            "replay": self.fingerprint,
            "resume_ms": now_ms,
            **to_json(self.exchange, now_ms),
        }


def identity(name: str) -> str:
    """A UUID that is the same in every run."""
    return str(uuid.uuid5(_NAMESPACE, name))


def build_world(settings: SimulatorSettings, state: Mapping[str, Any] | None) -> World:
    """A world from its settings, going on from a state where one is given.

    Raises:
        BadInput: the candles cannot be used, or the state is damaged or belongs to another replay.
    """
    instrument = settings.instrument
    if settings.walk is None:
        candles = read_candles(settings.csv, instrument, settings.form)
    else:
        # A generator of its own, seeded by the caller: the run can be had again.
        source = random.Random(settings.walk)  # noqa: S311 - a simulation's randomness, nothing secret
        candles = random_walk(source, _WALK_CANDLES, _WALK_START, _WALK_PRICE)
    series = CandleSeries(candles)
    tape = Tape(series, settings.prints_per_candle)
    fingerprint = _fingerprint(series, settings)
    start_ms = tape.opening_ms(settings.history_fraction)
    if state is not None:
        start_ms = _resumed(state, fingerprint)
    products = _products(settings)
    opening = dict(settings.balances)
    for product in products:
        opening.setdefault(product.instrument.quote_currency, instrument.ledger_increment * 0)
    terms = Terms(fee_rate(settings.taker_rate), fee_rate(settings.maker_rate), settings.delays, settings.book)
    customer = Portfolio(identity("portfolio"), "Default", "DEFAULT")
    if state is None:
        exchange = Exchange(products, opening, terms, customer)
    else:
        exchange = from_json(state, products, opening, terms)
    return World(settings, tape, SimulatedClock(start_ms, settings.speed), exchange, fingerprint)


def _resumed(state: Mapping[str, Any], fingerprint: str) -> int:
    try:
        version, replay = state["version"], state["replay"]
        start_ms = int(state["resume_ms"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"--state: not a simulator's state ({error!r}); remove the file to start afresh") from error
    if version != _VERSION:
        raise BadInput(f"--state: version {version}, this simulator reads {_VERSION}; remove the file to start afresh")
    if replay != fingerprint:
        raise BadInput("--state belongs to another replay (candles, product or prints); remove it or give its candles")
    return start_ms


def _fingerprint(series: CandleSeries, settings: SimulatorSettings) -> str:
    digest = hashlib.sha256(json.dumps([settings.instrument.product_id, settings.prints_per_candle]).encode())
    for column in (series.start, series.open, series.high, series.low, series.close, series.volume):
        digest.update(column.tobytes())
    return digest.hexdigest()


def _products(settings: SimulatorSettings) -> list[Product]:
    """The product, and for one in USD its twin in USDC, which shares its book."""
    instrument = settings.instrument
    base, quote = instrument.base_currency, instrument.quote_currency
    base_name = _NAMES.get(base, base)
    if quote != "USD":
        return [Product(instrument, base_name, _NAMES.get(quote, quote))]
    twin_id = f"{base}-USDC"
    main = Product(instrument, base_name, _NAMES["USD"], alias_to=(twin_id,))
    twin = Product(replace(instrument, product_id=twin_id), base_name, "USDC", alias=instrument.product_id)
    return [main, twin]
