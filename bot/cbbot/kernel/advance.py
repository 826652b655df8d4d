"""The trader over many closed candles: what a backtest runs, step by step the same as live.

Each step is the page of the specification in order: day, breaker, exits, decision, gates,
size, place. The live trader (``cbbot.trader``) calls the same functions one step at a time; a
test holds the two together to the last digit.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import NamedTuple

from cbbot.kernel.book import (
    Book,
    booked_close,
    booked_open,
    cash,
    close_net,
    equity,
    position,
    stops,
    unrealised,
    with_breaker,
    with_day,
)
from cbbot.kernel.codes import ALLOWED, EXIT_NONE, FLAT
from cbbot.kernel.gates import affordable, permitted
from cbbot.kernel.ledger import fee_up, slipped
from cbbot.kernel.levels import to_price
from cbbot.kernel.lot import Lot, opened, promoted, trailed, triggered
from cbbot.kernel.params import Params
from cbbot.kernel.sizing import budget, vol_tenths
from cbbot.kernel.strategy import signal

__all__ = ["Account", "Closed", "Steps", "Tally", "advance"]


class Steps(NamedTuple):
    """One value a step: the close of the candle, what the model and the averages say at it.

    ``now_ms`` is the candle's close time, ``ticks`` its close, ``score`` the model's log-odds.
    """

    now_ms: Sequence[int]
    ticks: Sequence[int]
    score: Sequence[float]
    fast: Sequence[float]
    slow: Sequence[float]
    std_ratio: Sequence[float]


class Closed(NamedTuple):
    """A closed lot: the lot as it was, and its end. Money in ledger units."""

    lot: Lot
    closed_ms: int
    close_ticks: int
    proceeds: int
    exit_fee: int
    net_pnl: int
    reason: int


class Tally(NamedTuple):
    """What the steps did, for the report. ``signals`` by signal + 1 and ``denials`` by code are counts."""

    signals: MutableSequence[int]
    denials: MutableSequence[int]
    closed: MutableSequence[Closed]
    marked: MutableSequence[int]
    lots: MutableSequence[int]


class Account(NamedTuple):
    """The book, and the open lots, oldest first. The list is changed in place."""

    book: Book
    lots: MutableSequence[Lot]


def advance(params: Params, account: Account, steps: Steps, first: int, last: int, tally: Tally) -> Account:
    """Step through ``first <= i < last``. Returns the account with its new book."""
    book, lots = account
    for i in range(first, last):
        now_ms, ticks = steps.now_ms[i], steps.ticks[i]
        wealth = equity(book)
        worth = wealth + unrealised(book, ticks)
        book = with_breaker(params, with_day(params, book, now_ms, wealth, worth), worth)
        exited = False
        if lots:
            closed_before = book.realised, book.lots
            book = _exits(params, book, lots, now_ms, ticks, tally)
            exited = closed_before != (book.realised, book.lots)
        if not exited:
            wanted = signal(
                steps.score[i], steps.fast[i], steps.slow[i], params.buy_logit, params.sell_logit, params.ma_filter
            )
            tally.signals[wanted + 1] += 1
            if wanted != FLAT:
                book = _consider(params, book, lots, wanted, now_ms, ticks, steps.std_ratio[i], tally)
            else:
                tally.denials[1] += 1
        tally.marked.append(equity(book) + unrealised(book, ticks))
        tally.lots.append(book.lots)
    return Account(book, lots)


def _exits(params: Params, book: Book, lots: MutableSequence[Lot], now_ms: int, ticks: int, tally: Tally) -> Book:
    """Trail, test and close every lot; then promote if the runner has left."""
    price = to_price(params, ticks)
    kept = 0
    for j in range(len(lots)):
        before = lots[j]
        lot = trailed(params, before, price)
        reason = triggered(before, lot, price)
        if reason == EXIT_NONE:
            lots[kept] = lot
            kept += 1
        else:
            book = _close(params, book, lot, now_ms, ticks, reason, tally)
    if kept == len(lots):
        return book
    del lots[kept:]
    if kept == 0:
        return book._replace(last_entry_ticks=0)
    if not any(lot.runner for lot in lots):
        lots[-1] = promoted(params, lots[-1])
    return book._replace(last_entry_ticks=lots[-1].open_ticks)


def _close(params: Params, book: Book, lot: Lot, now_ms: int, ticks: int, reason: int, tally: Tally) -> Book:
    price = slipped(ticks, -lot.side, params.slippage)
    proceeds = price * lot.base
    exit_fee = fee_up(proceeds, params.fee_rate)
    net = close_net(lot, proceeds, exit_fee)
    tally.closed.append(Closed(lot, now_ms, price, proceeds, exit_fee, net, reason))
    return booked_close(book, lot, None, net, now_ms, reason, book.last_entry_ticks)


def _consider(
    params: Params,
    book: Book,
    lots: MutableSequence[Lot],
    wanted: int,
    now_ms: int,
    ticks: int,
    std_ratio: float,
    tally: Tally,
) -> Book:
    """Ask the gates, size, and open a lot; or count which gate denied."""
    denied = permitted(params, wanted, now_ms, ticks, position(book), stops(book, False))
    if denied == ALLOWED:
        price = slipped(ticks, wanted, params.slippage)
        tenths = vol_tenths(std_ratio) if params.vol_adjust else 10
        base, denied = affordable(params, budget(params, equity(book), tenths), cash(book), price, book.cost_sum)
    if denied != ALLOWED:
        tally.denials[denied] += 1
        return book
    cost = price * base
    lot = opened(params, book.next_lot, wanted, now_ms, price, base, cost, fee_up(cost, params.fee_rate), len(lots))
    lots.append(lot)
    return booked_open(book, lot)
