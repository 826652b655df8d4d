"""What a person says about lots that the account contradicts: that one is gone, that one is there. Pure.

Base that came or left by hand is no profit and no loss.
"""

from __future__ import annotations

from dataclasses import replace

from cbbot.errors import BadInput
from cbbot.kernel.account import booked_close, booked_open
from cbbot.kernel.codes import BUY, EXIT_NONE, SELL
from cbbot.kernel.lot import opened
from cbbot.trader.order_outcomes import ensure_runner
from cbbot.trader.refused_orders import WITHOUT_BASE
from cbbot.trader.rules import Rules
from cbbot.trader.startup import UNEXPLAINED
from cbbot.trader.trader_state import TraderState

__all__ = ["explained", "with_lot", "without_lot"]


def explained(state: TraderState) -> TraderState:
    """What a start could not explain has been seen to: entries are no longer paused for it."""
    return replace(state, paused_by=state.paused_by - {UNEXPLAINED, WITHOUT_BASE}, unexplained="")


def without_lot(rules: Rules, state: TraderState, lot_id: int) -> TraderState:
    """The lot leaves without a trade.

    Raises:
        BadInput: there is no such lot, or an order to close it is under way.
    """
    lot = next((each for each in state.lots if each.id == lot_id), None)
    if lot is None:
        known = ", ".join(str(each.id) for each in state.lots) or "none"
        raise BadInput(f"--lot {lot_id}: there is no such lot; open are: {known}")
    if state.closing(lot):
        raise BadInput(f"--lot {lot_id}: an order to close it is under way; start the bot, which finds its end out")
    lots = tuple(each for each in state.lots if each.id != lot_id)
    newest = lots[-1].open_ticks if lots else 0
    account = booked_close(state.account, lot, True, 0, 0, EXIT_NONE, newest)
    # Closing every lot goes on: a start may find an order that opened one after all, and ends it when none can come.
    return ensure_runner(rules, replace(state, lots=lots, account=account).without_refused_exit(lot_id))


def with_lot(rules: Rules, state: TraderState, base: int, ticks: int, now_ms: int) -> TraderState:
    """A BUY lot of so much base, bought at so much, joins the others; its levels are those of the settings.

    Raises:
        BadInput: the base or the price is nothing, an entry is under way, or lots of the other side are open.
    """
    if base <= 0 or ticks <= 0:
        raise BadInput("--base and --price: above 0, in whole increments of the venue's")
    if state.entering:
        raise BadInput("an order that opens a lot is under way; start the bot, which finds its end out")
    if any(lot.side == SELL for lot in state.lots):
        raise BadInput("SELL lots are open: lots of both sides never coexist")
    lot = opened(rules.params, state.account.next_lot, BUY, now_ms, ticks, base, base * ticks, 0, len(state.lots))
    return replace(state, lots=(*state.lots, lot), account=booked_open(state.account, lot))
