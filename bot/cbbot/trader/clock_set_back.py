"""The venue's clock was set back: what the state remembers by it lies in the future, and would wait until then. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cbbot.trader.trader_state import TraderState

__all__ = ["SET_BACK_MS", "noticed"]

SET_BACK_MS: Final = 600_000
"""Events overtake each other by less than this, at a fast simulator too."""


def noticed(state: TraderState, now_ms: int) -> TraderState:
    """Marks that are far in the future are as of now. Balances of then may be of any age, and are forgotten."""
    latest_ms = now_ms + SET_BACK_MS
    account = state.account
    if max(account.last_add_ms, account.last_loss_ms) > latest_ms:
        # Spacing and cooldown count from now.
        add_ms, loss_ms = min(account.last_add_ms, now_ms), min(account.last_loss_ms, now_ms)
        state = replace(state, account=account._replace(last_add_ms=add_ms, last_loss_ms=loss_ms))
    if state.last_order_ms > latest_ms:
        state = replace(state, last_order_ms=now_ms)
    if state.balances is not None and state.balances.at_ms > latest_ms:
        state = replace(state, balances=None)
    if state.startup.started_ms > latest_ms:
        state = replace(state, startup=replace(state.startup, started_ms=now_ms))
    return state
