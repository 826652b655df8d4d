"""What a start finds on the disk: the state of an earlier run, its trades, and who that makes this run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from cbbot.contract.settings import Settings
from cbbot.runtime.resume import earlier_document, identity_of, state_trades
from cbbot.runtime.store import StateStore
from cbbot.runtime.trade_log import TradeLog
from cbbot.trader.trader_state import Identity

__all__ = ["OpenedState", "open_state"]


class OpenedState(NamedTuple):
    """``document`` is None for a fresh start; ``warnings`` say what was not as it must be."""

    store: StateStore
    trade_log: TradeLog
    document: dict[str, Any] | None
    identity: Identity
    warnings: list[str]


def open_state(state_file: Path, settings: Settings, venue: str) -> OpenedState:
    """Reads the folder, which must be locked.

    Raises:
        UnsafeStart: trading on what is there would be wrong.
        OSError: the trade log cannot be read.
    """
    store = StateStore(state_file)
    document, warnings = earlier_document(store, settings, venue)
    trade_log = TradeLog(state_file.with_name("trades.jsonl"), state_trades(document))
    identity = identity_of(settings, venue, document)
    return OpenedState(store, trade_log, document, identity, [*warnings, *trade_log.warnings])
