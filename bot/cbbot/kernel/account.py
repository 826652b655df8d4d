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
    "Account",
    "booked_close",
    "booked_open",
    "cash",
    "close_net",
    "equity",
    "opening_account",
    "position",
    "stops",
    "unrealised",
    "with_breaker",
    "with_day",
]

NEVER = -1
# What is further back is another market's time, as of a simulator that plays older candles.
SET_BACK_DAYS = 7


class Account(NamedTuple):
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


def opening_account(start_equity: int) -> Account:
    return Account(start_equity, 0, NEVER, 0, 0, 0, 0, False, NEVER, NEVER, 1, 0, 0, 0, 0, 0, 0)


def equity(account: Account) -> int:
    """Starting equity and realised profit."""
    return account.start_equity + account.realised


def unrealised(account: Account, ticks: int) -> int:
    return marked(account.side, ticks, account.base_sum, account.cost_sum, account.fee_sum) if account.base_sum else 0


def cash(account: Account) -> int:
    """What is left to spend: there is no leverage."""
    return equity(account) - account.cost_sum - account.fee_sum


def with_day(params: Params, account: Account, now_ms: int, equity_now: int, marked_now: int) -> Account:
    """On the first step of a UTC day: the daily figures start anew and the breaker resets.

    A clock that was set back over midnight, and comes there again, begins no day a second time.
    """
    today = now_ms // DAY_MS
    if today <= account.day <= today + SET_BACK_DAYS:
        return account
    limit = fee_up(equity_now, params.max_daily_loss_rate)
    return _on_day(account, today, 0, equity_now, marked_now, limit, False)


def with_breaker(params: Params, account: Account, marked_now: int) -> Account:
    """Tripped when the day has lost its limit; once tripped it stays so until the next day."""
    if account.breaker or params.max_daily_loss_rate == 0:
        return account
    change = marked_now - account.day_marked if params.breaker_marks else account.day_realised
    if -change < account.loss_limit:
        return account
    return _on_day(
        account, account.day, account.day_realised, account.day_equity, account.day_marked, account.loss_limit, True
    )


def _on_day(
    account: Account, day: int, day_realised: int, day_equity: int, day_marked: int, loss_limit: int, breaker: bool
) -> Account:
    """The account with other figures of the day."""
    return Account(
        start_equity=account.start_equity,
        realised=account.realised,
        day=day,
        day_realised=day_realised,
        day_equity=day_equity,
        day_marked=day_marked,
        loss_limit=loss_limit,
        breaker=breaker,
        last_add_ms=account.last_add_ms,
        last_loss_ms=account.last_loss_ms,
        next_lot=account.next_lot,
        lots=account.lots,
        side=account.side,
        last_entry_ticks=account.last_entry_ticks,
        base_sum=account.base_sum,
        cost_sum=account.cost_sum,
        fee_sum=account.fee_sum,
    )


def booked_open(account: Account, lot: Lot) -> Account:
    return Account(
        start_equity=account.start_equity,
        realised=account.realised,
        day=account.day,
        day_realised=account.day_realised,
        day_equity=account.day_equity,
        day_marked=account.day_marked,
        loss_limit=account.loss_limit,
        breaker=account.breaker,
        last_add_ms=lot.opened_ms,
        last_loss_ms=account.last_loss_ms,
        next_lot=lot.id + 1,
        lots=account.lots + 1,
        side=lot.side,
        last_entry_ticks=lot.open_ticks,
        base_sum=account.base_sum + lot.base,
        cost_sum=account.cost_sum + lot.cost,
        fee_sum=account.fee_sum + lot.entry_fee,
    )


def booked_close(
    account: Account, closed: Lot, whole: bool, net: int, now_ms: int, reason: int, newest_ticks: int
) -> Account:
    """The account after ``closed`` (a lot, or the sold part of one) has left it at a profit of ``net``.

    ``whole`` when nothing of the lot stays open; ``newest_ticks`` is the open price of the
    newest lot that is still open (0 when none is).
    """
    lots = account.lots - 1 if whole else account.lots
    last_loss_ms = now_ms if reason in (EXIT_STOP_LOSS, EXIT_TRAILING_STOP) else account.last_loss_ms
    return Account(
        start_equity=account.start_equity,
        realised=account.realised + net,
        day=account.day,
        day_realised=account.day_realised + net,
        day_equity=account.day_equity,
        day_marked=account.day_marked,
        loss_limit=account.loss_limit,
        breaker=account.breaker,
        last_add_ms=account.last_add_ms,
        last_loss_ms=last_loss_ms,
        next_lot=account.next_lot,
        lots=lots,
        side=account.side,
        last_entry_ticks=newest_ticks,
        base_sum=account.base_sum - closed.base,
        cost_sum=account.cost_sum - closed.cost,
        fee_sum=account.fee_sum - closed.entry_fee,
    )


def close_net(closed: Lot, proceeds: int, exit_fee: int) -> int:
    """Net profit of a closed lot: each fee once."""
    return net_pnl(closed.side, closed.cost, proceeds, closed.entry_fee + exit_fee)


def position(account: Account) -> Position:
    return Position(account.lots, account.side, account.last_entry_ticks, account.last_add_ms, account.cost_sum)


def stops(account: Account, paused: bool) -> Stops:
    return Stops(account.breaker, paused, account.last_loss_ms)
