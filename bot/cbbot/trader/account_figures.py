"""Figures of the account that depend on the mode: equity, cash, marked equity."""

from __future__ import annotations

from typing import Final, NamedTuple

from cbbot.kernel import account
from cbbot.kernel.codes import BUY, SELL
from cbbot.kernel.money import marked
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import TraderState

__all__ = ["Figures", "cash", "equity", "figures", "known", "marked_equity", "unrealised"]

_FRESH_MS: Final = 10_000


def known(rules: Rules, state: TraderState) -> bool:
    """Whether the account's worth is known: not before the first balances, where it is theirs."""
    return state.balances is not None or not _from_balances(rules)


class Figures(NamedTuple):
    """What is shown of an account, in ledger units; None is what is not known yet."""

    equity: int | None
    marked: int | None
    unrealised: int | None


def figures(rules: Rules, state: TraderState) -> Figures:
    """The newest figures that are known; nothing trades on these.

    Before the first balances of a run those that the state expects are the last known ones; without a price nothing
    that is open has a worth.
    """
    ticks = state.market.last_price
    profit = unrealised(state, ticks) if ticks or not (state.lots or state.dust.base or state.short_dust.base) else None
    if not _from_balances(rules):
        worth = account.equity(state.account)
        return Figures(worth, None if profit is None else worth + profit, profit)
    held = state.balances or state.expected
    if held is None or (held.base and not ticks):
        return Figures(None, None, profit)
    worth = held.quote + held.base * ticks
    return Figures(worth, worth, profit)


def equity(rules: Rules, state: TraderState, ticks: int) -> int:
    """What sizing and the daily figures count with, in ledger units."""
    if _from_balances(rules) and state.balances is not None:
        return state.balances.quote + state.balances.base * ticks
    return account.equity(state.account)


def marked_equity(rules: Rules, state: TraderState, ticks: int) -> int:
    """Equity with open lots at the price. Balances already hold the lots' base, so nothing is added to them."""
    if _from_balances(rules) and state.balances is not None:
        return equity(rules, state, ticks)
    return account.equity(state.account) + unrealised(state, ticks)


def unrealised(state: TraderState, ticks: int) -> int:
    """Profit of lots and dust at the price. The account marks all it holds as of one side; dust may be of the other."""
    main = state.account.side
    profit = account.unrealised(state.account, ticks)
    for side in (BUY, SELL):
        dust = state.dust_of(side)
        if dust.base and side != main:
            profit += marked(side, ticks, dust.base, dust.cost, 0) - marked(main, ticks, dust.base, dust.cost, 0)
    return profit


def cash(rules: Rules, state: TraderState, now_ms: int) -> int | None:
    """What an entry may spend, in ledger units; None when live balances are too old to tell."""
    if not rules.live:
        return account.cash(state.account)
    balances = state.balances
    if balances is None or abs(now_ms - balances.at_ms) >= _FRESH_MS or balances.at_ms <= state.last_order_ms:
        return None
    return balances.quote


def _from_balances(rules: Rules) -> bool:
    return rules.live and rules.settings.use_live_equity
