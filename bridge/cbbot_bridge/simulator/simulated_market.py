"""One market of the simulation: a tape of prints, and the products that are traded in its book."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD, Instrument
from cbbot.venue.candle_series import CandleSeries
from cbbot.venue.order_book import Book, BookShape, book_after
from cbbot.venue.prints import Print
from cbbot.venue.product import Product
from cbbot.venue.tape import Tape
from cbbot.venue.walk import random_walk
from cbbot.venue.wire import decimal_text
from cbbot_bridge.simulator.candle_file import read_candles
from cbbot_bridge.simulator.simulator_settings import MarketSettings
from cbbot_bridge.simulator.statistics import MarketStatistics
from cbbot_bridge.simulator.walk_products import book_id, walk_of

__all__ = ["Market", "build_market", "market_of_candles"]

_WALK_CANDLES = 20_000
_NAMES: Final = {
    "BTC": "Bitcoin",
    "ETH": "Ethereum",
    "SOL": "Solana",
    "USDT": "Tether",
    "USD": "US Dollar",
    "EUR": "Euro",
    "EURC": "Euro Coin",
}


class Market:
    """Prints on the venue's clock and the products that share their book; the first gives the market its id."""

    def __init__(self, settings: MarketSettings, tape: Tape, products: tuple[Product, ...], shape: BookShape) -> None:
        self.settings = settings
        self._shape = shape
        self.tape = tape
        self.products = products
        self.statistics = MarketStatistics(tape)

    @property
    def market_id(self) -> str:
        """The product under whose id the market's data come."""
        return self.products[0].product_id

    @property
    def instrument(self) -> Instrument:
        """The scales of prices and sizes; those of all of its products are the same."""
        return self.products[0].instrument

    @property
    def source(self) -> str:
        """Where the prices come from, in words."""
        return self.settings.source

    def price_text(self, ticks: int) -> str:
        """A price as Coinbase writes it."""
        return decimal_text(ticks * self.instrument.price_increment)

    def size_text(self, units: int) -> str:
        """A size as Coinbase writes it."""
        return decimal_text(units * self.instrument.base_increment)

    def book_after(self, item: Print) -> Book:
        """The book that a print left, without the customer's own orders."""
        return book_after(item, self._shape)

    def last_print(self, now_ms: int) -> Print | None:
        """The newest trade; None before the first."""
        return self.tape.last_print(now_ms)

    def fingerprint(self) -> str:
        """Another one for other products, candles or prints."""
        ids = [product.product_id for product in self.products]
        digest = hashlib.sha256(json.dumps([ids, self.tape.prints_per_candle]).encode())
        series = self.tape.series
        for column in (series.start, series.open, series.high, series.low, series.close, series.volume):
            digest.update(column.tobytes())
        return digest.hexdigest()


def build_market(settings: MarketSettings, prints_per_candle: int, shape: BookShape, walk_start: int) -> Market:
    """A market from its settings; a walk begins at ``walk_start`` (UNIX seconds).

    Raises:
        BadInput: the candles cannot be used.
    """
    return market_of_candles(settings, _candles(settings, walk_start), prints_per_candle, shape)


def market_of_candles(
    settings: MarketSettings, candles: Iterable[Candle], prints_per_candle: int, shape: BookShape
) -> Market:
    """A market that plays some candles, whatever its settings say of their source.

    Raises:
        BadInput: the candles cannot be used.
    """
    series = CandleSeries(candles)
    return Market(settings, Tape(series, prints_per_candle), _products(settings.instrument, series.open[0]), shape)


def _candles(settings: MarketSettings, walk_start: int) -> Iterable[Candle]:
    instrument = settings.instrument
    if settings.csv is not None:
        return read_candles(settings.csv, instrument, settings.form)
    walk = walk_of(instrument.base_currency)
    # A generator of its own, seeded by the caller: the run can be had again.
    source = random.Random(f"{settings.seed} {instrument.product_id}")  # noqa: S311 - a simulation's, nothing secret
    ticks = max(instrument.ticks(walk.price), 1)
    return random_walk(source, _WALK_CANDLES, walk_start, ticks, step_bps=walk.step_bps)


def _products(instrument: Instrument, first_price: int) -> tuple[Product, ...]:
    """The product that gives the book its name; for one in USD its twin in USDC, too, unless that has its own book."""
    main = replace(instrument, product_id=book_id(instrument))
    twin = replace(instrument, product_id=f"{main.base_currency}-USDC")
    if main.quote_currency != "USD" or book_id(twin) != main.product_id:
        return (_product(main, first_price),)
    return (
        replace(_product(main, first_price), alias_to=(twin.product_id,)),
        replace(_product(twin, first_price), alias=main.product_id),
    )


def _product(instrument: Instrument, first_price: int) -> Product:
    base, quote = instrument.base_currency, instrument.quote_currency
    product = Product(
        instrument, _NAMES.get(base, base), _NAMES.get(quote, quote), base_min_size=instrument.base_increment
    )
    if base == BTC_USD.base_currency:
        return product
    # What the largest order by quote size buys, in round thousands: Coinbase's own figures are not known here.
    most = product.quote_max_size / (first_price * instrument.price_increment)
    return replace(product, base_max_size=max(most // 1000 * 1000, Decimal(1000)))
