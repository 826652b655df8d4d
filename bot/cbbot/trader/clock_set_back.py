"""After the venue's clock was set back: what is waited for by that clock is not waited for all over again. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cbbot.trader.trader_state import TraderState

__all__ = ["noticed"]

# Events overtake each other by less than this, at a fast simulator too.
_SET_BACK_MS: Final = 600_000


def noticed(state: TraderState, now_ms: int) -> TraderState:
    """Spacing, cooldown and the start count from now where they would count from far in the future."""
    latest_ms, account = now_ms + _SET_BACK_MS, state.account
    if max(account.last_add_ms, account.last_loss_ms) > latest_ms:
        add_ms, loss_ms = min(account.last_add_ms, now_ms), min(account.last_loss_ms, now_ms)
        state = replace(state, account=account._replace(last_add_ms=add_ms, last_loss_ms=loss_ms))
    if state.accounted_ms > latest_ms:
        # Orders are listed from then on: a time that has not come yet would leave out what is placed before it.
        state = replace(state, accounted_ms=now_ms)
    if state.startup.started_ms > latest_ms:
        state = replace(state, startup=replace(state.startup, started_ms=now_ms))
    return state
