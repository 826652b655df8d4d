"""The account: realised profit, the day's breaker, and the sums over open lots.

A NamedTuple of integers, so that the quiet step of a backtest touches no list and a live step
gives the same numbers from the same functions.
"""

from __future__ import annotations

from typing import NamedTuple

from cbbot.kernel.codes import EXIT_STOP_LOSS, EXIT_TRAILING_STOP
from cbbot.kernel.gates import Position, Stops
from cbbot.kernel.lot import Lot
from cbbot.kernel.money import fee_up, marked, net_pnl
from cbbot.kernel.params import DAY_MS, Params

__all__ = [
    "Book",
    "booked_close",
    "booked_open",
    "cash",
    "close_net",
    "equity",
    "opening_book",
    "position",
    "stops",
    "unrealised",
    "with_breaker",
    "with_day",
]

NEVER = -1


class Book(NamedTuple):
    """Ledger units, except: ``*_ms`` milliseconds, ``day`` days since the epoch, counts of lots and base units.

    Built field by field: numba, which compiles this module, knows no ``_replace``.
    ``day_marked`` is the marked equity at the day's first step, ``loss_limit`` the loss that
    trips the breaker; a day that starts without equity has lost it already.
    """

    start_equity: int
    realised: int
    day: int
    day_realised: int
    day_equity: int
    day_marked: int
    loss_limit: int
    breaker: bool
    last_add_ms: int
    last_loss_ms: int
    next_lot: int
    lots: int
    side: int
    last_entry_ticks: int
    base_sum: int
    cost_sum: int
    fee_sum: int


def opening_book(start_equity: int) -> Book:
    return Book(start_equity, 0, NEVER, 0, 0, 0, 0, False, NEVER, NEVER, 1, 0, 0, 0, 0, 0, 0)


def equity(book: Book) -> int:
    """Starting equity and realised profit."""
    return book.start_equity + book.realised


def unrealised(book: Book, ticks: int) -> int:
    return marked(book.side, ticks, book.base_sum, book.cost_sum, book.fee_sum) if book.base_sum else 0


def cash(book: Book) -> int:
    """What is left to spend: there is no leverage."""
    return equity(book) - book.cost_sum - book.fee_sum


def with_day(params: Params, book: Book, now_ms: int, equity_now: int, marked_now: int) -> Book:
    """On the first step of a UTC day: the daily figures start anew and the breaker resets."""
    today = now_ms // DAY_MS
    if today == book.day:
        return book
    limit = fee_up(equity_now, params.max_daily_loss_rate)
    return _on_day(book, today, 0, equity_now, marked_now, limit, False)


def with_breaker(params: Params, book: Book, marked_now: int) -> Book:
    """Tripped when the day has lost its limit; once tripped it stays so until the next day."""
    if book.breaker or params.max_daily_loss_rate == 0:
        return book
    change = marked_now - book.day_marked if params.breaker_marks else book.day_realised
    if -change < book.loss_limit:
        return book
    return _on_day(book, book.day, book.day_realised, book.day_equity, book.day_marked, book.loss_limit, True)


def _on_day(
    book: Book, day: int, day_realised: int, day_equity: int, day_marked: int, loss_limit: int, breaker: bool
) -> Book:
    """The book with other figures of the day."""
    return Book(
        start_equity=book.start_equity,
        realised=book.realised,
        day=day,
        day_realised=day_realised,
        day_equity=day_equity,
        day_marked=day_marked,
        loss_limit=loss_limit,
        breaker=breaker,
        last_add_ms=book.last_add_ms,
        last_loss_ms=book.last_loss_ms,
        next_lot=book.next_lot,
        lots=book.lots,
        side=book.side,
        last_entry_ticks=book.last_entry_ticks,
        base_sum=book.base_sum,
        cost_sum=book.cost_sum,
        fee_sum=book.fee_sum,
    )


def booked_open(book: Book, lot: Lot) -> Book:
    return Book(
        start_equity=book.start_equity,
        realised=book.realised,
        day=book.day,
        day_realised=book.day_realised,
        day_equity=book.day_equity,
        day_marked=book.day_marked,
        loss_limit=book.loss_limit,
        breaker=book.breaker,
        last_add_ms=lot.opened_ms,
        last_loss_ms=book.last_loss_ms,
        next_lot=lot.id + 1,
        lots=book.lots + 1,
        side=lot.side,
        last_entry_ticks=lot.open_ticks,
        base_sum=book.base_sum + lot.base,
        cost_sum=book.cost_sum + lot.cost,
        fee_sum=book.fee_sum + lot.entry_fee,
    )


def booked_close(book: Book, closed: Lot, whole: bool, net: int, now_ms: int, reason: int, newest_ticks: int) -> Book:
    """The book after ``closed`` (a lot, or the sold part of one) has left it at a profit of ``net``.

    ``whole`` when nothing of the lot stays open; ``newest_ticks`` is the open price of the
    newest lot that is still open (0 when none is).
    """
    lots = book.lots - 1 if whole else book.lots
    last_loss_ms = now_ms if reason in (EXIT_STOP_LOSS, EXIT_TRAILING_STOP) else book.last_loss_ms
    return Book(
        start_equity=book.start_equity,
        realised=book.realised + net,
        day=book.day,
        day_realised=book.day_realised + net,
        day_equity=book.day_equity,
        day_marked=book.day_marked,
        loss_limit=book.loss_limit,
        breaker=book.breaker,
        last_add_ms=book.last_add_ms,
        last_loss_ms=last_loss_ms,
        next_lot=book.next_lot,
        lots=lots,
        side=book.side,
        last_entry_ticks=newest_ticks,
        base_sum=book.base_sum - closed.base,
        cost_sum=book.cost_sum - closed.cost,
        fee_sum=book.fee_sum - closed.entry_fee,
    )


def close_net(closed: Lot, proceeds: int, exit_fee: int) -> int:
    """Net profit of a closed lot: each fee once."""
    return net_pnl(closed.side, closed.cost, proceeds, closed.entry_fee + exit_fee)


def position(book: Book) -> Position:
    return Position(book.lots, book.side, book.last_entry_ticks, book.last_add_ms, book.cost_sum)


def stops(book: Book, paused: bool) -> Stops:
    return Stops(book.breaker, paused, book.last_loss_ms)
