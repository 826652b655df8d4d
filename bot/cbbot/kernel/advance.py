"""The trader over many closed candles: what a backtest runs.

Each step is docs/trading.md, section 1, in order: day, breaker, exits, decision, gates, size,
place. The live trader (``cbbot.trader.stepping``) writes the same order a second time, because its
orders fill later than in their step; the arithmetic is shared, and
``tests/property/test_live_equals_backtest.py`` holds the two equal to the last digit. Written in
the subset of Python that numba compiles: ``cbbot.research.compiled`` runs it as machine code, on
arrays where this runs on lists.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import Final, NamedTuple

from cbbot.kernel.account import (
    Account,
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
from cbbot.kernel.candle_path import HIGHEST, LOWEST, Band, band, walked
from cbbot.kernel.codes import ALLOWED, DENY_FLAT, EXIT_NONE, FLAT
from cbbot.kernel.gates import entry, permitted
from cbbot.kernel.lot import Lot, opened, promoted
from cbbot.kernel.money import fee_up, slipped
from cbbot.kernel.params import DAY_MS, Params
from cbbot.kernel.strategy import signal

__all__ = ["MONEY_LIMIT", "Closed", "Portfolio", "Steps", "Tally", "advance"]

MONEY_LIMIT: Final = 2.0**62
"""Ledger units that neither a position nor the account may exceed: beyond, compiled integers would wrap."""


class Steps(NamedTuple):
    """One value a step: the prices an exit may see, what the model and the averages say at the close.

    ``now_ms`` is the candle's close time, ``close`` the step's price; prices are ticks, ``score``
    the model's log-odds, ``fast`` and ``slow`` averages in ticks. On closes alone ``open``,
    ``high`` and ``low`` are the close (see ``cbbot.kernel.candle_path``).
    """

    now_ms: Sequence[int]
    open: Sequence[int]
    high: Sequence[int]
    low: Sequence[int]
    close: Sequence[int]
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
    """What the steps did, for the report.

    ``signals`` by signal + 1 and ``denials`` by code are counts; ``closed`` grows; ``marked``
    (marked equity) and ``lots`` (how many are open) have a place for every step.
    """

    signals: MutableSequence[int]
    denials: MutableSequence[int]
    closed: MutableSequence[Closed]
    marked: MutableSequence[int]
    lots: MutableSequence[int]


class Portfolio(NamedTuple):
    """The account, and the open lots, oldest first. The list is changed in place."""

    account: Account
    lots: MutableSequence[Lot]


def advance(params: Params, portfolio: Portfolio, steps: Steps, first: int, last: int, tally: Tally) -> Portfolio:
    """Step through ``first <= i < last``. Returns the portfolio with its new account.

    Raises:
        OverflowError: a position or the account grows beyond ``MONEY_LIMIT``, compiled or not.
    """
    account, lots = portfolio
    quiet = _quiet(params, lots)
    wealth = equity(account)
    for i in range(first, last):
        now_ms, ticks = steps.now_ms[i], steps.close[i]
        worth = wealth
        touched = False
        if account.lots > 0:
            if steps.high[i] * 1.0 * account.base_sum > MONEY_LIMIT:
                raise OverflowError("a position is worth more than cbbot can count")
            worth = wealth + unrealised(account, ticks)
            touched = steps.low[i] <= quiet.low or steps.high[i] >= quiet.high
            if touched:
                worth += _left_before_close(params, lots, steps, i)
        if now_ms // DAY_MS != account.day:
            account = with_day(params, account, now_ms, wealth, worth)
        if not account.breaker and params.max_daily_loss_rate > 0:
            account = with_breaker(params, account, worth)
        exited = False
        if touched:
            before = account.lots
            account = _exits(params, account, lots, steps, i, tally)
            quiet, wealth = _quiet(params, lots), equity(account)
            exited = account.lots < before
            if abs(wealth) > MONEY_LIMIT:
                raise OverflowError("the account is worth more than cbbot can count")
        if not exited:
            wanted = signal(
                steps.score[i], steps.fast[i], steps.slow[i], params.buy_logit, params.sell_logit, params.ma_filter
            )
            tally.signals[wanted + 1] += 1
            if wanted == FLAT:
                tally.denials[DENY_FLAT] += 1
            else:
                before = account.lots
                account = _consider(params, account, lots, wanted, now_ms, ticks, steps.std_ratio[i], tally)
                if account.lots > before:
                    quiet = _quiet(params, lots)
        tally.marked[i] = wealth + unrealised(account, ticks)
        tally.lots[i] = account.lots
    return Portfolio(account, lots)


def _quiet(params: Params, lots: Sequence[Lot]) -> Band:
    """The band in which no lot is touched: a step inside it costs the same however many there are."""
    low, high = LOWEST, HIGHEST
    for j in range(len(lots)):
        each = band(params, lots[j])
        low, high = max(low, each.low), min(high, each.high)
    return Band(low, high)


def _left_before_close(params: Params, lots: Sequence[Lot], steps: Steps, i: int) -> int:
    """What the lots that leave inside the candle are worth there, beyond what they would be at its close.

    The day and its breaker see them at the price they leave at. 0 when a step has one price.
    """
    close = steps.close[i]
    beyond = 0
    if steps.high[i] == steps.low[i]:
        return beyond
    for j in range(len(lots)):
        lot = lots[j]
        _, reason, ticks = walked(params, lot, steps.open[i], steps.high[i], steps.low[i], close)
        if reason != EXIT_NONE:
            beyond += lot.side * (ticks - close) * lot.base
    return beyond


def _exits(params: Params, account: Account, lots: MutableSequence[Lot], steps: Steps, i: int, tally: Tally) -> Account:
    """Trail, test and close every lot; then promote if the runner has left."""
    leaving: list[tuple[Lot, int, int]] = []
    kept = 0
    runner = False
    for j in range(len(lots)):
        lot, reason, ticks = walked(params, lots[j], steps.open[i], steps.high[i], steps.low[i], steps.close[i])
        if reason == EXIT_NONE:
            lots[kept] = lot
            kept += 1
            runner = runner or lot.runner
        else:
            leaving.append((lot, reason, ticks))
    while len(lots) > kept:
        lots.pop()
    if kept > 0 and not runner:
        lots[kept - 1] = promoted(params, lots[kept - 1])
    newest_ticks = lots[kept - 1].open_ticks if kept > 0 else 0
    for lot, reason, ticks in leaving:
        account = _close(params, account, lot, newest_ticks, steps.now_ms[i], ticks, reason, tally)
    return account


def _close(
    params: Params,
    account: Account,
    lot: Lot,
    newest_ticks: int,
    now_ms: int,
    ticks: int,
    reason: int,
    tally: Tally,
) -> Account:
    price = slipped(ticks, -lot.side, params.slippage)
    proceeds = price * lot.base
    exit_fee = fee_up(proceeds, params.fee_rate)
    net = close_net(lot, proceeds, exit_fee)
    tally.closed.append(Closed(lot, now_ms, price, proceeds, exit_fee, net, reason))
    return booked_close(account, lot, True, net, now_ms, reason, newest_ticks)


def _consider(
    params: Params,
    account: Account,
    lots: MutableSequence[Lot],
    wanted: int,
    now_ms: int,
    ticks: int,
    std_ratio: float,
    tally: Tally,
) -> Account:
    """Ask the gates, size, and open a lot; or count which gate denied."""
    denied = permitted(params, wanted, now_ms, ticks, position(account), stops(account, False))
    if denied != ALLOWED:
        tally.denials[denied] += 1
        return account
    sized = entry(params, wanted, ticks, std_ratio, equity(account), cash(account), account.cost_sum)
    if sized.denied != ALLOWED:
        tally.denials[sized.denied] += 1
        return account
    cost = sized.ticks * sized.base
    fee = fee_up(cost, params.fee_rate)
    lot = opened(params, account.next_lot, wanted, now_ms, sized.ticks, sized.base, cost, fee, len(lots))
    lots.append(lot)
    return booked_open(account, lot)
