"""Money and base that come into the account or leave it by other hands: no profit and no loss. Pure.

With USE_LIVE_EQUITY the balances are the equity. What they should be follows from those seen last and from the bot's
own fills since; the rest is a deposit, a withdrawal, or somebody else's trade, and the day's figures begin as much
higher or lower. Balances that show a fill late count as a flow and, once they show it, as one back.
"""

from __future__ import annotations

from dataclasses import replace

from cbbot.domain.order import Execution, Side
from cbbot.kernel.money import fee_up
from cbbot.trader import notices
from cbbot.trader.commands import Checkpoint, Command
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import Holdings, TraderState

__all__ = ["after_balances", "after_fill"]

Outcome = tuple[TraderState, tuple[Command, ...]]


def after_fill(state: TraderState, side: Side, execution: Execution, fee: int) -> TraderState:
    """The state that expects what the bot's own fill makes of the balances."""
    expected = state.expected
    if expected is None or not execution.base:
        return state
    sign = 1 if side is Side.BUY else -1
    base, quote = expected.base + sign * execution.base, expected.quote - sign * execution.value - fee
    return replace(state, expected=Holdings(base, quote))


def after_balances(rules: Rules, state: TraderState) -> Outcome:
    """The state in which the day begins with what came or went by other hands."""
    balances, ticks = state.balances, state.market.last_price
    if balances is None or not (rules.live and rules.settings.use_live_equity) or not ticks:
        return state, ()
    expected, state = state.expected, replace(state, expected=Holdings(balances.base, balances.quote))
    if expected is None:
        return state, ()
    flow = balances.quote - expected.quote + (balances.base - expected.base) * ticks
    account = state.account
    if not flow or account.day < 0:
        return state, ()
    equity = account.day_equity + flow
    limit = fee_up(max(equity, 0), rules.params.max_daily_loss_rate)
    rebased = account._replace(day_equity=equity, day_marked=account.day_marked + flow, loss_limit=limit)
    state = replace(state, account=rebased)
    if abs(flow) < rules.params.min_notional_ledger:
        return state, ()
    return state, (Checkpoint(), notices.flow(rules, flow))
