"""What of a trader's state a restart keeps."""

from __future__ import annotations

from dataclasses import replace

from cbbot.trader.trader_state import GivenUp, TraderState

__all__ = ["as_kept"]


def as_kept(before: TraderState, after: TraderState, *, version: int) -> TraderState:
    """``before`` without what its document of ``version`` does not hold; ``after`` is what was read from that.

    The indicators are worked out anew.
    """
    refused = () if version == 1 else before.refused_exits
    return replace(
        before,
        market=after.market,
        intents=tuple(replace(intent, asked_at=0, sent_ms=0, sent_at=0, repeated=False) for intent in before.intents),
        refused_exits=tuple(replace(each, again_at=0) for each in refused),
        refused_entries=None,
        given_up=tuple(
            GivenUp(replace(each.intent, asked_at=0, sent_ms=0, sent_at=0, repeated=False)) for each in before.given_up
        )
        if version > 1
        else (),
        balances=None,
        decision=None,
        last_order_ms=0,
        watching=False,
        reconciled=False,
        elapsed_ms=0,
        filled_at=0,
        accounted_ms=after.accounted_ms,
        startup=after.startup,
        expected=after.expected if version == 1 else before.expected,
        unexplained=after.unexplained,
    )
