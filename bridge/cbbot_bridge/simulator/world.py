"""The simulated world: clock, markets and exchange put together from settings, and its place in a state file."""

from __future__ import annotations

import hashlib
import heapq
import uuid
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from cbbot.domain.candle import Candle
from cbbot.errors import BadInput
from cbbot.venue.exchange import Exchange, Terms
from cbbot.venue.matching import fee_rate
from cbbot.venue.order_book import Book
from cbbot.venue.portfolios import Portfolio
from cbbot.venue.prints import Print
from cbbot.venue.product import Product
from cbbot.venue.quiet_prints import is_quiet
from cbbot.venue.snapshot import from_json, to_json
from cbbot.venue.venue_order import Order
from cbbot_bridge.simulator.replay_clock import SimulatedClock
from cbbot_bridge.simulator.simulated_market import Market, build_market
from cbbot_bridge.simulator.simulator_settings import SimulatorSettings

__all__ = ["START_AFRESH", "World", "build_world", "world_of_markets"]

_VERSION = 2
START_AFRESH: Final = "remove the state file to start afresh"
_WALK_START = 1_735_689_600  # 2025-01-01T00:00:00Z
_NAMESPACE = uuid.UUID("2b7d5c1e-6a34-5f0d-8a55-90c1d7e4aa10")


class World:
    """One simulation: markets on one clock, and one customer's account."""

    def __init__(
        self,
        settings: SimulatorSettings,
        markets: tuple[Market, ...],
        clock: SimulatedClock,
        exchange: Exchange,
        fingerprint: str,
    ) -> None:
        self.settings = settings
        self.markets: Mapping[str, Market] = {market.market_id: market for market in markets}
        self.main = markets[0]
        """The market whose candles the control endpoints count."""
        self.clock = clock
        self.exchange = exchange
        self.fingerprint = fingerprint
        self.customer = identity("customer")
        self.ended_orders: dict[str, tuple[Order, dict[str, object]]] = {}
        """Orders that are over, with the records that show them."""
        self._fed_ms = -1
        self._by_product = {product.product_id: market for market in markets for product in market.products}

    def now_ms(self) -> int:
        """The venue's time in ms since the epoch. What was to happen by then at the exchange has happened."""
        now_ms = self.clock.now_ms()
        if now_ms != self._fed_ms:
            self._feed(now_ms)
            self._fed_ms = now_ms
        return now_ms

    def _feed(self, now_ms: int) -> None:
        """Pass the prints that the exchange has not seen yet, in order of time.

        Of a market where no order waits that is the newest one alone.
        """
        due = [self._unseen(market, now_ms) for market in self.markets.values()]
        for _, market_id, item in due[0] if len(due) == 1 else heapq.merge(*due):
            self.exchange.on_print(market_id, item)
        self.exchange.advance(now_ms)

    def _unseen(self, market: Market, now_ms: int) -> Iterator[tuple[int, str, Print]]:
        market_id, exchange = market.market_id, self.exchange
        seen = exchange.last_print(market_id)
        if seen is not None and exchange.has_open_orders(market_id):
            length_ms = market.tape.series.seconds * 1000

            def reaches_nothing(candle: Candle) -> bool:
                return is_quiet(exchange, market_id, candle.low, candle.high, candle.start * 1000 + length_ms)

            for item in market.tape.prints_between(seen.time_ms, now_ms, reaches_nothing):
                yield item.time_ms, market_id, item
            return
        newest = market.last_print(now_ms)
        if newest is not None and newest != seen:
            yield newest.time_ms, market_id, newest

    @property
    def portfolio(self) -> str:
        """The portfolio that is meant where none is named."""
        return self.exchange.default_portfolio

    def product(self, product_id: str) -> Product | None:
        """A product by its id."""
        return self.exchange.products.get(product_id)

    def market(self, product_id: str) -> Market | None:
        """The market that a product is traded in: BTC-USDC's is BTC-USD's."""
        return self._by_product.get(product_id)

    def book(self, product_id: str) -> Book | None:
        """A product's book at the time that :meth:`now_ms` told last, the customer's orders in it.

        None before the first trade, and for an unknown product.
        """
        return self.exchange.book(product_id) if product_id in self.exchange.products else None

    def state(self) -> dict[str, Any]:
        """What :func:`build_world` needs to go on from now, but for ``orders`` and ``fills``."""
        now_ms = self.now_ms()
        return {
            "version": _VERSION,
            "replay": self.fingerprint,
            "resume_ms": now_ms,
            **to_json(self.exchange, now_ms),
        }


@lru_cache(1_000)
def identity(name: str) -> str:
    """A UUID that is the same in every run."""
    return str(uuid.uuid5(_NAMESPACE, name))


def build_world(settings: SimulatorSettings, state: Mapping[str, Any] | None) -> World:
    """A world from its settings, going on from a state where one is given.

    Raises:
        BadInput: the candles cannot be used, or the state is damaged or belongs to another replay.
    """
    markets = _markets(settings)
    fingerprint = hashlib.sha256("".join(market.fingerprint() for market in markets).encode()).hexdigest()
    start_ms = _opening_ms(settings, markets) if state is None else _resumed(settings.state, state, fingerprint)
    return world_of_markets(settings, markets, SimulatedClock(start_ms, settings.speed), fingerprint, state)


def world_of_markets(
    settings: SimulatorSettings,
    markets: tuple[Market, ...],
    clock: SimulatedClock,
    fingerprint: str = "",
    state: Mapping[str, Any] | None = None,
) -> World:
    """A world of markets that are made already, on a clock.

    Raises:
        BadInput: the state is damaged.
    """
    products = [product for market in markets for product in market.products]
    opening = dict(settings.balances)
    for product in products:
        for currency in (product.instrument.base_currency, product.instrument.quote_currency):
            opening.setdefault(currency, product.instrument.ledger_increment * 0)
    terms = Terms(fee_rate(settings.taker_rate), fee_rate(settings.maker_rate), settings.delays, settings.book)
    customer = Portfolio(identity("portfolio"), "Default", "DEFAULT")
    if state is None:
        exchange = Exchange(products, opening, terms, customer)
    else:
        try:
            exchange = from_json(state, products, opening, terms)
        except BadInput as error:
            raise BadInput(f"--state {settings.state}: {error}; {START_AFRESH}") from error
    return World(settings, markets, clock, exchange, fingerprint)


def _markets(settings: SimulatorSettings) -> tuple[Market, ...]:
    """Walks begin where the first file does, so that all markets have history at one time."""
    prints, shape = settings.prints_per_candle, settings.book
    played = {item: build_market(item, prints, shape, 0) for item in settings.markets if item.csv is not None}
    walk_start = next((market.tape.series.start[0] for market in played.values()), _WALK_START)
    return tuple(played.get(item) or build_market(item, prints, shape, walk_start) for item in settings.markets)


def _opening_ms(settings: SimulatorSettings, markets: tuple[Market, ...]) -> int:
    """Where the first market's history ends, or later, where each market has begun."""
    return max(
        markets[0].tape.opening_ms(settings.history_fraction),
        *(market.tape.series.start[0] * 1000 for market in markets),
    )


def _resumed(path: Path | None, state: Mapping[str, Any], fingerprint: str) -> int:
    try:
        version, replay = state["version"], state["replay"]
        start_ms = int(state["resume_ms"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"--state {path}: not a simulator's state ({error!r}); {START_AFRESH}") from error
    if version != _VERSION:
        raise BadInput(f"--state {path}: version {version}, this simulator reads {_VERSION}; {START_AFRESH}")
    if replay != fingerprint:
        words = "belongs to another replay (candles, product or prints); remove it or give its candles"
        raise BadInput(f"--state {path}: {words}")
    return start_ms
