"""A book around the last print: a few levels on either side, one tick apart, all of one size.

The side of the last print says where the spread lies: after a hit bid the last price *is* the
bid, after a lifted offer the ask. A bid is only hit on the low of its candle, so with a spread of
one tick the touch stays within its candle (unless that is flat), and so do fills at the touch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cbbot.domain.order import Side
from cbbot.venue.matching import (
    Rate,
    Trade,
    fill_market_buy_base,
    fill_market_buy_quote,
    fill_market_sell,
)
from cbbot.venue.prints import Print

__all__ = ["Book", "BookShape", "Level", "book_after", "match_buy_base", "match_buy_quote", "match_sell"]


class Level(NamedTuple):
    """A price in ticks and the base units that rest there."""

    price: int
    size: int


@dataclass(frozen=True, slots=True)
class BookShape:
    """How the book looks: spread in ticks, levels a side, base units a level.

    Small levels make partial fills: an order eats them from the touch outwards, and what finds no
    level is canceled, as an immediate-or-cancel order's rest is.
    """

    spread_ticks: int = 1
    levels: int = 20
    level_size: int = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Book:
    """Bids and asks, the best first; ``last`` is the price of the last print in ticks."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    last: int


def book_after(last: Print, shape: BookShape) -> Book:
    """The book that the last print left behind."""
    bid = last.price if last.maker is Side.BUY else last.price - shape.spread_ticks
    ask = bid + shape.spread_ticks
    bids = tuple(Level(bid - depth, shape.level_size) for depth in range(shape.levels) if bid - depth > 0)
    asks = tuple(Level(ask + depth, shape.level_size) for depth in range(shape.levels))
    return Book(bids, asks, last.price)


def match_buy_quote(asks: Iterable[Level], budget: int, rate: Rate) -> list[Trade]:
    """Spend ``budget`` ledger units, fees included, from the best ask upwards."""
    trades: list[Trade] = []
    for level in asks:
        trade = fill_market_buy_quote(level.price, budget, rate)
        if trade.base > level.size:
            trade = fill_market_buy_base(level.price, level.size, rate)
        if trade.base == 0:
            break
        trades.append(trade)
        budget -= trade.value + trade.commission
    return trades


def _split(levels: Iterable[Level], base: int) -> list[Level]:
    taken: list[Level] = []
    for level in levels:
        size = min(level.size, base)
        if size == 0:
            break
        taken.append(Level(level.price, size))
        base -= size
    return taken


def match_buy_base(asks: Sequence[Level], base: int, rate: Rate) -> list[Trade]:
    """Buy ``base`` base units from the best ask upwards, as far as the book goes."""
    return [fill_market_buy_base(price, size, rate) for price, size in _split(asks, base)]


def match_sell(bids: Sequence[Level], base: int, rate: Rate) -> list[Trade]:
    """Sell ``base`` base units from the best bid downwards, as far as the book goes."""
    return [fill_market_sell(price, size, rate) for price, size in _split(bids, base)]
